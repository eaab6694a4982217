"""Every row of the table in docs/how-to/repair.md, and a crash between any two writes."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from delivery_aws import STACK, CrashError, FakeAws, action, digest

from delivery.commands.repair import examine, repair
from delivery.commands.status import status
from releases.errors import DeliveryError
from releases.record import Release

OLD, NEW, OTHER = digest("a"), digest("b"), digest("c")
DOCUMENT = Path(__file__).parents[4] / "docs/how-to/repair.md"


@dataclass(frozen=True)
class Row:
    """A disagreement, and what must come of it.

    Attributes:
        running: what the tasks run.
        live: where the tag points.
        released: the digest in the record.
        writes: what repair writes, in order; None when it must refuse.
        named: the digest in the record's task definition, when it is another one.
        failed: whether the service's newest deployment failed.
        gone: the image is no longer in the repository.
        words: what the message says when it refuses.
    """

    running: str | None
    live: str | None
    released: str | None
    writes: tuple[str, ...] | None
    named: str | None = None
    failed: bool = False
    gone: str | None = None
    words: str = ""


RECORD = ("PutImage", "PutImage", "PutParameter")
ROWS = {
    "1": Row(NEW, NEW, NEW, ()),
    "2": Row(None, NEW, NEW, ()),
    "3": Row(None, None, None, ()),
    "4": Row(NEW, OLD, OLD, RECORD),
    "5": Row(NEW, NEW, OLD, RECORD),
    "6": Row(OLD, NEW, OLD, ("PutImage",)),
    "7": Row(OLD, None, OLD, ("PutImage",)),
    "8": Row(OLD, NEW, NEW, RECORD),
    "9": Row(OLD, OLD, NEW, RECORD),
    "10": Row(OTHER, NEW, OLD, RECORD),
    "11": Row(NEW, None, None, ("RegisterScalableTarget", *RECORD)),
    "12": Row(NEW, NEW, None, ("RegisterScalableTarget", *RECORD)),
    "13": Row(NEW, NEW, NEW, RECORD, named=OLD),
    "14": Row(None, NEW, OLD, ("PutImage",)),
    "15": Row(None, None, OLD, ("PutImage",)),
    "16": Row(None, NEW, None, None, words="no task runs, so nothing proves which image is right"),
    "17": Row(None, NEW, NEW, None, named=OLD, words="whose task definition runs sha256:aaaaaaaaaaaa"),
    "18": Row(NEW, OLD, OLD, None, failed=True, words="what runs is not stable: ecs-svc/1 FAILED reason"),
    "19": Row(NEW, OLD, OLD, None, gone=NEW, words="which is not in dev-web"),
    "20": Row(None, NEW, OLD, None, gone=OLD, words="is no longer in dev-web"),
}


def account(row: Row) -> FakeAws:
    """Two releases, then the row."""
    aws = FakeAws()
    aws.scaling["service/dev/dev-web"] = row.released is None
    for image in (OLD, NEW, OTHER):
        aws.image(image)
    if row.live:
        aws.image(row.live, "live")
    aws.record("none")
    before = aws.revision(1, f"@{row.named or row.released or OLD}")
    if row.released:
        aws.release(1, row.released, before)
        aws.image(row.released, "release-1")
    primary = aws.revision(2, f"@{row.running or NEW}", fingerprint="f2")
    aws.service(
        primary, row.running, desired=int(row.running is not None), state="FAILED" if row.failed else "COMPLETED"
    )
    if row.gone:
        del aws.images[row.gone]
    aws.executing(
        "Failed",
        action("Package", "Package", "Build", variables={"IMAGE_DIGEST": row.running or "", "SOURCE": "uploaded"}),
        action("Deploy", "Deploy", "Deploy"),
    )
    return aws


def run(aws: FakeAws) -> list[str]:
    logged: list[str] = []
    session = aws.session()
    repair(session, STACK, examine(session, STACK, "web"), logged.append)
    return logged


def settled(aws: FakeAws, row: Row) -> None:
    """Everything agrees with what won."""
    won = row.running or row.released
    assert aws.tagged("live") == won
    assert aws.released()["image_digest"] == won
    if row.writes and "PutParameter" in row.writes:
        record = aws.released()
        assert aws.tagged(f"release-{record['release']}") == won
        assert record["task_definition"] == aws.services["dev-web"]["taskDefinition"]
        assert record["template_fingerprint"] == "f2"
    found = status(aws.session(), STACK, "web")
    assert (found.disagreement, found.repair) == (None, None)
    aws.writes.clear()
    assert run(aws)[0].startswith("Nothing to repair")
    assert aws.writes == []


@pytest.mark.parametrize("number", ROWS)
def test_every_row_of_the_table(number: str) -> None:
    row = ROWS[number]
    aws = account(row)
    found = status(aws.session(), STACK, "web")
    assert (found.repair is None) == (row.writes == ())
    if row.writes is None:
        with pytest.raises(DeliveryError, match=re.escape(row.words)) as refused:
            run(aws)
        assert "nothing was changed" in str(refused.value)
        assert "next release" in str(refused.value)
        assert aws.writes == []
        return
    logged = run(aws)
    assert tuple(aws.writes) == row.writes
    if row.writes:
        assert logged[-1] == "Repaired."
        settled(aws, row)
    if row.released is None and row.writes:
        assert aws.scaling == {"service/dev/dev-web": False}


PLATFORMS = {OLD: digest("d"), NEW: digest("e"), OTHER: digest("f")}
"""Each image as an index, and the one image that it lists."""


def of_indexes(row: Row) -> FakeAws:
    """The row where each image is an index, and ECS gives the digest of what the tasks pulled."""
    aws = account(row)
    for index, platform in PLATFORMS.items():
        if index != row.gone:
            aws.index(index, platform)
    for task in aws.tasks:
        for container in task["containers"]:
            container["imageDigest"] = PLATFORMS[container["imageDigest"]]
    return aws


@pytest.mark.parametrize("number", ROWS)
def test_every_row_where_an_image_is_an_index(number: str) -> None:
    row = ROWS[number]
    aws = of_indexes(row)
    assert (status(aws.session(), STACK, "web").repair is None) == (row.writes == ())
    if row.writes is None:
        with pytest.raises(DeliveryError, match="nothing was changed"):
            run(aws)
        assert aws.writes == []
        return
    run(aws)
    assert tuple(aws.writes) == row.writes
    if row.writes:
        settled(aws, row)


def test_a_stray_digest_is_told() -> None:
    aws = of_indexes(ROWS["1"])
    aws.tasks[0]["containers"][0]["imageDigest"] = digest("0")
    found = status(aws.session(), STACK, "web").disagreement
    assert found == "running sha256:000000000000, live sha256:bbbbbbbbbbbb, release record sha256:bbbbbbbbbbbb"


def test_nobody_asks_what_an_index_lists_while_the_digests_agree() -> None:
    aws = account(ROWS["1"])
    status(aws.session(), STACK, "web")
    assert "BatchGetImage" not in [operation for _, operation, _ in aws.calls]


DOCUMENTED = re.findall(
    r"^\| (\d+) \| (.)[^|]* \| (.)[^|]* \| (.)[^|]* \| [^|]* \| ([^|]*) \|$",
    DOCUMENT.read_text("utf-8"),
    re.MULTILINE,
)
DIGESTS = {"A": OLD, "B": NEW, "C": OTHER, "–": None}  # noqa: RUF001 - the document's


def test_the_document_has_the_rows_of_this_table() -> None:
    said = ""
    for number, running, live, released, repairs in DOCUMENTED:
        row, said = ROWS[number], said if repairs == "the same" else repairs
        assert (row.running, row.live, row.released) == (DIGESTS[running], DIGESTS[live], DIGESTS[released]), number
        assert (row.writes is None) == said.startswith("refuses"), number
        assert (row.writes == ()) == (said == "nothing"), number
        writes = row.writes or ()
        assert ("PutParameter" in writes) == ("writes the record" in said), number
        assert ("RegisterScalableTarget" in writes) == ("resumes scaling" in said), number
    assert [number for number, *_ in DOCUMENTED] == list(ROWS)


CRASHES = [(number, at) for number, row in ROWS.items() if row.writes for at in range(1, len(row.writes) + 1)]


@pytest.mark.parametrize(("number", "at"), CRASHES)
def test_a_crash_before_any_write_and_then_again(number: str, at: int) -> None:
    row = ROWS[number]
    aws = account(row)
    aws.crash_before = at
    with pytest.raises(CrashError):
        run(aws)
    aws.crash_before = None
    run(aws)
    settled(aws, row)
    written = {f"release-{n}" for n in range(1, 9)} & {tag for tags in aws.images.values() for tag in tags}
    assert len(written) <= 2, "a release that was cut off keeps its number"


@pytest.mark.parametrize("done", [(), ("release-2",), ("release-2", "live"), ("live",)])
def test_what_the_release_step_left_is_ended_with_the_number_it_had(done: tuple[str, ...]) -> None:
    aws = account(ROWS["5" if "live" in done else "4"])
    if "release-2" in done:
        aws.image(NEW, "release-2")
    run(aws)
    assert aws.released()["release"] == 2
    assert aws.tagged("release-2") == NEW


def test_a_number_that_another_image_has_is_skipped() -> None:
    aws = account(ROWS["4"])
    aws.image(OTHER, "release-2", "release-3")
    run(aws)
    assert (aws.released()["release"], aws.tagged("release-4"), aws.tagged("release-2")) == (4, NEW, OTHER)


def test_the_origin_is_that_of_the_earlier_release_of_the_same_image() -> None:
    aws = account(ROWS["4"])
    aws.release(2, NEW, aws.revision(1, f"@{NEW}"))
    aws.release(3, OLD, aws.revision(1, f"@{OLD}"))
    run(aws)
    assert (aws.released()["source_version"], aws.released()["execution"]) == ("source-2", "execution-2")


@pytest.mark.parametrize(
    ("variables", "category", "origin"),
    [
        ({"IMAGE_DIGEST": NEW, "SOURCE": "uploaded"}, "Deploy", ("uploaded", "run-1")),
        ({"IMAGE_DIGEST": NEW}, "Deploy", ("unknown", "run-1")),
        ({"IMAGE_DIGEST": OLD, "SOURCE": "uploaded"}, "Deploy", ("unknown", "unknown")),
        ({"IMAGE_DIGEST": NEW, "SOURCE": "uploaded"}, "Test", ("unknown", "unknown")),
    ],
)
def test_else_the_origin_is_the_execution_that_deployed_it(
    variables: dict[str, str], category: str, origin: tuple[str, str]
) -> None:
    aws = account(ROWS["4"])
    aws.pipeline["actions"]["run-1"] = [
        action("Package", "Package", "Build", variables=variables),
        action("Deploy", "Deploy", category),
    ]
    run(aws)
    assert (aws.released()["source_version"], aws.released()["execution"]) == origin


def test_the_record_is_written_as_the_release_step_writes_it() -> None:
    aws = account(ROWS["4"])
    run(aws)
    written = aws.parameters["/fargate-delivery/dev/web/release"].versions[-1]
    release = Release.parse(written)
    assert release is not None
    assert release.value() == written
    assert '"source_version":"uploaded"' in written, "Package looks for a version in this very form"


def test_what_is_not_proven_is_not_repaired_and_the_command_that_deploys_what_is_live_is_named() -> None:
    with pytest.raises(DeliveryError) as refused:
        run(account(ROWS["18"]))
    deploy = f"upload a source, or deploy one: `delivery deploy web --stack dev --image {OLD}`"
    assert str(refused.value).endswith(deploy)


def test_a_revision_that_pulumi_registered_is_no_contradiction() -> None:
    aws = account(ROWS["1"])
    aws.definitions[aws.released()["task_definition"]]["containerDefinitions"][0]["image"] = "r/dev-web:live"
    assert run(aws) == [f"Nothing to repair: running, live and record are {NEW}."]


@pytest.mark.parametrize(
    ("deploying", "state", "words"),
    [
        (False, "IN_PROGRESS", "wait until it is over, as `delivery status web --stack dev --watch` shows"),
        (True, "COMPLETED", "pipeline execution run-9 is in flight; wait until execution run-9 is over"),
    ],
)
def test_it_waits_for_what_is_in_flight(deploying: bool, state: str, words: str) -> None:
    aws = account(ROWS["4"])
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = state
    if deploying:
        latest = {"pipelineExecutionId": "run-9", "status": "InProgress"}
        aws.pipeline["stages"] = [{"stageName": "Deploy", "latestExecution": latest}]
    with pytest.raises(DeliveryError, match=re.escape(words)):
        run(aws)
    assert aws.writes == []
    found = status(aws.session(), STACK, "web")
    assert found.in_flight is not None
    assert found.wait is not None
    assert found.disagreement is None


def test_a_release_meanwhile_is_not_overwritten() -> None:
    aws = account(ROWS["4"])
    put = aws._PutImage

    def release_too(given: dict[str, str]) -> None:
        put(given)
        aws.release(2, NEW, aws.services["dev-web"]["taskDefinition"], execution="the pipeline's")

    aws._PutImage = release_too  # type: ignore[method-assign]
    with pytest.raises(DeliveryError, match="has changed meanwhile"):
        run(aws)
    assert aws.released()["execution"] == "the pipeline's"


def test_there_is_no_such_service() -> None:
    with pytest.raises(DeliveryError, match="there is no service nope in stack dev; there are: web"):
        examine(account(ROWS["1"]).session(), STACK, "nope")
