"""What a person reads and answers."""
