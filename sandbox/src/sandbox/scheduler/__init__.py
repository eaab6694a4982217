"""EventBridge Scheduler: its API where moto answers otherwise, when a schedule is due, and what it calls then."""
