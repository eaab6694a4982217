"""A stack's services on ECS Fargate, each with its parameters and its deploy pipeline."""

from components.platform.platform import scope_of
from components.service.rule_priorities import rule_hooks
from components.service.update_hooks import fail_if_pending, read_service_states
from config import settings
from stack import garbage, notifications, platform, service

garbage.collect_rarely()
stack = settings.load()
scope = scope_of(stack.stack, stack.config.permissions_boundary, stack.config.cluster.name)
service.check_queues(stack, scope)
seen = read_service_states(stack.provider, scope, list(stack.config.services))
platform.check_replacements(stack, scope, seen)
service.check_replacements(stack, seen)

shared = platform.declare(stack, scope, seen)
hooks = rule_hooks(seen.session)
services = service.declare_all(stack, shared, seen, hooks)
platform.dashboard(stack, shared, [each.charted for each in services])
notifications.declare(stack, shared)
fail_if_pending([each.waiting for each in services])
