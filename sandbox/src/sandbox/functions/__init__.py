"""Lambda functions: moto keeps them, and those in Python run as processes of this machine, with their role."""
