"""Clients of a running sandbox: what its command line does, apart from the emulated services."""
