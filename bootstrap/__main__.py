"""What an account needs before a stack can be deployed to it: state, OIDC providers, and each stack's roles."""

import pulumi
import pulumi_aws as aws

from bootstrap.account_file import PROJECT, load, state_bucket_name
from bootstrap.ci_roles import StackAccess, StackAccessArgs
from bootstrap.state_store import StateStore
from components.iam.oidc_trust import provider_arn
from components.scope import Scope

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


bucket = state_bucket_name(number, region)
store = StateStore("state", {"bucket": bucket, "partition": partition}) if account.backend == "s3" else None
if store:
    pulumi.export("backend", f"s3://{bucket}?region={region}")
for stack in account.stacks:
    args: StackAccessArgs = {
        "scope": Scope(stack, partition, region, number, account.permissions_boundary, account.stacks[stack].cluster),
        "project": PROJECT,
        "load_balancer": account.stacks[stack].load_balancer,
        "zone_roles": account.stacks[stack].zone_roles,
        "previews_assume_zone_roles": account.stacks[stack].previews_assume_zone_roles,
        "reviews_assume_zone_roles": account.stacks[stack].reviews_assume_zone_roles,
        "trust": account.trust(stack, arn_of),
    }
    if store:
        args["state_bucket_arn"] = store.arn
    access = StackAccess(stack, args)
    pulumi.export(
        stack,
        {
            **{f"{use}_role": access.role_arns.get(use) for use in args["trust"]},
            "secrets_provider": access.secrets_provider,
            "review_secrets_provider": access.review_secrets_provider,
        },
    )
