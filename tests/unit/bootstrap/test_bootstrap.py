"""The bootstrap program under mocks: whom an account's file lets in, as what, and what keeps the state."""

import json
import runpy
from typing import Any

import pulumi
import pytest
import yaml
from mocked import ROOT, Deploy, Recorder, deploy

from bootstrap.account_file import Account
from components.iam import oidc_trust
from components.iam.policies import Statement
from sandbox.iam.conditions import conditions_hold
from sandbox.iam.patterns import NO_VARIABLES
from tests.support.example import EXAMPLE

__all__ = ["deploy"]
NAMESPACE = "fargate-delivery-bootstrap"
GITHUB = {"repository": "example/fargate-delivery", "owner_id": 12, "repository_id": 34}
GITLAB = {"url": "https://gitlab.example.com", "project": "platform/fargate-delivery"}
CLOUD = {"organization": "example"}
RUNNER = "arn:aws:iam::123456789012:role/runner"


def run(deploy: Deploy, **changes: Any) -> Recorder:
    """The program on the committed file of dev, with some keys changed; None takes one away."""
    config = yaml.safe_load((EXAMPLE / "bootstrap/Pulumi.dev.yaml").read_text())["config"]
    config |= {f"{NAMESPACE}:{key}": value for key, value in changes.items()}
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items() if value}
    program = ROOT / "bootstrap/__main__.py"
    return deploy(lambda: runpy.run_path(str(program), run_name="__main__"), config=given)


def account(**keys: Any) -> Account:
    return Account.model_validate({"stacks": {"dev": {}}, **keys})


def lets_in(statement: Statement, url: str, **claims: str) -> bool:
    """Whether a token with these claims fulfils a trust statement."""
    context: dict[str, str | list[str]] = {
        f"{oidc_trust.issuer(url)}:{claim}": value for claim, value in claims.items()
    }
    return conditions_hold(statement["Condition"], context, NO_VARIABLES)


MAIN = {"aud": "sts.amazonaws.com", "repository_id": "34", "ref": "refs/heads/main"}
OLD, NEW = "repo:example/fargate-delivery", "repo:example@12/fargate-delivery@34"


@pytest.mark.parametrize(
    ("claims", "deploys", "previews"),
    [
        ({**MAIN, "sub": f"{OLD}:environment:dev"}, True, False),
        ({**MAIN, "sub": f"{NEW}:environment:dev"}, True, False),
        ({**MAIN, "sub": f"{OLD}:environment:preview-dev"}, False, True),
        ({**MAIN, "sub": f"{NEW}:environment:preview-dev", "ref": "refs/pull/7/merge"}, False, True),
        ({**MAIN, "sub": f"{OLD}:environment:dev", "ref": "refs/heads/feature"}, False, False),
        ({**MAIN, "sub": f"{OLD}:environment:prd"}, False, False),
        ({**MAIN, "sub": f"{OLD}:pull_request"}, False, False),
        ({**MAIN, "sub": f"{OLD}:ref:refs/heads/main"}, False, False),
        ({**MAIN, "sub": f"{OLD}:environment:dev", "repository_id": "35"}, False, False),
        ({**MAIN, "sub": "repo:example@12/fargate-delivery@35:environment:dev"}, False, False),
        ({**MAIN, "sub": f"{OLD}:environment:dev", "aud": "https://github.com/example"}, False, False),
        ({"aud": "sts.amazonaws.com", "sub": f"{OLD}:environment:dev", "ref": "refs/heads/main"}, False, False),
    ],
)
def test_github_deploys_from_main_and_previews_in_an_environment(
    claims: dict[str, str], deploys: bool, previews: bool
) -> None:
    file = account(github=GITHUB)
    (deployer,), (previewer,) = file.trust("dev", str)["deploy"], file.trust("dev", str)["preview"]
    assert lets_in(deployer, oidc_trust.GITHUB_URL, **claims) is deploys
    assert lets_in(previewer, oidc_trust.GITHUB_URL, **claims) is previews
    (watcher,) = file.trust("dev", str)["drift"]
    night = {**claims, "sub": claims["sub"].replace(":environment:dev", ":environment:drift-dev")}
    assert lets_in(watcher, oidc_trust.GITHUB_URL, **night) is deploys, (
        "from the same branch, in an environment of its own"
    )
    assert not lets_in(watcher, oidc_trust.GITHUB_URL, **claims)
    assert not lets_in(deployer, oidc_trust.GITHUB_URL, **night)


