"""Stand-ins for services outside of AWS: they accept what is posted to them, and show it."""
