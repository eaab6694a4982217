"""A resource handler driven by botocore's models: which operations, which key, which outputs."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.providers.resources.codec import encode_inputs, folded, member, reported
from sandbox.providers.types import Aws

Properties = dict[str, Any]
PROVIDER_ONLY = frozenset({"region", "tagsAll", "namePrefix", "forceDestroy", "skipDestroy", "timeouts"})
NEW_ROLE_SECONDS = 15.0
ROLE_PAUSE = 0.2
"""How long a role that is refused may be only too new for AWS, and until it is tried again. The real provider takes
minutes, which a role that is wrong costs there."""
_GONE = re.compile(r"NotFound|NoSuch|NonExistent|^404$")


@dataclass(frozen=True)
class Tagging:
    """A service's calls to tag a resource: the operation pairs and where the listing has the tags."""

    tag: str = "TagResource"
    untag: str = "UntagResource"
    listing: str = "ListTagsForResource"
    path: str = "tags"
    by: Literal["id", "arn"] = "arn"
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AwsResource:
    """A resource that AWS creates, reads and deletes by one call each.

    `key` is the argument that holds the resource's id in every later call (a list argument gets a
    list), `element` the path of the description in the read call's answer, `outputs` paths in that
    description. `names` are properties that the API calls otherwise, at any level; `apart` are
    inputs that are not arguments of `create`. Subclasses override the steps that AWS does by more
    than one call.
    """

    service: str
    create_call: str
    read_call: str
    delete_call: str
    update_call: str = ""
    key: str
    id: str
    element: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    tagging: Tagging | None = None
    refused_role: tuple[str, str] | None = None
    """Error code and words by which the create call refuses a role; they may mean that the role is too new."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it with everything it needs several calls for; AWS's error passes on."""
        inputs = {**self.defaults, **self.with_name(inputs)}
        self.refuse_existing(aws, inputs)
        response = self.call_once_the_role_is_known(aws, self.arguments(aws, self.create_call, inputs))
        id = self.identify(aws, inputs, response)
        try:
            self.settle(aws, id, {}, inputs)
            if inputs.get("tags") and not self.has_argument(aws, self.create_call, "tags"):
                self.retag(aws, id, inputs, inputs["tags"], {})
            return id, self.computed(aws, id, inputs)
        except Exception:
            with contextlib.suppress(ClientError):
                self.delete(aws, id, inputs)
            raise

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """What AWS reports of it, None when it is gone."""
        description = self.find(aws, id, props)
        if description is None:
            return None
        state = {name: value for name, value in self.reported(aws, description, props).items() if value is not None}
        for name, value in self.computed_from(aws, id, description, props).items():
            state[name] = reported(value, props[name], self.names) if name in props else value
        if self.tagging is not None:
            tags = self.tags(aws, id, props, description)
            if tags or props.get("tags"):
                state["tags"] = tags
            state["tagsAll"] = tags
        return state

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Change it in place to `news`."""
        olds, news = {**self.defaults, **olds}, {**self.defaults, **self.with_name(news, olds)}
        self.change(aws, id, olds, news)
        self.settle(aws, id, olds, news)
        if self.tagging is not None and olds.get("tags", {}) != news.get("tags", {}):
            self.retag(aws, id, {**olds, **news}, news.get("tags", {}), olds.get("tags", {}))
        return self.computed(aws, id, news)

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Delete it; one that is gone already is fine."""
        if props.get("skipDestroy") is True:
            return
        with ignoring_gone():
            self.remove(aws, id, props)

    # Steps that a subclass may replace.

    def refuse_existing(self, aws: Aws, inputs: Properties) -> None:
        """Raise where AWS itself would take over a resource that exists, and the provider does not."""

    def identify(self, aws: Aws, inputs: Properties, response: Any) -> str:
        """The id, from the create call's answer or, with `id` = "@name", from the inputs."""
        return str(inputs[self.id[1:]] if self.id.startswith("@") else dig(response, self.id))

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        """Set what has its own call, where `news` differs from `olds` ({} right after creation)."""

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        """The update call with all inputs it knows."""
        if self.update_call:
            self.call(aws, self.update_call, self.arguments(aws, self.update_call, news, lenient=True), id)

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        """The description in AWS's answer, None when there is none."""
        try:
            return dig(self.call(aws, self.read_call, {}, id), self.element)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        """The declared properties as AWS reports them."""
        return declared(description, props, self.names)

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        """The output properties, from the description."""
        return {name: value for name, path in self.outputs.items() if (value := dig(description, path)) is not None}

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        """The delete call."""
        self.call(aws, self.delete_call, {}, id)

    # What subclasses are built from.

    def computed(self, aws: Aws, id: str, inputs: Properties) -> Properties:
        """The outputs of a resource that exists."""
        description = self.find(aws, id, inputs)
        if description is None:
            raise RuntimeError(f"{self.create_call}: {id} is not there after it was written")
        computed = self.computed_from(aws, id, description, inputs)
        for name in ("name", *self.defaults):
            if name in inputs:
                computed.setdefault(name, inputs[name])
        if self.tagging is not None:
            computed["tagsAll"] = inputs.get("tags", {})
        return computed

    def with_name(self, inputs: Properties, olds: Properties | None = None) -> Properties:
        """The inputs with a name made from `namePrefix` (kept over updates)."""
        if "namePrefix" not in inputs or "name" in inputs:
            return inputs
        return {**inputs, "name": (olds or {}).get("name") or inputs["namePrefix"] + secrets.token_hex(6)}

    def call(self, aws: Aws, operation: str, arguments: Properties, id: str | None = None) -> Any:
        """One API call, of the resource `id` when given."""
        client = aws.client(self.service)
        if id is not None:
            shape = client.meta.service_model.operation_model(operation).input_shape
            target = member(self.key, shape.members, {}) or self.key
            listed = shape.members[target].type_name == "list"
            arguments = {**arguments, target: [id] if listed else id}
        return getattr(client, xform_name(operation))(**arguments)

    def call_once_the_role_is_known(self, aws: Aws, arguments: Properties) -> Any:
        """The create call, again and again while it refuses a role that may have been made a moment ago."""
        end = time.monotonic() + NEW_ROLE_SECONDS
        while True:
            try:
                return self.call(aws, self.create_call, arguments)
            except ClientError as error:
                code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
                refused = self.refused_role and self.refused_role[0] == code and self.refused_role[1] in message
                if not refused or time.monotonic() > end:
                    raise
            time.sleep(ROLE_PAUSE)

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        """The inputs as the operation's arguments; `lenient` leaves out what it has no argument for."""
        shape = aws.client(self.service).meta.service_model.operation_model(operation).input_shape
        sent = {k: v for k, v in inputs.items() if k not in PROVIDER_ONLY | self.apart}
        if lenient or (operation == self.create_call and member("tags", shape.members, self.names) is None):
            sent.pop("tags", None)
        if lenient:
            sent = {k: v for k, v in sent.items() if member(k, shape.members, self.names)}
        return encode_inputs(shape, sent, self.names)

    def has_argument(self, aws: Aws, operation: str, name: str) -> bool:
        """Whether the operation takes the property."""
        shape = aws.client(self.service).meta.service_model.operation_model(operation).input_shape
        return member(name, shape.members, self.names) is not None and name not in self.apart

    def tag_target(self, id: str, props: Properties, description: Any = None) -> str:
        """What the tag calls know the resource by."""
        assert self.tagging is not None
        if self.tagging.by == "id":
            return id
        return str(dig(description, self.outputs["arn"]) if description is not None else props["arn"])

    def tags(self, aws: Aws, id: str, props: Properties, description: Any) -> dict[str, str]:
        """The tags it has now."""
        assert self.tagging is not None
        response = self._tag_call(aws, self.tagging.listing, self.tag_target(id, props, description), {})
        tags = dig(response, self.tagging.path) or {}
        return tag_dictionary(tags)

    def retag(self, aws: Aws, id: str, props: Properties, tags: Mapping[str, str], had: Mapping[str, str]) -> None:
        """Bring the tags from `had` to `tags`."""
        assert self.tagging is not None
        description = self.find(aws, id, props) if self.tagging.by == "arn" else None
        target = self.tag_target(id, props, description)
        if stale := [k for k in had if k not in tags]:
            self._tag_call(aws, self.tagging.untag, target, {"keys": stale})
        if tags:
            self._tag_call(aws, self.tagging.tag, target, {"tags": dict(tags)})

    def _tag_call(self, aws: Aws, operation: str, target: str, payload: Properties) -> Any:
        assert self.tagging is not None
        shape = aws.client(self.service).meta.service_model.operation_model(operation).input_shape
        members = [m for m in shape.required_members if m not in self.tagging.extra]
        resource = next(m for m in members if "tag" not in folded(m))
        sent: Properties = {resource: target}
        if "tags" in payload:
            sent[next(m for m in shape.members if folded(m) == "tag")] = payload["tags"]
        if "keys" in payload:
            sent[next(m for m in shape.members if folded(m) in ("tagkey", "tag"))] = payload["keys"]
        return self.call(aws, operation, {**encode_inputs(shape, sent, {}), **self.tagging.extra})


