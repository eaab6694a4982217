"""Session Manager of AWS Systems Manager: sessions, and the agent's end of them."""