@pytest.mark.parametrize(
    ("subject", "audience", "deploys", "previews"),
    [
        ("project_path:platform/fargate-delivery:ref_type:branch:ref:main", "sts.amazonaws.com", True, True),
        ("project_path:platform/fargate-delivery:ref_type:branch:ref:feature/x", "sts.amazonaws.com", False, True),
        ("project_path:platform/fargate-delivery:ref_type:tag:ref:main", "sts.amazonaws.com", False, False),
        ("project_path:fork/fargate-delivery:ref_type:branch:ref:main", "sts.amazonaws.com", False, False),
        ("project_path:platform/fargate-delivery:ref_type:branch:ref:main", "https://vault", False, False),
    ],
)
def test_gitlab_deploys_from_main_and_previews_from_any_branch_of_the_project(
    subject: str, audience: str, deploys: bool, previews: bool
) -> None:
    file = account(gitlab=GITLAB)
    (deployer,), (previewer,) = file.trust("dev", str)["deploy"], file.trust("dev", str)["preview"]
    claims = {"sub": subject, "aud": audience}
    (watcher,) = file.trust("dev", str)["drift"]
    assert lets_in(deployer, GITLAB["url"], **claims) is lets_in(watcher, GITLAB["url"], **claims) is deploys
    assert lets_in(previewer, GITLAB["url"], **claims) is previews


@pytest.mark.parametrize(
    ("subject", "reviews"),
    [
        (f"{OLD}:environment:review", True),
        (f"{NEW}:environment:review", True),
        (f"{OLD}:environment:dev", False),
        (f"{OLD}:environment:preview-dev", False),
        (f"{OLD}:pull_request", False),
        ("repo:stranger/fargate-delivery:environment:review", False),
    ],
)
def test_reviews_are_put_up_by_pull_requests_in_their_environment(subject: str, reviews: bool) -> None:
    file = account(github=GITHUB, stacks={"dev": {"reviews": True}})
    claims = {**MAIN, "ref": "refs/pull/7/merge", "sub": subject}
    (reviewer,), (deployer,) = file.trust("dev", str)["review"], file.trust("dev", str)["deploy"]
    assert lets_in(reviewer, oidc_trust.GITHUB_URL, **claims) is reviews
    assert not lets_in(deployer, oidc_trust.GITHUB_URL, **claims)
    assert account(github=GITHUB).trust("dev", str)["review"] == []


def test_reviews_are_put_up_by_any_branch_on_gitlab_and_by_runners() -> None:
    file = account(gitlab=GITLAB, runners=[RUNNER], stacks={"dev": {"reviews": True}})
    gitlab, runners = file.trust("dev", str)["review"]
    subject = "project_path:platform/fargate-delivery:ref_type:branch:ref:feature/x"
    assert lets_in(gitlab, GITLAB["url"], sub=subject, aud="sts.amazonaws.com")
    assert runners["Principal"] == {"AWS": [RUNNER]}


@pytest.mark.parametrize(
    ("operation", "stack", "allowed", "allowed_with_previews"),
    [
        ("update", "dev", True, True),
        ("destroy", "dev", True, True),
        ("detect-drift", "dev", False, False),
        ("remediate-drift", "dev", False, False),
        ("preview", "dev", False, True),
        ("update", "prd", False, False),
    ],
)
def test_pulumi_deployments_runs_pull_requests_as_the_deploy_role_only_where_said(
    operation: str, stack: str, allowed: bool, allowed_with_previews: bool
) -> None:
    subject = f"pulumi:deploy:org:example:project:fargate-delivery:stack:{stack}:operation:{operation}:scope:write"
    for keys, expected in (({}, allowed), ({"deployments_preview": True}, allowed_with_previews)):
        file = account(backend="pulumi", pulumi_cloud=CLOUD, stacks={"dev": keys})
        (deployer,) = file.trust("dev", str)["deploy"]
        assert lets_in(deployer, oidc_trust.PULUMI_URL, aud="example", sub=subject) is expected
        assert not lets_in(deployer, oidc_trust.PULUMI_URL, aud="other", sub=subject)
        assert file.trust("dev", str)["preview"] == file.trust("dev", str)["drift"] == []


