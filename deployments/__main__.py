"""How Pulumi Deployments deploys the stacks. A program of its own: a stack that changed its own settings could not
repair them."""

import pulumi
from deployed import Deployed, declare
from pydantic import TypeAdapter, ValidationError

config = pulumi.Config()
try:
    stacks = TypeAdapter(dict[str, Deployed]).validate_python(config.require_object("stacks"))
except ValidationError as error:
    lines = [f"  stacks.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    raise pulumi.RunError("\n".join([f"Pulumi.{pulumi.get_stack()}.yaml is not valid:", *lines])) from None
for name, keys in stacks.items():
    declare(pulumi.get_organization(), config.require("repository"), name, keys)
