"""What a stack's services are now, what changes them, and what they read."""
