"""The workflows of GitHub and GitLab: their shell steps against stand-ins of both APIs, and who sees a credential."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from code_hosts import TOKEN, CodeHost, serving

from bootstrap.ci_roles import MAX_SESSION_SECONDS
from delivery.pull_request.as_markdown import marker
from releases import waiting
from tests.support.example import EXAMPLE

ROOT = Path(__file__).parents[3]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").glob("*.yml")}
GITLAB = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())
PREVIEWS = ROOT / "tests/previews"
ROLE, CREDENTIAL = "arn:aws:iam::111111111111:role/preview", "AKIAPLANTED"
HOUR = 60 * 60
SECRETS = {"PULUMI_ACCESS_TOKEN": "pul-planted", "PULUMI_CONFIG_PASSPHRASE": "planted"}
PULUMI = """\
#!/bin/sh
echo "$*" > "$STANDIN/pulumi-arguments"
cp "$STANDIN/preview.events" preview.events
cat "$STANDIN/preview.json"
cat "$STANDIN/preview.log" >&2
exit "$(cat "$STANDIN/status")"
"""


@dataclass(frozen=True)
class Checkout:
    """A checkout whose set-up is done, with a stand-in for the CLI that prints a recorded preview."""

    root: Path

    def says(self, preview: str, log: str = "", events: str = "", status: int = 0) -> None:
        """What the CLI says from now on."""
        said = {"preview.json": preview, "preview.log": log, "preview.events": events, "status": str(status)}
        for name, text in said.items():
            (self.root / "standin" / name).write_text(text)

    def run(self, script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """A step, with no more variables than these and what every runner has."""
        common = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "STANDIN": str(self.root / "standin"),
            "AWS_MAX_ATTEMPTS": "1",
        }
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.root,
            env={**common, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "Makefile").write_text("setup:\n\t@true\n")
    (tmp_path / ".tools/bin").mkdir(parents=True)
    (tmp_path / "standin").mkdir()
    (tmp_path / ".tools/bin/pulumi").write_text(PULUMI)
    (tmp_path / ".tools/bin/pulumi").chmod(0o755)
    return Checkout(tmp_path)


def recorded(name: str) -> str:
    """A real preview (tests/previews)."""
    return (PREVIEWS / f"{name}.json").read_text()


# ── GitHub ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Event:
    """A pull request's event, as GitHub's contexts tell of it."""

    fork: bool = False
    action: str = "synchronize"
    review_stacks: str = ""
    drift_stacks: str = ""
    scheduled: bool = False

    @property
    def contexts(self) -> dict[str, Any]:
        variables = {"vars.REVIEW_STACKS": self.review_stacks, "vars.DRIFT_STACKS": self.drift_stacks}
        if self.scheduled:
            return {"github.event_name": "schedule", "github.repository": "team/infra", **variables}
        head = "stranger/infra" if self.fork else "team/infra"
        return {
            "github.event_name": "pull_request",
            "github.event.pull_request.head.repo.full_name": head,
            "github.event.number": 12,
            "github.event.action": self.action,
            "vars.REVIEW_ROLE_ARN": ROLE,
            **variables,
            "github.repository": "team/infra",
            "github.ref": "refs/pull/12/merge",
            "github.token": TOKEN,
            **{f"secrets.{name}": "" if self.fork else value for name, value in SECRETS.items()},
            "vars.PREVIEW_ROLE_ARN": ROLE,
            "vars.AWS_REGION": "ap-northeast-1",
            "vars.DEPLOY_ON_MERGE": "true",
        }


def evaluated(expression: str, contexts: Mapping[str, Any]) -> Any:
    """An expression of GitHub's; a context that is not there is null."""
    names = re.compile(r"'[^']*'|[a-z_]+(?:\.[A-Za-z_-]+)+")
    python = names.sub(lambda m: m[0] if m[0][0] == "'" else repr(contexts.get(m[0])), expression)
    python = python.replace("&&", " and ").replace("||", " or ").replace("!cancelled()", "True")
    return eval(python, {"__builtins__": {}})  # noqa: S307 - the repository's own workflows


def filled(value: Any, contexts: Mapping[str, Any]) -> str:
    """A text with its `${{ }}`."""
    return re.sub(r"\$\{\{\s*(.+?)\s*\}\}", lambda m: str(evaluated(m[1], contexts) or ""), str(value))