def declared(
    description: Mapping[str, Any], props: Properties, names: Mapping[str, str], skip: frozenset[str] = frozenset()
) -> Properties:
    """The properties of `props` that the description has, as AWS reports them."""
    result = {}
    for name, value in props.items():
        source = None if name in skip | PROVIDER_ONLY | {"tags"} else member(name, description, names)
        if source is not None:
            result[name] = reported(description[source], value, names)
    return result


def tag_dictionary(tags: Any) -> dict[str, str]:
    """Tags as a dictionary from any of the shapes the services answer, without AWS's own."""
    pairs = (
        tags.items()
        if isinstance(tags, Mapping)
        else ((next(v for k, v in t.items() if k.lower().endswith("key")), next(
            (v for k, v in t.items() if k.lower().endswith("value")), "")) for t in tags)
    )  # fmt: skip
    return {str(k): str(v) for k, v in pairs if not str(k).startswith("aws:")}


def dig(value: Any, path: str) -> Any:
    """The value at a dotted path of keys and indexes, None where it ends early. "" is the value."""
    for step in path.split(".") if path else []:
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def changed(olds: Properties, news: Properties, *names: str) -> bool:
    """Whether one of the named inputs is new or has changed."""
    return any(name in news and olds.get(name) != news[name] for name in names)


def is_gone(error: ClientError) -> bool:
    """Whether AWS says that the resource does not exist."""
    return bool(_GONE.search(error.response["Error"]["Code"]))


@contextlib.contextmanager
def ignoring_gone() -> Iterator[None]:
    """Let a resource that does not exist pass."""
    try:
        yield
    except ClientError as error:
        if not is_gone(error):
            raise


def wait_until(message: str, done: Callable[[], bool], seconds: float, every: float = 0.2) -> None:
    """Poll; raises TimeoutError in the provider's words after `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(message)
        time.sleep(every)
