"""Every committed stack file on the real engine: up, nothing left to do, and down again where that is allowed.

It must pass the policy pack: the preview, which does not know everything yet, and the `up`, which does.
"""

import json

import pytest

from tests.scenarios.conftest import REPOSITORY, Stack, new_stack

pytestmark = pytest.mark.nightly

FREE = ("local", "dev")
PACK = ("--policy-pack", str(REPOSITORY / "policy"))


@pytest.mark.parametrize("name", [*FREE, "prd"])
def test_a_stack_file_comes_up_as_it_is(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    with new_stack(tmp_path_factory.mktemp("repository"), name) as stack:
        preview = stack.ok("preview", "--json", *PACK)
        assert "Made up for the sandbox" in preview.err
        assert preview.json["changeSummary"].keys() == {"create"}
        up = stack.ok("up", *PACK)
        assert "S3 tells of uploads" not in up.err, "here it tells of them at once"
        assert "first upload" not in up.err, "the table below says where each service takes its uploads"
        if name == "prd":
            keys = ("/prd/chuoi/HEX_API_KEY", "/prd/chuoi/SECRET_KEY_BASE", "/prd/mailer/SMTP_PASSWORD")
            assert f"since nobody has put these parameters: {', '.join(keys)}" in up.err
        assert stack.changes() == {}
        exported = json.loads(stack.ok("export").out)
        secrets = stack.ok("export", "--show-secrets").out
        made_up = json.loads((stack.root / ".sandbox" / name / "work" / name / "made-up.json").read_text())
        assert made_up
        for value in made_up.values():
            assert value in secrets
            assert value not in json.dumps(exported)
        down = stack.run("down")
        if name in FREE:
            assert down.code == 0, down.err
            assert json.loads(stack.ok("export").out)["deployment"].get("resources", []) == []
        else:
            assert down.code == 1
            assert "stack prd is protected, nothing was destroyed" in down.err
            assert "take the protection out of Pulumi.prd.yaml" in down.err
            assert stack.changes() == {}


MISTAKES = [
    ("cpu: 256, memory: 512, port", "cpu: 300, memory: 512, port", "fargate-delivery:services.hello.task.cpu: 300 is not allowed"),
    ("template: web.json, cpu: 256", "template: wbe.json, cpu: 256", "task_templates/wbe.json: there is no such template"),
    ("priority: 10", "priority: 20", "20 is taken by another route"),
    ("config:", "config: [", "Pulumi.local.yaml is not valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES)
def test_a_mistake_is_one_message_and_nothing_is_created(local: Stack, old: str, new: str, words: str) -> None:
    text = (local.root / "Pulumi.local.yaml").read_text()
    local.edit("Pulumi.local.yaml", old, new)
    try:
        done = local.run("up", "--diff")
    finally:
        (local.root / "Pulumi.local.yaml").write_text(text)
    assert done.code == 1
    assert words in done.err
    assert "created:" not in done.err


def test_commands_name_what_there_is(local: Stack) -> None:
    for arguments, words in (
        (("ship", "helo", "--source", "."), "there is no service helo in stack"),
        (("status", "helo"), "there is no service helo in stack local; there are: chuoi, hello, mailer, shop"),
        (("env", "--as", "nobody"), "local-hello-uploader"),
    ):
        done = local.run(*arguments)
        assert (done.code, words in done.out + done.err) == (1, True), done.err
    missing = Stack(local.root, "nowhere").run("up")
    assert (missing.code, "the stacks are: dev, local, pr, prd" in missing.err) == (1, True), missing.err
