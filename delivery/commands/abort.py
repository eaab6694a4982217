"""Ending a deployment in which ECS shifts the traffic."""

from delivery.shift import shift_command

HELP = """Have the deployment of SERVICE go back, whether it waits in its pause or shifts the traffic.

Its release, or the `up` that began it, then fails.

Example: delivery abort chuoi --stack prd
"""
command = shift_command("abort", HELP)
