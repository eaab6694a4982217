"""Whether a packet would arrive: routes, gateways, endpoints and security groups of a VPC."""
