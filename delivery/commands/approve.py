"""Letting a release go on that waits for an approval."""

from delivery.approval import decision_command

HELP = """Let the release of SERVICE go on that waits for an approval.

Example: delivery approve chuoi --stack prd
"""
command = decision_command("approve", "Approved", HELP)
