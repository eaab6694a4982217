"""The deploy pipeline of a service, and what starts it."""
