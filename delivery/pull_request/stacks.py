"""Pull requests' own stacks: put up, taken down, and swept when they are old. The Pulumi CLI does the work."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from config.pull_request_stack import pull_request_number
from releases.errors import NO_CLI, DeliveryError
from releases.progress import Log

TEMPLATE = "Pulumi.pr.yaml"


def pulumi(root: Path, *arguments: str, quiet: bool = False) -> str:
    """Run the Pulumi CLI in the repository; its progress is shown, unless quiet.

    Returns:
        What it printed, when quiet.

    Raises:
        DeliveryError: it failed, or is not there.
    """
    if shutil.which("pulumi") is None:
        raise DeliveryError(NO_CLI)
    done = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"], cwd=root, stdout=subprocess.PIPE if quiet else None, text=True
    )
    if done.returncode != 0:
        raise DeliveryError(f"pulumi {' '.join(arguments)} failed (exit code {done.returncode})")
    return done.stdout or ""


@dataclass(frozen=True)
class Reviews:
    """The pull requests' stacks of a repository.

    Attributes:
        root: the folder with `Pulumi.yaml`.
        say: takes progress, line by line.
    """

    root: Path
    say: Log

    def up(self, number: int) -> None:
        """Put up a pull request's stack, or bring it up to date. Who encrypts its secrets, the template says.

        Raises:
            DeliveryError: there is no template, or Pulumi failed.
        """
        stack, provider = self._declare(number), self._template().get("secretsprovider")
        encrypted = ["--secrets-provider", provider] if provider else []
        pulumi(self.root, "stack", "select", "--create", stack, *encrypted)
        pulumi(self.root, "up", "--yes", "--skip-preview", "--stack", stack)

    def down(self, number: int) -> None:
        """Take down a pull request's stack with all that is in it; when there is none, that is said and no error.

        Raises:
            DeliveryError: there is no template, or Pulumi failed.
        """
        if f"pr-{number}" not in {_short(listed["name"]) for listed in self._listed()}:
            self.say(f"There is no stack pr-{number}; nothing to take down.")
            return
        self._destroy(number)

    def sweep(self, now: datetime) -> None:
        """Take down those whose last update is longer ago than the template's `review.days`.

        One that is being updated, and one that never was, stays. One that cannot be taken down keeps none of the
        others.

        Raises:
            DeliveryError: some could not be taken down, by name; or there is no template.
        """
        limit, failed = now - timedelta(days=self._days()), []
        for listed in self._listed():
            number, last = pull_request_number(_short(listed["name"])), listed.get("lastUpdate")
            if number is None:
                continue
            if last is None or listed.get("updateInProgress") or datetime.fromisoformat(last) > limit:
                self.say(f"pr-{number} stays: {_why(listed)}")
                continue
            self.say(f"pr-{number} goes: last updated {last}")
            try:
                self._destroy(number)
            except DeliveryError as error:
                failed.append(f"pr-{number}: {error}")
        if failed:
            raise DeliveryError("; ".join(failed))

    def _destroy(self, number: int) -> None:
        stack = self._declare(number)
        pulumi(self.root, "destroy", "--yes", "--skip-preview", "--remove", "--stack", stack)

    def _declare(self, number: int) -> str:
        """Copy the template to the stack's own file, which git ignores."""
        self._template()
        shutil.copyfile(self.root / TEMPLATE, self.root / f"Pulumi.pr-{number}.yaml")
        return f"pr-{number}"

    def _days(self) -> int:
        days = ((self._template().get("config") or {}).get("fargate-delivery:review") or {}).get("days")
        if not isinstance(days, int):
            raise DeliveryError(f"{TEMPLATE}: fargate-delivery:review.days must be a number of days, and is {days!r}")
        return days

    def _template(self) -> dict[str, Any]:
        template = self.root / TEMPLATE
        if not template.is_file():
            raise DeliveryError(f"there is no {template}; run this in the repository's folder")
        document: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8")) or {}
        return document

    def _listed(self) -> Sequence[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(pulumi(self.root, "stack", "ls", "--json", quiet=True) or "[]")
        return listed


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _why(listed: dict[str, Any]) -> str:
    if listed.get("updateInProgress"):
        return "it is being updated"
    return f"last updated {listed['lastUpdate']}" if "lastUpdate" in listed else "it was never updated"
