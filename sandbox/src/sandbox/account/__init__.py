"""An account in a region: what its services share. It knows none of them."""
