"""Ending a deployment in which ECS shifts the traffic."""

from delivery.executions.shift import shift_command

HELP = """Roll back the deployment of SERVICE, whether it pauses or shifts the traffic.

Its release, or the `up` that started it, then fails.

Example: delivery abort chuoi --stack prd
"""
command = shift_command("abort", HELP)
