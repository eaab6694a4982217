"""A zone that a role writes, as one of another account: found, written and left by that role alone.

The sandbox has one account, so the role is of the same; docs/how-to/zone-of-another-account.md has its policies.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, Stack, bootstrapped, new_stack

pytestmark = pytest.mark.nightly

ROLE = "arn:aws:iam::123456789012:role/zones"
DEPLOY, PREVIEW, DRIFT = "dev-deploy", "dev-preview", "dev-drift"
DOMAIN = "fargate-delivery:domain: {zone: dev.example.com}"
WITH_ROLE = f'fargate-delivery:domain: {{zone: dev.example.com, role: "{ROLE}"}}'
HOSTS = {"chuoi.dev.example.com", "api.dev.example.com"}


def documented(zone: str) -> tuple[str, str]:
    """The role's trust policy and its own, as docs/how-to/zone-of-another-account.md has them for a zone of this id."""
    text = (REPOSITORY / "docs/how-to/zone-of-another-account.md").read_text()
    trust, own = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    names = own.replace('"example.com", "*.example.com"', '"dev.example.com", "*.dev.example.com"')
    assert names != own
    return trust, names.replace("Z0123456789ABCDEFGHIJ", zone)


def without(policy: str, action: str) -> str:
    """A policy without the statement of an action."""
    document = json.loads(policy)
    kept = [each for each in document["Statement"] if each["Action"] != action]
    assert len(kept) == len(document["Statement"]) - 1
    return json.dumps({**document, "Statement": kept})


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `dev`, whose zone is there and has a role that may only read it, in an account that is bootstrapped."""
    with new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        stack.keep_services(["chuoi"])
        stack.edit("Pulumi.dev.yaml", DOMAIN, WITH_ROLE)
        StackFolder(stack.name, stack.root).ensure_server(lambda _: None)
        made = stack.client("route53").create_hosted_zone(Name="dev.example.com", CallerReference="by hand")
        trust, own = documented(made["HostedZone"]["Id"].rpartition("/")[2])
        bootstrapped(stack, of_stack=f'{{zone_roles: ["{ROLE}"], previews_assume_zone_roles: true}}')
        iam = stack.client("iam")
        iam.create_role(RoleName="zones", AssumeRolePolicyDocument=trust)
        reads = without(own, "route53:ChangeResourceRecordSets")
        iam.put_role_policy(RoleName="zones", PolicyName="zones", PolicyDocument=reads)
        yield stack


def records(stack: Stack) -> set[tuple[str, str]]:
    """Names and types in the zone, but its own."""
    route53 = stack.client("route53")
    (zone,) = [each["Id"] for each in route53.list_hosted_zones()["HostedZones"]]
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {(each["Name"].rstrip("."), each["Type"]) for each in found if each["Type"] not in ("NS", "SOA")}


def asked(stack: Stack, service: str) -> dict[str, set[str]]:
    """Who has asked a service for what, by the role's name."""
    found: dict[str, set[str]] = {}
    for decision in stack.control("decisions"):
        called, _, name = decision["action"].partition(":")
        if called == service:
            found.setdefault(decision["principal"].split("/")[1], set()).add(name)
    return found


def changes(stack: Stack, role: str, *more: str) -> dict[str, int]:
    """What a preview as a role shows."""
    summary: dict[str, Any] = stack.ok("preview", "--as", role, "--json", *more).json["changeSummary"]
    return {op: count for op, count in summary.items() if op not in ("same", "read", "refresh")}


def test_a_preview_finds_the_zone_by_the_role(dev: Stack) -> None:
    assert changes(dev, PREVIEW, "--no-refresh").keys() == {"create"}
    assert asked(dev, "route53") == {"zones": {"ListHostedZones", "GetHostedZone", "ListTagsForResource"}}


