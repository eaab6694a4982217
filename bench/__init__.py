"""What a release and a preview cost."""