def jobs_of(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    """The jobs that GitHub runs for a pull request."""
    for name, workflow in WORKFLOWS.items():
        triggers = workflow[True]  # YAML 1.1 reads `on` so
        if ("schedule" if event.scheduled else "pull_request") not in triggers:
            continue
        for job in workflow["jobs"].values():
            if evaluated(str(job.get("if", "True")), event.contexts):
                yield name, job


def run_job(checkout: Checkout, host: CodeHost, job: Mapping[str, Any], event: Event, stack: str) -> list[str]:
    """Run a job's steps as a runner does: the names of those that failed."""
    (checkout.root / "event.json").write_text(json.dumps({"number": 12, "pull_request": {"number": 12}}))
    contexts = {**event.contexts, "matrix.stack": stack, "steps.preview.conclusion": "skipped"}
    environment = {
        "GITHUB_API_URL": host.address,
        "GITHUB_REPOSITORY": "team/infra",
        "GITHUB_EVENT_PATH": str(checkout.root / "event.json"),
    }
    failed: list[str] = []
    for step in job["steps"]:
        condition = str(step.get("if", "")).removeprefix("${{").removesuffix("}}")
        if failed and not condition:
            continue
        if condition and not evaluated(condition, contexts):
            continue
        if step.get("uses", "").startswith("aws-actions/configure-aws-credentials@"):
            assert filled(step["with"]["role-to-assume"], contexts) == ROLE
            environment |= {
                "AWS_ACCESS_KEY_ID": CREDENTIAL,
                "AWS_SECRET_ACCESS_KEY": "planted",
                "AWS_REGION": filled(step["with"]["aws-region"], contexts),
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            }
        if "run" in step:
            own = {name: filled(value, contexts) for name, value in step.get("env", {}).items()}
            done = checkout.run(filled(step["run"], contexts), {**environment, **own})
            if step.get("id") == "preview":
                contexts["steps.preview.conclusion"] = "failure" if done.returncode else "success"
            if done.returncode:
                failed.append(step.get("name", step["run"]))
            assert CREDENTIAL not in done.stdout + done.stderr
    return failed


@pytest.fixture
def github() -> Iterator[CodeHost]:
    with serving(CodeHost("github")) as host:
        yield host


def preview_job(event: Event) -> dict[str, Any]:
    (job,) = [job for name, job in jobs_of(event) if name == "preview"]
    return job


def test_github_the_first_push_comments_and_the_second_edits(checkout: Checkout, github: CodeHost) -> None:
    job = preview_job(Event())
    assert job["strategy"]["matrix"]["stack"] == ["dev", "prd"]
    for number in range(120):
        github.write(f"comment {number}")
    for preview, words in (("memory", "memory 512 → 1024"), ("nothing", "nothing changes")):
        checkout.says(recorded(preview))
        assert run_job(checkout, github, job, Event(), "dev") == []
        (comment,) = github.comments[120:]
        assert comment["body"].startswith(marker("dev"))
        assert words in comment["body"]
    arguments = (checkout.root / "standin/pulumi-arguments").read_text()
    assert arguments == (
        "preview --stack dev --json --refresh=false --policy-pack policy --event-log preview.events --non-interactive\n"
    )


def test_github_a_failed_preview_comments_with_the_error_and_fails_the_job(
    checkout: Checkout, github: CodeHost
) -> None:
    checkout.says("", log="error: no stack named 'dev' found\n", status=255)
    assert run_job(checkout, github, preview_job(Event()), Event(), "dev") == ["Preview"]
    (comment,) = github.comments
    assert "`dev`: the preview failed" in comment["body"]
    assert "error: no stack named 'dev' found" in comment["body"]


def test_github_what_the_program_refuses_is_in_the_comment(checkout: Checkout, github: CodeHost) -> None:
    checkout.says(recorded("failed"), status=255)
    assert run_job(checkout, github, preview_job(Event()), Event(), "prd") == ["Preview"]
    (comment,) = github.comments
    assert comment["body"].startswith(marker("prd"))
    assert "memory 3000 does not go with cpu 512" in comment["body"]


def test_github_what_a_policy_refuses_is_in_the_comment(checkout: Checkout, github: CodeHost) -> None:
    checkout.says(recorded("refused"), events=(PREVIEWS / "refused.events").read_text(), status=255)
    assert run_job(checkout, github, preview_job(Event()), Event(), "dev") == ["Preview"]
    (comment,) = github.comments
    assert "`dev`: the preview failed" in comment["body"]
    assert "Set `aws:defaultTags` in Pulumi.local.yaml" in comment["body"]
    assert "(policy tags)" in comment["body"]


def test_github_a_fork_gets_the_tests_only() -> None:
    assert sorted(name for name, _ in jobs_of(Event())) == ["preview", "tests"]
    ((name, job),) = jobs_of(Event(fork=True, review_stacks="true"))
    assert name == "tests"
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    said = yaml.safe_dump(job)
    assert "secrets." not in said
    assert "vars." not in said
    assert "github.token" not in said
    assert "permissions" not in job
    assert "environment" not in job


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("opened", "up --yes --skip-preview --stack pr-12"),
        ("synchronize", "up --yes --skip-preview --stack pr-12"),
        ("closed", "destroy --yes --skip-preview --remove --stack pr-12"),
    ],
)
def test_github_a_pull_request_s_own_stack_comes_and_goes(
    checkout: Checkout, github: CodeHost, action: str, asked: str
) -> None:
    event = Event(action=action, review_stacks="true")
    (job,) = [job for name, job in jobs_of(event) if name == "review"]
    shutil.copy(EXAMPLE / "Pulumi.pr.yaml", checkout.root)
    checkout.says(json.dumps([{"name": "pr-12"}]))
    assert run_job(checkout, github, job, event, "") == []
    assert (checkout.root / "standin/pulumi-arguments").read_text() == f"{asked} --non-interactive\n"
    assert (checkout.root / "Pulumi.pr-12.yaml").exists()


