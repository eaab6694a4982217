"""The smallest stack's whole life on an account, and which lines of docs/aws-assumptions.md held meanwhile."""
