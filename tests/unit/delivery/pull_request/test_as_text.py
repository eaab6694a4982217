"""The report on a terminal: the facts of the comment, a line for each, without Markdown."""

import json
from pathlib import Path

import pytest

from delivery.pull_request.as_markdown import as_markdown
from delivery.pull_request.as_text import WIDEST, as_text, plain
from delivery.pull_request.markdown import code
from delivery.pull_request.preview import Change, Preview, parse
from delivery.pull_request.report import Live, Section, report

RECORDED = Path(__file__).parents[3] / "previews"
RECORDINGS = [path.stem for path in sorted(RECORDED.glob("*.json"))]


def recorded(name: str) -> Preview:
    return parse((RECORDED / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nothing", "local: nothing changes"),
        (
            "memory",
            """\
local: 3 to update, 2 to replace, 2 services, +$4.04 a month

Services
  hello: deployment by ECS: memory 512 → 1024; image: the live one stays; +$2.02 a month
  shop: task definition: memory 512 → 1024
    a pipeline run starts: it deploys the edit with the live image
    image: the live one stays; +$2.02 a month

Cost: +$4.04 a month
  2 x 1 task of 0.25 vCPU, 0.5 GB, a public address → 1 task of 0.25 vCPU, 1 GB, a public address: +$4.04 a month
  Prices of ap-northeast-1, 2026-10, on demand; tasks at their minimum, a new service's from its first release on. Without traffic, builds, logs and storage.""",
        ),
        (
            "permissions",
            """\
local: 2 to update, 1 to replace, 1 service

Services
  mailer: deployment by ECS: worker.secrets.SHARED - → /shared/key
    other resources: 1 updated
    image: the live one stays

Permissions widened
  local-mailer-execution: ssm:GetParameters on arn:aws:ssm:ap-northeast-1:123456789012:parameter/shared/key; of mailer""",
        ),
        (
            "opened",
            """\
local: 2 to create, 2 to delete

Shared by all services
  LoadBalancer: 2 x SecurityGroupIngressRule created, 2 x SecurityGroupIngressRule deleted

Public now
  SecurityGroupIngressRule: tcp port 80 open to 0.0.0.0/0; load-balancer-in-80-0.0.0.0/0
  SecurityGroupIngressRule: tcp port 443 open to 0.0.0.0/0; load-balancer-in-443-0.0.0.0/0""",
        ),
        (
            "failed",
            """\
local: the preview failed
Pulumi.local.yaml is not valid:
  line 45: fargate-delivery:services.chuoi.task: memory 3000 does not go with cpu 512; Fargate offers 1024, 2048, 3072, 4096""",
        ),
    ],
)  # fmt: skip
def test_what_is_said(name: str, text: str) -> None:
    assert as_text(report("local", recorded(name))) == text


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("name", RECORDINGS)
def test_on_a_terminal_only_the_breaks_differ_and_no_name_is_broken(name: str, width: int) -> None:
    about = report("local", recorded(name))
    broken = as_text(about, width)
    assert broken.split() == as_text(about).split()
    too_long = [line for line in broken.splitlines() if len(line) > min(width, WIDEST)]
    assert about.errors or all(max(map(len, line.split())) > width - 10 for line in too_long)


@pytest.mark.parametrize("name", [name for name in RECORDINGS if name not in ("failed", "refused")])
def test_it_has_each_fact_of_the_comment_and_nothing_of_markdown(name: str) -> None:
    about = report("local", recorded(name))
    text, comment = as_text(about), as_markdown(about)
    for section in about.sections:
        for fact in [cell for row in section.rows for cell in row] + [section.note]:
            assert fact in comment
            assert all(plain(line) in text for line in fact.split("<br>"))
    assert not [mark for mark in ("**", "`", "<br>", "###", "|--", "<!--") if mark in text]


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        ("**new**: no tasks", "new: no tasks"),
        (code("s3:*"), "s3:*"),
        (f"on {code('arn:aws:s3:::b/**')} only", "on arn:aws:s3:::b/** only"),
        (f"{code('a`b')}, {code('c')}", "a`b, c"),
        (code("`quoted`"), "`quoted`"),
        (code("a|b"), "a|b"),
    ],
)
def test_markdown_is_read_as_what_it_says(markdown: str, said: str) -> None:
    assert plain(markdown) == said


def test_what_nobody_knows_is_said_and_the_programs_own_words_are_not_again() -> None:
    preview = recorded("strategy")
    assert preview.warnings
    text = as_text(report("local", preview, Live({}, "no credentials")))
    assert text.endswith("\n\nWhat is live is not known: no credentials")
    assert preview.warnings[0] not in text


def test_nothing_that_a_terminal_obeys_comes_out_of_a_name() -> None:
    urn = "urn:pulumi:dev::p::aws:s3/bucket:Bucket::b\x1b[31m\r\nx"
    text = as_text(report("dev", Preview((Change(urn, "delete"),))))
    assert "\x1b" not in text
    assert "\r" not in text


def test_a_section_of_a_note_alone_is_that_note() -> None:
    noted = report("dev", parse(json.dumps({"config": {"aws:region": "xx-none-1"}})))
    assert [section for section in noted.sections if not section.rows] == [Section(note=noted.sections[0].note)]
    assert as_text(noted).endswith(
        "\n\nNo estimate of the cost: delivery/pull_request/prices.json has no prices of xx-none-1."
    )