@pytest.mark.parametrize(
    ("review_stacks", "drift_stacks", "jobs"),
    [
        ("", "", ["nightly"]),
        ("true", "", ["nightly", "review"]),
        ("false", '["dev"]', ["drift", "nightly"]),
        ("true", '["dev"]', ["drift", "nightly", "review"]),
    ],
)
def test_github_what_runs_each_night(review_stacks: str, drift_stacks: str, jobs: list[str]) -> None:
    event = Event(scheduled=True, review_stacks=review_stacks, drift_stacks=drift_stacks)
    assert sorted(name for name, _ in jobs_of(event)) == jobs


def test_github_the_sweep_and_the_look_for_drift_are_asked_for(checkout: Checkout) -> None:
    (review,) = WORKFLOWS["review"]["jobs"].values()
    (asks,) = [step for step in review["steps"] if ".ci/review" in step.get("run", "")]
    event = Event(scheduled=True, review_stacks="true", drift_stacks='["dev"]')
    assert filled(asks["env"]["WHAT"], event.contexts) == "sweep"
    (drift,) = WORKFLOWS["drift"]["jobs"].values()
    assert drift["environment"]["name"] == "drift-${{ matrix.stack }}"
    (signs_in,) = [step for step in drift["steps"] if "configure-aws-credentials" in step.get("uses", "")]
    assert signs_in["with"]["role-to-assume"] == "${{ vars.DRIFT_ROLE_ARN }}"
    checkout.says("")
    assert checkout.run(drift["steps"][-1]["run"], {"STACK": "dev"}).returncode == 0
    arguments = (checkout.root / "standin/pulumi-arguments").read_text()
    assert arguments == "preview --stack dev --refresh --expect-no-changes --diff --non-interactive\n"


def test_github_nothing_runs_with_a_credential_on_code_of_a_fork() -> None:
    for workflow in WORKFLOWS.values():
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(workflow[True])
        assert workflow["permissions"] in ({}, {"contents": "read"})


def test_github_actions_are_pinned_to_commits() -> None:
    used = [
        step["uses"]
        for workflow in WORKFLOWS.values()
        for job in workflow["jobs"].values()
        for step in job.get("steps", [])
        if "uses" in step
    ]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name) for name in used)


def test_github_deploys_one_stack_at_a_time_and_asks_for_prd() -> None:
    jobs = WORKFLOWS["deploy"]["jobs"]
    assert {name: job["with"]["stack"] for name, job in jobs.items()} == {"dev": "dev", "prd": "prd"}
    assert jobs["prd"]["needs"] == "dev"
    (up,) = WORKFLOWS["up"]["jobs"].values()
    assert up["environment"] == "${{ inputs.stack }}"
    assert up["concurrency"] == {"group": "up-${{ inputs.stack }}", "cancel-in-progress": False}


# ── GitLab ───────────────────────────────────────────────────────────────────────────────────────────────


