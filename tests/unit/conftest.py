from mocked import committed, deploy, dev

__all__ = ["committed", "deploy", "dev"]