def test_what_the_role_may_not_write_is_not_written(dev: Stack) -> None:
    failed = dev.run("up", "--as", DEPLOY)
    assert failed.code == 1
    may_not = "assumed-role/zones/fargate-delivery is not authorized to perform: route53:ChangeResourceRecordSets"
    assert may_not in failed.err
    assert records(dev) == set()


def test_with_the_documented_policy_all_is_written_by_the_role_and_by_nobody_else(dev: Stack) -> None:
    (zone,) = [each["Id"].rpartition("/")[2] for each in dev.client("route53").list_hosted_zones()["HostedZones"]]
    _, own = documented(zone)
    dev.client("iam").put_role_policy(RoleName="zones", PolicyName="zones", PolicyDocument=own)
    dev.ok("up", "--as", DEPLOY, "--policy-pack", str(REPOSITORY / "policy"))
    aliases = {(host, "A") for host in HOSTS}
    ((validation, kind),) = records(dev) - aliases
    assert (kind, validation.startswith("_"), validation.endswith(".dev.example.com")) == ("CNAME", True, True)
    assert aliases <= records(dev)
    assert changes(dev, PREVIEW, "--no-refresh") == {}
    assert changes(dev, DRIFT) == {}
    assert asked(dev, "route53").keys() == {"zones"}
    of_role = {d["action"].partition(":")[0] for d in dev.control("decisions") if "/zones/" in d["principal"]}
    assert of_role == {"route53"}, "all else is made by who deploys"


def test_the_condition_of_the_documented_policy_keeps_other_records_out(dev: Stack) -> None:
    (zone,) = [each["Id"] for each in dev.client("route53").list_hosted_zones()["HostedZones"]]
    record = {"Name": "mail.dev.example.com", "Type": "TXT", "TTL": 300, "ResourceRecords": [{"Value": '"x"'}]}
    batch = json.dumps({"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
    change = ("route53", "change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", batch)
    assert "is not authorized to perform: route53:ChangeResourceRecordSets" in dev.aws("zones", *change).err
    assert dev.aws("zones", *change[:-1], batch.replace("TXT", "A").replace('\\"x\\"', "192.0.2.1")).code == 0


def test_the_account_s_root_assumes_no_role_and_is_told(dev: Stack) -> None:
    done = dev.ok("preview")
    assert f"the account's root assumes no role: {ROLE} is left out" in done.out + done.err


def test_to_and_fro_replaces_nothing(dev: Stack) -> None:
    """In one account the zone is the same with and without the role; the provider comes and goes."""
    before = records(dev)
    dev.edit("Pulumi.dev.yaml", WITH_ROLE, DOMAIN)
    assert not [op for op in changes(dev, DEPLOY) if "replace" in op]
    dev.ok("up", "--as", DEPLOY)
    assert records(dev) == before
    assert changes(dev, DEPLOY) == {}
    dev.edit("Pulumi.dev.yaml", DOMAIN, WITH_ROLE)
    assert not [op for op in changes(dev, DEPLOY) if "replace" in op]
    dev.ok("up", "--as", DEPLOY)
    assert records(dev) == before
    assert changes(dev, DEPLOY) == {}


def test_who_the_role_does_not_trust_is_told_so(dev: Stack) -> None:
    trust, _ = documented("Z")
    nobody = trust.replace("role/fargate-delivery/dev-preview", "role/fargate-delivery/dev-drift")
    dev.client("iam").update_assume_role_policy(RoleName="zones", PolicyDocument=nobody)
    failed = dev.run("preview", "--as", PREVIEW, "--no-refresh")
    assert failed.code == 1
    assert f"Cannot assume IAM Role. IAM Role ({ROLE}) cannot be assumed" in failed.out + failed.err
    dev.client("iam").update_assume_role_policy(RoleName="zones", PolicyDocument=trust)


def test_a_stack_that_goes_takes_its_records_along(dev: Stack) -> None:
    dev.ok("down", "--as", DEPLOY)
    assert records(dev) == {("mail.dev.example.com", "A")}