def gitlab_job(name: str) -> dict[str, Any]:
    """A job with what it extends."""
    job = dict(GITLAB[name])
    parent = job.pop("extends", None)
    if parent is None:
        return job
    inherited = gitlab_job(parent)
    return {**inherited, **job, "variables": {**inherited.get("variables", {}), **job.get("variables", {})}}


def applies(job: Mapping[str, Any], variables: Mapping[str, str]) -> bool:
    """Whether a job's rules let it into a pipeline with these variables."""

    def holds(condition: str) -> bool:
        python = re.sub(r"(\$\w+) =~ /(.*)/", lambda m: f"search({m[2]!r}, {m[1]})", condition).replace(r"\\/", "/")
        python = re.sub(r"\$(\w+)", lambda m: repr(variables.get(m[1], "")), python)
        return bool(eval(python.replace("&&", " and "), {"__builtins__": {}, "search": re.search}))  # noqa: S307

    return any(holds(rule["if"]) for rule in job.get("rules", [{"if": "True"}]))


MERGE_REQUEST = {
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_PROJECT_ID": "5",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "5",
    "CI_DEFAULT_BRANCH": "main",
    "DEPLOY_ON_MERGE": "true",
}
FORK = {**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "6"}
PUSH = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
MERGED = {**PUSH, "DEPLOY_ON_MERGE": "true"}
TAG = {"CI_PIPELINE_SOURCE": "push", "CI_DEFAULT_BRANCH": "main", "DEPLOY_ON_MERGE": "true"}


@pytest.mark.parametrize(
    ("variables", "jobs"),
    [
        (MERGE_REQUEST, ["preview-dev", "preview-prd", "review", "review-down", "tests"]),
        (FORK, ["tests"]),
        (PUSH, ["tests"]),
        (MERGED, ["tests", "up-dev", "up-prd"]),
        ({**MERGED, "CI_PIPELINE_SOURCE": "schedule"}, ["tests"]),
        ({**MERGED, "CI_PIPELINE_SOURCE": "schedule", "NIGHTLY": "true"}, ["nightly", "tests"]),
        ({**MERGED, "CI_PIPELINE_SOURCE": "schedule", "DRIFT": "true"}, ["drift-dev", "drift-prd", "tests"]),
        ({**TAG, "CI_COMMIT_TAG": "promote/chuoi/1"}, ["promote"]),
        ({**TAG, "CI_COMMIT_TAG": "v1"}, []),
        (
            {**MERGED, "CI_PIPELINE_SOURCE": "pipeline", "PROMOTE": "promote/chuoi/1"},
            ["promote-live", "promote-prd"],
        ),
        ({**MERGED, "CI_PIPELINE_SOURCE": "pipeline"}, []),
    ],
)
def test_gitlab_which_jobs_run(variables: dict[str, str], jobs: list[str]) -> None:
    names = [
        name
        for name, job in GITLAB.items()
        if name not in ("default", "workflow")
        and name[0] != "."
        and isinstance(job, dict)
        and "stage" in gitlab_job(name)
    ]
    assert sorted(name for name in names if applies(gitlab_job(name), variables)) == jobs


@pytest.mark.parametrize("stack", ["dev", "prd"])
def test_gitlab_looks_for_drift_in_an_environment_of_its_own_and_never_beside_an_up(stack: str) -> None:
    """The environment's scope has the role that only reads."""
    drift, up = gitlab_job(f"drift-{stack}"), gitlab_job(f"up-{stack}")
    assert drift["environment"] == {"name": "drift-$STACK", "action": "access"}
    assert drift["variables"]["STACK"] == stack
    assert drift["resource_group"] == up["resource_group"]
    assert drift["script"] == ['.ci/drift "$STACK"']


def test_gitlab_a_merge_request_s_own_stack_is_put_up_by_hand_and_taken_down() -> None:
    up, down = gitlab_job("review"), gitlab_job("review-down")
    assert [rule["when"] for rule in (*up["rules"], *down["rules"])] == ["manual", "manual"]
    assert up["environment"]["on_stop"] == "review-down"
    assert down["environment"] == {"name": up["environment"]["name"], "action": "stop"}
    assert up["resource_group"] == down["resource_group"]
    for job, what in ((up, "up"), (down, "down")):
        assert job["script"] == [f'.ci/review {what} "$CI_MERGE_REQUEST_IID"']


