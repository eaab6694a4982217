"""Continuing a deployment that waits with its new tasks on the test port."""

from delivery.executions.shift import shift_command

HELP = """Continue the deployment of SERVICE that waits in its pause (`deploy.pause`).

Example: delivery continue chuoi --stack prd
"""
command = shift_command("continue", HELP)
