"""Pull requests' own stacks, with a stand-in of the Pulumi CLI that notes what it is asked."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mocked import ROOT

from delivery.pull_request.stacks import Reviews
from releases.errors import DeliveryError

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CLI = """\
#!/bin/sh
PULUMI_HOME={folder}/home {cli} "$@" --help > /dev/null || exit 1
echo "$*" >> {folder}/asked
case "$*" in
  "stack ls"*) cat {folder}/stacks.json ;;
  *pr-13*) exit 255 ;;
esac
"""
"""With `--help` the real CLI reads all its arguments first: what it does not know fails."""


class Rig:
    """A repository's folder and its stacks."""

    def __init__(self, root: Path, stacks: list[dict[str, Any]]) -> None:
        self.root, self.said = root, []  # type: ignore[var-annotated]
        (root / "Pulumi.pr.yaml").write_text("config:\n  fargate-delivery:review: {of: dev, days: 3}\n")
        (root / "stacks.json").write_text(json.dumps(stacks))
        cli = root / "bin" / "pulumi"
        cli.parent.mkdir()
        cli.write_text(CLI.format(folder=root, cli=ROOT / ".tools/bin/pulumi"))
        cli.chmod(cli.stat().st_mode | stat.S_IXUSR)
        self.reviews = Reviews(root, self.said.append)

    def asked(self) -> list[str]:
        """What the CLI was asked to do, beside listing."""
        lines = (self.root / "asked").read_text().splitlines() if (self.root / "asked").exists() else []
        return [line.removesuffix(" --non-interactive") for line in lines if not line.startswith("stack ls")]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return Rig(
        tmp_path,
        [
            {"name": "dev", "lastUpdate": "2026-01-01T00:00:00.000Z"},
            {"name": "pr-1", "lastUpdate": "2026-11-23T11:59:59.000Z"},
            {"name": "organization/fargate-delivery/pr-2", "lastUpdate": "2026-11-23T12:00:01.000Z"},
            {"name": "pr-3", "lastUpdate": "2026-11-01T00:00:00.000Z", "updateInProgress": True},
            {"name": "pr-4"},
            {"name": "pr-13", "lastUpdate": "2026-11-01T00:00:00.000Z"},
            {"name": "organization/fargate-delivery/pr-5", "lastUpdate": "2026-11-01T00:00:00.000Z"},
        ],
    )


def test_up_copies_the_template_and_deploys(rig: Rig) -> None:
    rig.reviews.up(7)
    assert rig.asked() == ["stack select --create pr-7", "up --yes --skip-preview --stack pr-7"]
    assert (rig.root / "Pulumi.pr-7.yaml").read_text() == (rig.root / "Pulumi.pr.yaml").read_text()


def test_up_encrypts_with_the_template_s_key(rig: Rig) -> None:
    key = "awskms://alias/fargate-delivery-dev-review?region=eu-west-1"
    (rig.root / "Pulumi.pr.yaml").write_text(f"secretsprovider: {key}\nencryptedkey: AAAA\n")
    rig.reviews.up(7)
    assert rig.asked()[0] == f"stack select --create pr-7 --secrets-provider {key}"
    assert "encryptedkey: AAAA" in (rig.root / "Pulumi.pr-7.yaml").read_text()


def test_down_destroys_and_forgets(rig: Rig) -> None:
    rig.reviews.down(2)
    assert rig.asked() == ["destroy --yes --skip-preview --remove --stack pr-2"]
    assert (rig.root / "Pulumi.pr-2.yaml").exists()


def test_down_of_what_is_not_there_is_no_error(rig: Rig) -> None:
    rig.reviews.down(8)
    assert rig.asked() == []
    assert rig.said == ["There is no stack pr-8; nothing to take down."]


def test_sweep_takes_the_old_ones_and_one_that_fails_keeps_none_of_the_others(rig: Rig) -> None:
    with pytest.raises(DeliveryError, match=r"^pr-13: pulumi destroy .* failed \(exit code 255\)$"):
        rig.reviews.sweep(NOW)
    assert rig.asked() == [f"destroy --yes --skip-preview --remove --stack pr-{number}" for number in (1, 13, 5)]
    assert [line for line in rig.said if "stays" in line] == [
        "pr-2 stays: last updated 2026-11-23T12:00:01.000Z",
        "pr-3 stays: it is being updated",
        "pr-4 stays: it was never updated",
    ]


def test_without_a_template_nothing_is_done(rig: Rig) -> None:
    (rig.root / "Pulumi.pr.yaml").unlink()
    refused = pytest.raises(DeliveryError, match=r"there is no .*Pulumi\.pr\.yaml; run this in the repository's folder")
    with refused:
        rig.reviews.up(1)
    with refused:
        rig.reviews.down(1)
    with refused:
        rig.reviews.sweep(NOW)
    assert rig.asked() == []


def test_a_template_without_days_sweeps_nothing(rig: Rig) -> None:
    (rig.root / "Pulumi.pr.yaml").write_text("config: {}\n")
    with pytest.raises(DeliveryError, match=r"review\.days must be a number of days, and is None"):
        rig.reviews.sweep(NOW)


def test_without_a_cli_the_error_says_where_to_get_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeliveryError, match="no Pulumi CLI on PATH"):
        rig.reviews.up(1)
