"""What `up` says of what it does."""
