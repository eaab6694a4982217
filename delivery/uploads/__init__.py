"""What a service's CI does, from this machine: packing a source, building and pushing an image."""
