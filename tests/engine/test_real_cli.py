"""The command lines that the product gives to Pulumi, and those of the set-up in the documents, with the real CLI.

No variable of Pulumi's is set but its home and the backend.
"""

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import yaml

from delivery.commands.bootstrap import bootstrap
from delivery.commands.up import Project, up
from delivery.stack_files.selected import selected_stack
from releases.errors import DeliveryError
from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.identities import credentials, providers
from sandbox.stacks import Server
from tests.engine.conftest import ACCOUNT, REGION, REPOSITORY, new_server
from tests.real_cli import CLI, Installed, install
from tests.support.example import copy_parts, copy_program

PROGRAM = """
import pulumi
import pulumi_aws as aws

name = f"/fargate-delivery/{pulumi.get_stack()}/web/setting"
aws.ssm.Parameter("setting", name=name, type="String", insecure_value=VALUE)
pulumi.export("name", name)
"""


@dataclass(frozen=True)
class Checkout:
    """A repository whose set-up is done, with a small program, in an account that is bootstrapped."""

    root: Path
    server: Server
    backend: str

    def edit(self, value: str) -> None:
        (self.root / "__main__.py").write_text(PROGRAM.replace("VALUE", repr(value)))

    def cli(self, identity: str | None) -> Installed:
        """The CLI whose providers call AWS as a role."""
        if identity is None:
            return install(self.root / ".root", {"aws": self.server.aws_port, "awsx": self.server.awsx_port})
        found = providers(self.server, identity, "dev")
        return install(self.root / f".{identity}", {"aws": found["aws"], "awsx": found["awsx"]})

    def variables(self, identity: str | None) -> dict[str, str]:
        return self.cli(identity).variables(aws(self.server, identity), PULUMI_BACKEND_URL=self.backend)

    def run(self, identity: str | None, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the repository."""
        tools = self.root / ".tools/bin"
        tools.mkdir(parents=True, exist_ok=True)
        (tools / "pulumi").unlink(missing_ok=True)
        (tools / "pulumi").symlink_to(self.cli(identity).program)
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.variables(identity),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, identity: str | None, *command: str) -> str:
        done = self.run(identity, *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def aws(server: Server, identity: str | None) -> Mapping[str, str]:
    """Credentials, and where AWS is."""
    found = credentials(server, identity, "dev")
    token = {"AWS_SESSION_TOKEN": found["session_token"]} if found["session_token"] else {}
    return {
        "AWS_ACCESS_KEY_ID": found["access_key"],
        "AWS_SECRET_ACCESS_KEY": found["secret_key"],
        **token,
        "AWS_REGION": server.region,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the commands need."""
    root = tmp_path_factory.mktemp("checkout")
    copy_program(root)
    copy_parts(root, ".ci", "bootstrap")
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    (root / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "config": {}}))
    for link in (".venv", "policy"):
        (root / link).symlink_to(REPOSITORY / link)
    account = root / "bootstrap/Pulumi.dev.yaml"
    account.write_text(account.read_text().replace("ap-northeast-1", REGION))
    tags = "{tags: {project: fargate-delivery, stack: dev}}"
    (root / "Pulumi.dev.yaml").write_text(
        f'config:\n  aws:region: {REGION}\n  aws:allowedAccountIds: ["{ACCOUNT}"]\n  aws:defaultTags: {tags}\n'
    )
    return root


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An account in which nothing is."""
    with new_server(tmp_path_factory.mktemp("account")) as started:
        yield started


@pytest.fixture(scope="module")
def checkout(root: Path, account: Server) -> Checkout:
    """`make bootstrap STACK=dev`, twice, and what docs/how-to/environments.md says to do then."""
    made = Checkout(root, account, "")
    said: list[str] = []
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "yes"

    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.variables(None).items():
            patch.setenv(name, value)
        patch.delenv("PULUMI_BACKEND_URL")
        for _ in range(2):
            bootstrap(Project(root / "bootstrap", "dev"), ask, said.append)
    assert asked == ["Go on? Only yes is yes"]
    said = [line for line in said if not line.startswith(("Quota ", "The quotas of "))]
    assert said == [f"Made bucket fargate-delivery-state-{ACCOUNT}-{REGION}", "Nothing would change."]
    return Checkout(root, account, f"s3://fargate-delivery-state-{ACCOUNT}-{REGION}?region={REGION}")


KEY = f"awskms://alias/fargate-delivery-dev{{}}?region={REGION}"


def documented(page: str, begins: str) -> list[str]:
    """A command of a page, as one that follows it types it."""
    lines = (REPOSITORY / "docs/how-to" / page).read_text().splitlines()
    (line,) = [each for each in lines if each.startswith(begins)]
    return shlex.split(line.replace("ACCOUNT", ACCOUNT).replace("REGION", REGION))


@pytest.fixture(scope="module")
def dev(checkout: Checkout) -> Checkout:
    """Stack dev, as docs/how-to/environments.md says after the bootstrap, and up by the job of a merge."""
    checkout.edit("one")
    checkout.ok(None, *documented("environments.md", "pulumi login"))
    checkout.ok(None, *documented("environments.md", "pulumi stack init"))
    assert KEY.format("") in (checkout.root / "Pulumi.dev.yaml").read_text()
    assert "## `dev`: 1 to create\n" in checkout.ok("dev-preview", ".ci/preview", "dev")
    checkout.ok("dev-deploy", ".ci/up", "dev")
    return checkout


def test_a_pull_request_is_previewed_as_one_role_and_deployed_as_the_other(dev: Checkout) -> None:
    assert "nothing changes" in dev.ok("dev-preview", ".ci/preview", "dev")
    dev.edit("two")
    assert "## `dev`: 1 to update\n" in dev.ok("dev-preview", ".ci/preview", "dev")
    refused = dev.run("dev-preview", ".ci/up", "dev")
    assert refused.returncode != 0
    assert "dev-preview" in refused.stderr + refused.stdout
    assert "is not authorized to perform: s3:PutObject" in refused.stderr + refused.stdout
    assert "1 updated" in dev.ok("dev-deploy", ".ci/up", "dev")


def test_what_somebody_changed_by_hand_is_drift(dev: Checkout) -> None:
    dev.ok("dev-deploy", ".ci/up", "dev")
    dev.ok("dev-drift", ".ci/drift", "dev")
    ssm = boto3.client(
        "ssm",
        endpoint_url=dev.server.endpoint,
        region_name=REGION,
        aws_access_key_id=ROOT_CREDENTIALS.access_key,
        aws_secret_access_key=ROOT_CREDENTIALS.secret_key,
    )
    ssm.put_parameter(Name="/fargate-delivery/dev/web/setting", Value="by hand", Overwrite=True)
    found = dev.run("dev-drift", ".ci/drift", "dev")
    assert found.returncode != 0
    assert "setting" in found.stdout
    assert found.stderr == "error: no changes were expected for preview but changes were proposed\n"
    refused = dev.run("dev-drift", ".ci/up", "dev")
    assert refused.returncode != 0
    assert "is not authorized to perform: s3:PutObject" in refused.stderr + refused.stdout
    dev.ok("dev-deploy", ".ci/up", "dev")


def test_a_laptop_is_shown_what_would_happen_and_asked(dev: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    said: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "yes"

    for name, value in dev.variables(None).items():
        monkeypatch.setenv(name, value)
    project = Project(dev.root, "dev", ["--policy-pack", "policy"])
    dev.edit("three")
    up(project, ask, said.append)
    up(project, ask, said.append)
    assert asked == ["Go on? Only yes is yes"]
    assert [line for line in said if not line.startswith("warning: using pulumi-analyzer-policy-python")] == [
        "dev: 1 to update\n\nShared by all services\n  the program: Parameter updated\n\n"
        "No estimate of the cost: delivery/pull_request/prices.json has no prices of eu-west-1.\n",
        "             changed",
        "the program  1",
        "",
        "name: /fargate-delivery/dev/web/setting",
        "Nothing would change.",
    ]
    encrypted = shlex.split(f"pulumi stack change-secrets-provider --stack dev '{KEY.format('')}'")
    dev.ok(None, *encrypted)


OPEN = """aws.vpc.SecurityGroupIngressRule(
    "open", security_group_id="sg-1", ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="0.0.0.0/0"
)"""


def test_what_the_policies_or_the_program_refuse_is_told_whole_before_anybody_is_asked(
    dev: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in dev.variables(None).items():
        monkeypatch.setenv(name, value)
    project = Project(dev.root, "dev", ["--policy-pack", "policy"])
    for addition, words in (
        (OPEN, r"failed:\nopen: .*\(policy [\w-]+\)"),
        ("raise ValueError('services.web: no such template')", r"failed:\n.*services\.web: no such template"),
    ):
        (dev.root / "__main__.py").write_text(f"{PROGRAM.replace('VALUE', repr('three'))}\n{addition}\n")
        with pytest.raises(DeliveryError, match=f"(?s)pulumi preview {words}"):
            up(project, lambda question: pytest.fail(question), lambda _: None)
    dev.edit("three")


def test_a_pull_request_s_own_stack_comes_and_goes(dev: Checkout) -> None:
    (dev.root / "Pulumi.pr.yaml").write_text(REVIEWED)
    dev.ok(None, *documented("review-stacks.md", "pulumi stack init pr"))
    dev.ok(None, *documented("review-stacks.md", "pulumi config set --stack pr"), "a-secret")
    dev.ok(None, *documented("review-stacks.md", "pulumi stack rm pr"))
    template = (dev.root / "Pulumi.pr.yaml").read_text()
    assert KEY.format("-review") in template
    assert "a-secret" not in template
    dev.ok("dev-review", ".ci/review", "up", "7")
    assert "/fargate-delivery/pr-7/web/setting" in dev.ok("dev-review", "pulumi", "stack", "output", "--stack", "pr-7")
    assert "pr-7 stays: last updated" in dev.run("dev-review", ".ci/review", "sweep").stderr
    dev.ok("dev-review", ".ci/review", "down", "7")
    assert "There is no stack pr-7" in dev.run("dev-review", ".ci/review", "down", "7").stderr


REVIEWED = f"""config:
  aws:region: {REGION}
  aws:defaultTags: {{tags: {{project: fargate-delivery, stack: pr}}}}
  fargate-delivery:review: {{of: dev, days: 3}}
"""


def test_commands_know_the_stack_that_is_selected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: yaml\n")
    home, backends = tmp_path / "home", [tmp_path / name for name in ("one", "other")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    for name, value in {"PWD": tmp_path, "PULUMI_HOME": home, "PULUMI_CONFIG_PASSPHRASE": ""}.items():
        monkeypatch.setenv(name, str(value))
    assert selected_stack() is None
    for backend, stack in zip(backends, ("dev", "prd"), strict=True):
        backend.mkdir()
        monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{backend}")
        subprocess.run([CLI, "stack", "init", stack], check=True, capture_output=True)
        assert selected_stack() == stack
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    for backend, stack in zip(backends, ("dev", "prd"), strict=True):
        subprocess.run([CLI, "login", f"file://{backend}"], check=True, capture_output=True)
        assert selected_stack() == stack
