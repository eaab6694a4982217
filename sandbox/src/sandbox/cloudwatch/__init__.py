"""What moto's CloudWatch lacks: composite alarms."""
