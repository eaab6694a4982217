"""Container images and containers on plain Linux namespaces, without a container engine."""
