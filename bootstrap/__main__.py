"""What an account needs before a stack can be deployed to it: state, OIDC providers, and each stack's roles."""

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from bootstrap.account_file import PROJECT, Account
from components.access import StackAccess, StackAccessArgs
from components.naming import Scope
from components.state_store import StateStore
from components.trust import provider_arn
from delivery.bootstrap import state_bucket
from problems import described

NAMESPACE = "fargate-delivery-bootstrap"


def load() -> Account:
    """The account's file, checked.

    Raises:
        pulumi.RunError: one message with every mistake, a line each.
    """
    config = pulumi.Config(NAMESPACE)
    raw = {}
    for key in Account.model_fields:
        try:
            value = config.get_object(key)
        except pulumi.ConfigTypeError:
            value = config.get(key)
        if value:
            raw[key] = value
    try:
        return Account.model_validate(raw)
    except ValidationError as error:
        lines = "\n".join(f"  {NAMESPACE}:{described(each, Account)}" for each in error.errors(include_url=False))
        raise pulumi.RunError(f"bootstrap/Pulumi.{pulumi.get_stack()}.yaml is not valid:\n{lines}") from None


account = load()
partition = aws.get_partition().partition
region = aws.get_region().region
number = aws.get_caller_identity().account_id

made = {
    url: aws.iam.OpenIdConnectProvider(name, url=url, client_id_lists=audiences)
    for name, (url, audiences) in account.providers().items()
}


def arn_of(url: str) -> pulumi.Input[str]:
    """The ARN of an OIDC provider, made here or before."""
    return made[url].arn if url in made else provider_arn(partition, number, url)


bucket = state_bucket(number, region)
store = StateStore("state", {"bucket": bucket, "partition": partition}) if account.backend == "s3" else None
if store:
    pulumi.export("backend", f"s3://{bucket}?region={region}")
for stack in account.stacks:
    args: StackAccessArgs = {
        "scope": Scope(stack=stack, partition=partition, region=region, account=number),
        "project": PROJECT,
        "deployers": account.deployers(stack, arn_of),
        "previewers": account.previewers(stack, arn_of),
        "reviewers": account.reviewers(stack, arn_of),
    }
    if store:
        args["state_bucket_arn"] = store.arn
    access = StackAccess(stack, args)
    pulumi.export(
        stack,
        {
            "deploy_role": access.deploy_role_arn,
            "preview_role": access.preview_role_arn,
            "review_role": access.review_role_arn,
            "secrets_provider": access.secrets_provider,
            "review_secrets_provider": access.review_secrets_provider,
        },
    )
