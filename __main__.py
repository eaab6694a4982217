"""A stack's services on ECS Fargate, each with its parameters and its deploy pipeline."""

from components.service.rule_priorities import rule_hooks
from components.service.update_hooks import end_with, look_once
from config import settings
from stack import garbage, notifications, platform, service

garbage.collect_rarely()
stack = settings.load()
scope = platform.scope_of(stack)
seen = look_once(stack.provider, scope, list(stack.config.services))
replacing = service.replacing(stack, seen)

shared = platform.declare(stack, scope)
make_room = rule_hooks(seen.session)
services = [service.declare(name, shared, seen, make_room, replaces=replacing[name]) for name in stack.config.services]
platform.overview(shared, [each.charted for each in services])
notifications.declare(shared)
end_with([each.waiting for each in services])
