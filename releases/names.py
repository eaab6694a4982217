"""What the things of a service are called in AWS."""


def aws_name(stack: str, service: str) -> str:
    """What the things of a service are called in AWS: its repository, its pipeline, its task definition's family."""
    return f"{stack}-{service}"
