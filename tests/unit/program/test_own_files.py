"""The stack files and task templates that are the team's own, whatever they are called: the program takes them."""

import json
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mocked import COMPUTED, INVOKES, ROOT, SECRET_KEYS, Recorder, flat_config, program

from bootstrap import account_file
from config import settings
from delivery.stack_files.check import REVIEW, check_file
from delivery.stack_files.config import read_config, stacks_in
from releases.errors import DeliveryError
from tests.support.example import EXAMPLE, own_files, reading_own_files
from tests.unit.config.test_pull_request_stack import REFERENCE, SHARED

Deploy = Callable[..., Recorder]
LOAD_BALANCER = "aws:lb/getLoadBalancer:getLoadBalancer"


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The program reads the team's own files."""
    monkeypatch.setattr(settings, "ROOT", ROOT)
    monkeypatch.setattr(settings, "TEMPLATES", ROOT / "task_templates")
    monkeypatch.setattr(account_file, "FOLDER", ROOT / "bootstrap")
    with reading_own_files():
        yield


def check(folder: Path, stack: str) -> None:
    """Check a stack file as `delivery validate --without-secrets` does, whose words a mistake ends the test with."""
    try:
        check_file(folder, stack, unset=True)
    except DeliveryError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize("stack", stacks_in(ROOT))
def test_the_program_takes_a_stack_file(deploy: Deploy, monkeypatch: pytest.MonkeyPatch, stack: str) -> None:
    check(ROOT, stack)
    config = flat_config(read_config(ROOT, stack), {})
    network = json.loads(config.get("fargate-delivery:network", "{}"))
    monkeypatch.setitem(INVOKES, LOAD_BALANCER, {**INVOKES[LOAD_BALANCER], "vpcId": network.get("vpc_id")})
    monkeypatch.setitem(COMPUTED, REFERENCE, lambda _: {"outputs": {"shared": SHARED}, "secretOutputNames": []})
    name = REVIEW if "fargate-delivery:review" in config else stack
    recorder = deploy(program, stack=name, config=config, secret_keys=SECRET_KEYS)
    services = json.loads(config["fargate-delivery:services"])
    assert recorder.types()["aws:ecs/service:Service"] == len(services)


def test_a_mistake_ends_the_test_with_the_program_s_words(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text((EXAMPLE / "Pulumi.yaml").read_text())
    text = (EXAMPLE / "Pulumi.dev.yaml").read_text()
    (tmp_path / "Pulumi.dev.yaml").write_text(text.replace("cpu: 512", "cpu: 300"))
    words = r"^Pulumi\.dev\.yaml is not valid:\n  line 11: fargate-delivery:services\.chuoi\.task\.cpu: 300 is not"
    with pytest.raises(pytest.fail.Exception, match=words):
        check(tmp_path, "dev")


@pytest.mark.parametrize("account", stacks_in(ROOT / "bootstrap"))
def test_the_bootstrap_program_takes_an_account_s_file(deploy: Deploy, account: str) -> None:
    config = read_config(ROOT / "bootstrap", account)
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    recorder = deploy(
        lambda: runpy.run_path(str(ROOT / "bootstrap/__main__.py"), run_name="__main__"), stack=account, config=given
    )
    assert recorder.types()["aws:iam/role:Role"] > 0


def test_the_example_at_the_root_is_the_tests_copy_or_a_team_has_its_own_files() -> None:
    """No repository knows which of both it is, so a difference is told in the summary of the tests, and no failure."""
    own = {str(file.relative_to(ROOT)): file.read_bytes() for file in own_files()}
    example = {str(file.relative_to(EXAMPLE)): file.read_bytes() for file in EXAMPLE.rglob("*") if file.is_file()}
    if differing := sorted(name for name in own.keys() | example.keys() if own.get(name) != example.get(name)):
        pytest.skip(f"your own files, or forgotten in tests/stacks/example: {', '.join(differing)}")
