"""Services outside of AWS, as the sandbox has them: they take what is sent to them, and show it."""
