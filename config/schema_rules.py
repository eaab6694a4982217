"""What the stack files' schema says beyond the types of single keys: sizes, what goes with what.

The models decide (`config/stack_file.py`, `config/service.py`); these are their rules between keys, as far as JSON
Schema has words for them, for whoever writes a stack file in an editor. It cannot compare two numbers, nor two
services; nor does it see what is said of a service in another file, so it misses no key of a service. It names no task
template: a team adds its own, and the schema is the same for all.
"""

from itertools import combinations
from typing import Any

from components.service.route_names import VALUES_OF_A_RULE
from components.service.strategies import STRATEGIES
from components.service.task_rules import MEMORY

Schema = dict[str, Any]


def _given(*keys: str) -> Schema:
    """Each of them is there, and not empty."""
    return {"required": list(keys), "properties": {key: {"not": {"type": "null"}} for key in keys}}


def _none_of(*keys: str) -> Schema:
    return {"properties": {key: {"type": "null"} for key in keys}}


def _is(key: str, value: Any) -> Schema:
    return {"required": [key], "properties": {key: {"const": value}}}


def _when(condition: Schema, then: Schema, otherwise: Schema | None = None) -> Schema:
    return {"if": condition, "then": then, **({"else": otherwise} if otherwise is not None else {})}


def _items(key: str, least: int) -> Schema:
    return {"required": [key], "properties": {key: {"minItems": least}}}


def _deploys(strategy: str) -> Schema:
    return {"required": ["deploy"], "properties": {"deploy": _is("strategy", strategy)}}


SOURCES_OF_A_PARAMETER = (_given("value"), _is("secret", True), _given("external"), _given("secrets_manager"))
NO_SUBNETS = {"properties": {f"{kind}_subnet_ids": {"maxItems": 0} for kind in ("public", "private")}}
WILDCARDS, ECR, NESTED, AWS_OWN = "[*?]", r"\.dkr\.ecr\.", r"\{\{", "^/aws/"
NO = {"const": False}
RUNTIME_ONLY = {"properties": {"for": {"items": {"const": "runtime"}}}}
WILD = {"contains": {"pattern": WILDCARDS}}


def rules() -> dict[str, list[Schema]]:
    """Model → what holds for its keys together."""
    return {
        **{each.__name__: [dict(rule) for rule in each.rules] for each in STRATEGIES.values() if each.rules},
        "Task": [_when(_is("cpu", cpu), {"properties": {"memory": {"enum": sizes}}}) for cpu, sizes in MEMORY.items()],
        "Network": [
            _when(
                _given("vpc_id"),
                {
                    "allOf": [
                        _none_of("cidr", "zones", "nat", "endpoints", "more_endpoints"),
                        _items("private_subnet_ids", 1),
                    ]
                },
                NO_SUBNETS,
            ),
            _when(_items("more_endpoints", 1), _is("endpoints", True)),
        ],
        **{
            zone: [
                {"not": {"allOf": [_is("private", True), _is("records", False)]}},
                {"not": _given("validated_in", "certificate_arn")},
                _when(
                    _given("role", "certificate_arn"), {"not": {"anyOf": [_is("private", True), _is("records", False)]}}
                ),
            ]
            for zone in ("Zone", "Domain")
        },
        "LoadBalancer": [{"not": {"allOf": [_given("listener_arn"), _is("internal", True)]}}],
        "Connection": [
            _when(_given("service"), _none_of("security_group", "port"), _given("security_group", "port")),
        ],
        "Route": [{"properties": {"paths": {"maxItems": VALUES_OF_A_RULE - 1}}}],
        "Registries": [{"properties": {"logins": {"propertyNames": {"not": {"type": "string", "pattern": ECR}}}}}],
        "External": [
            {"not": {"allOf": [_given("key"), _is("secret", False)]}},
            {"properties": {"name": {"not": {"type": "string", "pattern": AWS_OWN}}}},
        ],
        "ManagedSecret": [{"not": _given("stage", "version")}],
        "Parameter": [
            {"properties": {"value": {"minLength": 1, "not": {"type": "string", "pattern": NESTED}}}},
            {"properties": {"external": {"not": {"type": "string", "pattern": AWS_OWN}}}},
            *({"not": {"allOf": list(two)}} for two in combinations(SOURCES_OF_A_PARAMETER, 2)),
        ],
        "Permission": [
            _when({"anyOf": [{"properties": {key: WILD}} for key in ("actions", "resources")]}, _given("reason"))
        ],
        "Source": [
            _when(_given("tag"), {"properties": {"type": {"const": "ecr"}}}),
            _when(
                _given("images"), {"anyOf": [{"properties": {"images": NO}}, {"properties": {"type": {"const": "s3"}}}]}
            ),
            _when(
                _given("upload_of"),
                {
                    "allOf": [
                        {"properties": {"type": {"const": "s3"}, "images": {"enum": [False, None]}}},
                        _none_of("github", "gitlab"),
                    ]
                },
            ),
            _when(_is("type", "promote"), {"allOf": [_given("promote_from"), _none_of("github", "gitlab")]}),
        ],
        "Service": [
            _when(
                {
                    "required": ["source"],
                    "properties": {"source": {"anyOf": [_is("type", "ecr"), _is("type", "promote")]}},
                },
                {"properties": {"build": {"type": "null"}, "parameters": {"additionalProperties": RUNTIME_ONLY}}},
            ),
            _when(_is("protocol", "grpc"), {"properties": {"alarms": {"properties": {"server_errors": NO}}}}),
            *(_when(_deploys(name), dict(each.rules_of_service)) for name, each in STRATEGIES.items()),
            *(_when(_deploys(name), _none_of("stickiness")) for name, each in STRATEGIES.items() if each.shifts),
        ],
    }
