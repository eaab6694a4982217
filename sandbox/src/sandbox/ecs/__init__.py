"""ECS services and tasks: what `CreateService`, `UpdateService` and `RunTask` set in motion."""
