"""The operators' command line: what acts on releases, over AWS's APIs."""
