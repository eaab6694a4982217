"""What runs in a service's tasks: logs, sessions, and commands of one run."""
