"""A Slack of the sandbox's own: it takes what is posted to incoming webhooks, and shows it."""
