"""What the services of a stack share."""
