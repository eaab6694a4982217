"""The stack file: its keys, its checks, and the JSON Schema that follows from them."""
