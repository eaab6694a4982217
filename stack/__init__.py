"""How a stack is made of components: functions that have no resources of their own."""
