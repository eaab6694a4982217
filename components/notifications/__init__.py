"""Who is told of releases: Slack, and the commits that were released."""
