"""The stack that a command is about where none is named: Pulumi's, as `pulumi stack select` has left it."""

import hashlib
import json
import os
from pathlib import Path

import yaml

PROJECT_FILE = "Pulumi.yaml"


def selected_stack() -> str | None:
    """The stack that is selected in this folder's project; None where none is, or it is not known.

    `PULUMI_STACK` comes before the selection (pulumi, pkg/backend/state/stacks.go, getCurrentStackName). The CLI is not
    asked: it would read the backend, by the network.
    """
    if name := os.environ.get("PULUMI_STACK"):
        return _short(name)
    file = _settings_file(_working_folder())
    try:
        settings = json.loads(file.read_text(encoding="utf-8")) if file else {}
    except (OSError, ValueError):
        return None
    return _of(settings) if isinstance(settings, dict) else None


def _of(settings: dict[str, object]) -> str | None:
    """The selection of the backend in use; of another one where there is one name only.

    Newer CLIs keep one for each backend, `stacks`, older ones one, `stack` (pulumi, pkg/workspace/settings.go).
    """
    stacks = settings.get("stacks")
    by_backend = {str(url): _short(str(name)) for url, name in stacks.items()} if isinstance(stacks, dict) else {}
    if (name := by_backend.get(_backend())) is not None:
        return name
    if len(names := set(by_backend.values())) == 1:
        return names.pop()
    return _short(str(settings["stack"])) if settings.get("stack") else None


def _settings_file(folder: Path) -> Path | None:
    """Where Pulumi keeps the selection; None outside of a project.

    It is named after the project and the path of its file (pulumi, pkg/workspace/workspace.go, settingsPath).
    """
    project = next((each / PROJECT_FILE for each in (folder, *folder.parents) if (each / PROJECT_FILE).is_file()), None)
    if project is None:
        return None
    try:
        name = yaml.safe_load(project.read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError):
        return None
    path = hashlib.sha1(str(project).encode(), usedforsecurity=False).hexdigest()
    return _home() / "workspaces" / f"{name}-{path}-workspace.json"


def _backend() -> str:
    """The URL of the backend in use: `PULUMI_BACKEND_URL`, or the one of the login; "" when it is not known."""
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return url
    try:
        return str(json.loads((_home() / "credentials.json").read_text(encoding="utf-8"))["current"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def _home() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def _working_folder() -> Path:
    """The working folder by the path that the shell has for it, as Go's os.Getwd gives it: a link stays one."""
    named = Path(os.environ.get("PWD", ""))
    return named if named.is_absolute() and named.is_dir() and named.samefile(Path.cwd()) else Path.cwd()


def _short(name: str) -> str:
    """A stack's name without organization and project."""
    return name.rpartition("/")[2]
