"""EventBridge: the event bus, its targets, API destinations and dead-letter queues."""