def test_a_runner_without_oidc_does_all(deploy: Deploy) -> None:
    made = run(deploy, github=None, runners=[RUNNER])
    for use in ("deploy", "preview", "drift", "review"):
        policy = json.loads(made.inputs("aws:iam/role:Role", f"dev-{use}-role")["assumeRolePolicy"])
        assert policy["Statement"] == [
            {"Sid": "Runners", "Effect": "Allow", "Principal": {"AWS": [RUNNER]}, "Action": "sts:AssumeRole"}
        ]
    assert made.named("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == {}


def test_each_oidc_provider_is_made_once_or_found(deploy: Deploy) -> None:
    provider = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    made = run(deploy, gitlab={**GITLAB, "provider": "exists"})
    assert made.inputs(provider, "github") == {
        "url": "https://token.actions.githubusercontent.com",
        "clientIdLists": ["sts.amazonaws.com"],
    }
    assert made.named(provider).keys() == {"github"}
    policy = json.loads(made.inputs("aws:iam/role:Role", "dev-deploy-role")["assumeRolePolicy"])
    assert [statement["Principal"]["Federated"] for statement in policy["Statement"]] == [
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
        "arn:aws:iam::123456789012:oidc-provider/gitlab.example.com",
    ]


def test_the_state_is_versioned_encrypted_private_and_its_key_is_protected(deploy: Deploy) -> None:
    made = run(deploy)
    bucket = "fargate-delivery-state-123456789012-ap-northeast-1"
    settings = {
        request.type.split(":")[1]: request for request in made.requests() if request.type.startswith("aws:s3/")
    }
    assert settings.keys() == {
        "s3/bucketVersioning",
        "s3/bucketServerSideEncryptionConfiguration",
        "s3/bucketOwnershipControls",
        "s3/bucketPublicAccessBlock",
        "s3/bucketLifecycleConfiguration",
        "s3/bucketPolicy",
    }
    assert {request.object["bucket"] for request in settings.values()} == {bucket}
    policy = made.inputs("aws:s3/bucketPolicy:BucketPolicy", "state-policy")["policy"]
    assert json.loads(policy)["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert made.named("aws:kms/key:Key")["dev-key"].protect is True
    assert made.inputs("aws:kms/alias:Alias", "dev-key-alias")["name"] == "alias/fargate-delivery-dev"
    assert made.named("aws:kms/key:Key")["dev-review-key"].protect is True
    assert made.inputs("aws:kms/alias:Alias", "dev-review-key-alias")["name"] == "alias/fargate-delivery-dev-review"


def test_pulumi_cloud_is_one_line(deploy: Deploy) -> None:
    made = run(deploy, backend="pulumi")
    assert not [request for request in made.requests() if request.type.startswith(("aws:s3/", "aws:kms/"))]
    policy = made.inputs("aws:iam/rolePolicy:RolePolicy", "dev-preview-policy")["policy"]
    objects = [arn for statement in json.loads(policy)["Statement"] for arn in statement["Resource"] if ":s3:" in arn]
    assert objects == ["arn:aws:s3:::delivery-store-bucket-*", "arn:aws:s3:::delivery-store-bucket-*/templates/*"]
    assert "kms:" not in policy


def test_without_previews_there_is_no_role_for_them(deploy: Deploy) -> None:
    made = run(deploy, stacks={"dev": {"previews": False}})
    assert made.named("aws:iam/role:Role").keys() == {"dev-deploy-role", "dev-drift-role"}


def test_a_review_s_role_seals_with_a_key_of_its_own_and_no_policy_has_a_sid_twice(deploy: Deploy) -> None:
    made = run(deploy)
    attached = {
        name: json.loads(request.object["policy"])["Statement"]
        for name, request in made.named("aws:iam/policy:Policy").items()
        if name.startswith("dev-review-")
    }
    assert attached.keys() == {
        f"dev-review-{part}" for part in ("network", "services", "delivery", "identity", "state")
    }
    keys = {
        action: [each["Resource"] for each in attached["dev-review-state"] if action in each["Action"]]
        for action in ("kms:Encrypt", "kms:Decrypt")
    }
    (its_own,) = keys["kms:Encrypt"]
    assert keys["kms:Decrypt"][0] == its_own
    assert keys["kms:Decrypt"][1] != its_own, "that of the stack that it is on, to read what it shares"
    for statements in attached.values():
        sids = [statement["Sid"] for statement in statements]
        assert len(set(sids)) == len(sids)


def test_without_reviews_there_is_neither_role_nor_key_for_them(deploy: Deploy) -> None:
    made = run(deploy, stacks={"dev": {}})
    assert made.named("aws:iam/role:Role").keys() == {"dev-deploy-role", "dev-preview-role", "dev-drift-role"}
    assert made.named("aws:kms/key:Key").keys() == {"dev-key"}


def test_several_stacks_of_one_account_share_providers_and_bucket(deploy: Deploy) -> None:
    made = run(deploy, stacks={"dev": {}, "qa": {}})
    assert made.named("aws:iam/role:Role").keys() == {
        f"{s}-{use}-role" for s in ("dev", "qa") for use in ("deploy", "preview", "drift")
    }
    assert made.types()["aws:s3/bucketPolicy:BucketPolicy"] == 1


ZONE_ROLE = "arn:aws:iam::999988887777:role/zones"


def who_assumes(made: Recorder) -> dict[str, Any]:
    """Each policy that lets its holder assume a role, and which."""
    found = {}
    for kind in ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"):
        for name in made.named(kind):
            statements = json.loads(made.inputs(kind, name)["policy"])["Statement"]
            if assumed := [each["Resource"] for each in statements if each["Action"] == ["sts:AssumeRole"]]:
                found[name] = assumed
    return found


def test_the_roles_of_zones_may_be_assumed_by_who_was_said(deploy: Deploy) -> None:
    assert who_assumes(run(deploy)) == {}
    zones = {"zone_roles": [ZONE_ROLE]}
    consents = {"previews_assume_zone_roles": True, "reviews_assume_zone_roles": True}
    made = run(deploy, stacks={"dev": {"reviews": True, **consents, **zones}})
    everybody = ("dev-deploy-network", "dev-review-network", "dev-drift-policy", "dev-preview-policy")
    assert who_assumes(made) == {name: [[ZONE_ROLE]] for name in everybody}
    made = run(deploy, stacks={"dev": {"previews": False, "reviews": True, "reviews_assume_zone_roles": True, **zones}})
    assert who_assumes(made) == {
        name: [[ZONE_ROLE]] for name in ("dev-deploy-network", "dev-drift-policy", "dev-review-network")
    }
    made = run(deploy, stacks={"dev": {"previews": False, **zones}})
    assert who_assumes(made) == {name: [[ZONE_ROLE]] for name in ("dev-deploy-network", "dev-drift-policy")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"github": None}, "nobody would deploy"),
        (
            {"stacks": {"dev": {"zone_roles": [RUNNER[:-7]]}}},
            "stacks.dev.zone_roles[0]: 'arn:aws:iam::123456789012:role' ",
        ),
        (
            {"stacks": {"dev": {"zone_roles": [RUNNER], "reviews": True, "previews_assume_zone_roles": True}}},
            "stacks.dev.zone_roles: a review has to assume them, and a pull request's code may write by them then; say "
            "reviews_assume_zone_roles: true, or reviews: false",
        ),
        (
            {"stacks": {"dev": {"zone_roles": [RUNNER], "previews": False, "reviews_assume_zone_roles": True}}},
            "say reviews_assume_zone_roles: true, or reviews: false",
        ),
        ({"stacks": {"dev": {"zone_roles": [RUNNER]}}}, "say previews_assume_zone_roles: true, or previews: false"),
        ({"github": {**GITHUB, "owner": 1}}, "github.owner: there is no such key"),
        (
            {"github": {**GITHUB, "repository": "fargate-delivery"}},
            "github.repository: 'fargate-delivery' is not allowed",
        ),
        ({"backend": "gcs"}, "backend: 'gcs' is not allowed"),
        ({"pulumi_cloud": CLOUD}, "pulumi_cloud needs backend: pulumi"),
        ({"stacks": {"dev": {"deployments_preview": True}}}, "so it needs pulumi_cloud"),
        ({"stacks": {"dev": {}, "dev-2": {}}}, "stacks dev and dev-2"),
        ({"stacks": {"dev": {"reviews": True}, "qa": {}}}, "stacks.dev.reviews: is for a stack that is alone"),
        ({"stacks": {"pr": {"reviews": True}}}, "stacks.pr.reviews: is for a stack that is alone"),
        ({"stacks": {"pr-1": {"reviews": True}}}, "stacks.pr-1.reviews: is for a stack that is alone"),
        ({"stacks": None}, "stacks: is missing"),
        ({"runners": ["*"]}, "runners[0]: '*' is not allowed"),
        (
            {"github": {**GITHUB, "owner_id": "1"}},
            "github.owner_id: '1' is not allowed: input should be a valid integer; write",
        ),
        (
            {"github": {"repository": "a/b", "owner_id": 1}},
            "github.repository_id: is missing (The repository's id: `gh api repos/OWNER/NAME --jq .id` prints it)",
        ),
        ({"backnd": "pulumi"}, "fargate-delivery-bootstrap:backnd: there is no such key; did you mean backend?"),
        ({"github": {**GITHUB, "owner": 1}}, "line 6: fargate-delivery-bootstrap:github.owner: there is no such key"),
        ({"github": None}, "  fargate-delivery-bootstrap: nobody would deploy"),
    ],
)
def test_a_mistake_is_named_before_anything_is_made(deploy: Deploy, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(pulumi.RunError, match=r"bootstrap/Pulumi\.dev\.yaml is not valid") as refused:
        run(deploy, **changes)
    assert words in str(refused.value)
