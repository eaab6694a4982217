"""Systems Manager: the sessions that its own operations open and end."""
