from mocked import deploy

__all__ = ["deploy"]
