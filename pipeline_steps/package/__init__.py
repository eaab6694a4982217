"""Package: says which image is to be deployed, and sees that it is in the service's own repository."""
