"""Letting a deployment go on that waits with its new tasks on the test port."""

from delivery.shift import shift_command

HELP = """Let the deployment of SERVICE go on that waits in its pause (`deploy.pause`).

Example: delivery continue chuoi --stack prd
"""
command = shift_command("continue", HELP)
