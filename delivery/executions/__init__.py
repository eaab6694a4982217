"""What goes through a service's pipeline and how it is deployed: starting, finding, following and answering it."""
