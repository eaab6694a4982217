"""A service on ECS Fargate: its tasks, how requests reach it, its parameters, and how it is deployed."""
