"""Application Load Balancers: each listener on a local port, with its declared rules."""
