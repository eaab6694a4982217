"""Ending a release that waits for an approval."""

from delivery.approval import decision_command

HELP = """End the release of SERVICE that waits for an approval; what runs stays.

Example: delivery reject chuoi --stack prd --reason "not before the holidays"
"""
command = decision_command("reject", "Rejected", HELP)
