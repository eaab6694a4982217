"""The commands, one module each: what `delivery VERB` takes, and what it does."""