@pytest.mark.parametrize("name", ["tests", "nightly"])
def test_gitlab_the_tests_have_no_identity(name: str) -> None:
    assert "id_tokens" not in gitlab_job(name)
    assert "environment" not in gitlab_job(name)
    assert not re.search(r"TOKEN|ROLE|PASSPHRASE", yaml.safe_dump(GITLAB[name]) + yaml.safe_dump(GITLAB["default"]))


def test_both_hosts_run_the_same_each_night() -> None:
    """Everything that `make test` and a day's part leave out."""
    (github,) = WORKFLOWS["nightly"]["jobs"].values()
    (gitlab,) = GITLAB["nightly"]["parallel"]["matrix"]
    assert github["strategy"]["matrix"]["target"] == gitlab["TARGET"] == ["test-all", "soak", "mutants", "mutation"]
    assert github["steps"][-1]["run"] == '.ci/nightly "$TARGET" "$SEED"'
    assert GITLAB["nightly"]["script"] == ['.ci/nightly "$TARGET" "$CI_PIPELINE_IID"']


def run_gitlab_job(checkout: Checkout, host: CodeHost, name: str) -> subprocess.CompletedProcess[str]:
    """Run a job's script as a runner does."""
    job = gitlab_job(name)
    variables = {
        **MERGE_REQUEST,
        "CI_API_V4_URL": host.address,
        "CI_MERGE_REQUEST_IID": "12",
        "CI_BUILDS_DIR": str(checkout.root),
        "CI_JOB_ID": "99",
        "GITLAB_TOKEN": TOKEN,
        "AWS_ID_TOKEN": "eyJ.planted",
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": "planted",
        "AWS_REGION": "ap-northeast-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    for variable, value in job["variables"].items():
        variables[variable] = re.sub(r"\$(\w+)", lambda m: variables[m[1]], value)
    done = checkout.run("\n".join([*job["before_script"], *job["script"]]), variables)
    assert TOKEN not in done.stdout + done.stderr
    return done


@pytest.fixture
def gitlab() -> Iterator[CodeHost]:
    with serving(CodeHost("gitlab")) as host:
        yield host


def test_gitlab_the_first_push_comments_and_the_second_edits(checkout: Checkout, gitlab: CodeHost) -> None:
    for preview, words in (("memory", "memory 512 → 1024"), ("nothing", "nothing changes")):
        checkout.says(recorded(preview))
        assert run_gitlab_job(checkout, gitlab, "preview-dev").returncode == 0
        (note,) = gitlab.comments
        assert words in note["body"]
    token = checkout.root / "aws-id-token-99"
    assert token.read_text() == "eyJ.planted"
    assert token.stat().st_mode & 0o077 == 0


def test_gitlab_a_failed_preview_comments_with_the_error_and_fails_the_job(
    checkout: Checkout, gitlab: CodeHost
) -> None:
    checkout.says(recorded("failed"), status=255)
    assert run_gitlab_job(checkout, gitlab, "preview-prd").returncode == 1
    (note,) = gitlab.comments
    assert note["body"].startswith(marker("prd"))
    assert "memory 3000 does not go with cpu 512" in note["body"]


def test_gitlab_deploys_one_stack_at_a_time_and_asks_for_prd() -> None:
    assert gitlab_job("up-dev")["resource_group"] == gitlab_job("up-prd")["resource_group"] == "up-$STACK"
    assert gitlab_job("up-prd")["needs"] == ["up-dev"]
    assert all(rule["when"] == "manual" for rule in gitlab_job("up-prd")["rules"])
    assert not gitlab_job("up-dev")["interruptible"]


def test_a_session_is_as_long_as_its_job() -> None:
    """AWS ends a session after an hour, unless it was asked for more, and its role allows that."""
    seen = 0
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            for step in job.get("steps", []):
                if "configure-aws-credentials" not in step.get("uses", ""):
                    continue
                seen += 1
                asked = step["with"].get("role-duration-seconds", HOUR)
                assert job["timeout-minutes"] * 60 <= asked
                assert asked <= (MAX_SESSION_SECONDS if "DEPLOY" in step["with"]["role-to-assume"] else HOUR)
    assert seen == 6


def test_a_job_that_deploys_is_longer_than_it_may_wait() -> None:
    minutes = [WORKFLOWS["up"]["jobs"]["up"]["timeout-minutes"], int(GITLAB[".up"]["timeout"].removesuffix("m"))]
    assert min(minutes) > waiting.MINUTES


# ── Promotion by a tag ───────────────────────────────────────────────────────────────────────────────────

DIGEST = "sha256:" + "a" * 64
DELIVERY = """\
#!/bin/sh
echo "$*"
"""


@pytest.fixture
def delivery(tmp_path: Path) -> Checkout:
    """A checkout whose `delivery` says what it is asked."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/delivery").write_text(DELIVERY)
    (tmp_path / ".venv/bin/delivery").chmod(0o755)
    return Checkout(tmp_path)


@pytest.mark.parametrize("tag", ["promote/chuoi", "promote/chuoi/7", "promote/chuoi/2026/11"])
def test_a_tag_names_the_service_that_is_promoted(delivery: Checkout, tag: str) -> None:
    asked = delivery.run('.ci/live dev "$TAG"; .ci/promote "$TAG" dev prd "$DIGEST"', {"TAG": tag, "DIGEST": DIGEST})
    assert asked.stdout.splitlines() == [
        "live chuoi --stack dev",
        f"promote chuoi --from dev --to prd --digest {DIGEST} --yes --no-wait",
    ]


def test_github_a_tag_starts_the_promotion_on_the_branch_that_the_roles_let_in(delivery: Checkout) -> None:
    workflow = WORKFLOWS["promote"]
    assert workflow[True]["push"] == {"tags": ["promote/**"]}
    start, live, prd = (workflow["jobs"][name] for name in ("start", "live", "prd"))
    assert evaluated(start["if"], {"github.event_name": "push"})
    assert not evaluated(live["if"], {"github.event_name": "push"})
    assert (start["permissions"], prd["needs"]) == ({"actions": "write"}, "live")
    (delivery.root / "bin").mkdir()
    (delivery.root / "bin/gh").write_text(DELIVERY)
    (delivery.root / "bin/gh").chmod(0o755)
    path = f"{delivery.root / 'bin'}:{os.environ['PATH']}"
    variables = {
        "GITHUB_REPOSITORY": "team/infra",
        "GITHUB_REF_NAME": "promote/chuoi/7",
        "BRANCH": "main",
        "PATH": path,
    }
    asked = delivery.run(start["steps"][0]["run"], variables)
    assert asked.stdout == "workflow run promote.yml --repo team/infra --ref main --field tag=promote/chuoi/7\n"
    assert live["environment"]["name"] == "preview-dev"
    assert prd["environment"] == "prd"


def test_github_the_digest_goes_from_the_one_job_to_the_other(delivery: Checkout) -> None:
    live, prd = (WORKFLOWS["promote"]["jobs"][name] for name in ("live", "prd"))
    (delivery.root / ".venv/bin/delivery").write_text(f"#!/bin/sh\necho {DIGEST}\n")
    output = delivery.root / "output"
    done = delivery.run(live["steps"][-1]["run"], {"TAG": "promote/chuoi", "GITHUB_OUTPUT": str(output)})
    assert (done.returncode, output.read_text()) == (0, f"digest={DIGEST}\n")
    assert live["outputs"] == {"digest": "${{ steps.live.outputs.digest }}"}
    assert prd["steps"][-1]["env"]["DIGEST"] == "${{ needs.live.outputs.digest }}"


def test_without_an_image_nothing_is_promoted(delivery: Checkout) -> None:
    (delivery.root / ".venv/bin/delivery").write_text("#!/bin/sh\nexit 1\n")
    run = WORKFLOWS["promote"]["jobs"]["live"]["steps"][-1]["run"]
    variables = {"TAG": "promote/chuoi", "PROMOTE": "promote/chuoi", "GITHUB_OUTPUT": str(delivery.root / "output")}
    assert delivery.run(run, variables).returncode == 1
    assert delivery.run("\n".join(gitlab_job("promote-live")["script"]), variables).returncode == 1


def test_gitlab_promotes_on_the_branch_in_the_environments_of_both_stacks() -> None:
    started, live, prd = (gitlab_job(name) for name in ("promote", "promote-live", "promote-prd"))
    assert started["trigger"] == {"project": "$CI_PROJECT_PATH", "branch": "$CI_DEFAULT_BRANCH"}
    assert "id_tokens" not in started
    assert (live["environment"]["name"], prd["environment"]["name"]) == ("preview-dev", "prd")
    assert [rule["when"] for rule in prd["rules"]] == ["manual"]
    assert live["artifacts"] == {"reports": {"dotenv": "live.env"}}
    assert prd["script"] == ['.ci/promote "$PROMOTE" dev prd "$DIGEST"']
