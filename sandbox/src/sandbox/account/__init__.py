"""An account in a region: what its services share. It imports none of the services."""
