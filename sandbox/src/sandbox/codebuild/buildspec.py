"""Parses a buildspec, version 0.2 (AWS: "Build specification reference for CodeBuild")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
ABORT, CONTINUE = "ABORT", "CONTINUE"
SHELLS = {"bash": "/bin/bash", "/bin/bash": "/bin/bash", "sh": "/bin/sh", "/bin/sh": "/bin/sh"}


class BuildspecError(Exception):
    """A buildspec has what CodeBuild would refuse, or what is not simulated here."""


@dataclass(frozen=True)
class Phase:
    """`on_failure` None: CodeBuild's own transitions."""

    commands: list[str] = field(default_factory=list)
    finally_commands: list[str] = field(default_factory=list)
    on_failure: str | None = None


@dataclass(frozen=True)
class Artifact:
    files: list[str]
    base_directory: str = "."
    discard_paths: bool = False
    exclude_paths: list[str] = field(default_factory=list)
    name: str = ""


@dataclass(frozen=True)
class Buildspec:
    shell: str
    variables: dict[str, str]
    parameter_store: dict[str, str]
    secrets_manager: dict[str, str]
    exported_variables: list[str]
    phases: dict[str, Phase]
    artifacts: Artifact | None
    secondary_artifacts: dict[str, Artifact]


def parse(text: str) -> Buildspec:
    """Parse a buildspec; raises BuildspecError."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"the buildspec is no valid YAML: {error}") from error
    spec = _mapping(content, "the buildspec")
    _only(spec, "the buildspec", {"version", "run-as", "env", "phases", "artifacts", "cache"})
    if str(spec.get("version")) != "0.2":
        raise BuildspecError(f"invalid buildspec version {spec.get('version')!r}: only 0.2 is known here")
    if spec.get("run-as", "root") != "root":
        raise BuildspecError("run-as is not simulated: builds run as root")
    env = _mapping(spec.get("env") or {}, "env")
    env_keys = {"shell", "variables", "parameter-store", "secrets-manager", "exported-variables"}
    _only(env, "env", env_keys | {"git-credential-helper"})
    if str(env.get("git-credential-helper", "no")).lower() not in ("no", "false"):
        raise BuildspecError("env: git-credential-helper is not simulated")
    shell = env.get("shell", "/bin/sh")
    if shell not in SHELLS:
        raise BuildspecError(f"env: the shell {shell!r} is not one of {', '.join(SHELLS)}")
    artifacts = _mapping(spec.get("artifacts") or {}, "artifacts")
    secondary = _mapping(artifacts.get("secondary-artifacts") or {}, "artifacts: secondary-artifacts")
    return Buildspec(
        shell=SHELLS[shell],
        variables=_texts(env.get("variables"), "env: variables"),
        parameter_store=_texts(env.get("parameter-store"), "env: parameter-store"),
        secrets_manager=_texts(env.get("secrets-manager"), "env: secrets-manager"),
        exported_variables=_list(env.get("exported-variables"), "env: exported-variables"),
        phases=_phases(spec.get("phases")),
        artifacts=_artifact(artifacts, "artifacts") if "files" in artifacts else None,
        secondary_artifacts={
            name: _artifact(_mapping(entry, f"secondary-artifacts: {name}"), f"secondary-artifacts: {name}")
            for name, entry in secondary.items()
        },
    )


def _phases(content: Any) -> dict[str, Phase]:
    phases = _mapping(content, "phases")
    _only(phases, "phases", set(PHASES))
    return {name: _phase(name, _mapping(phases[name], name)) for name in PHASES if name in phases}


def _phase(name: str, content: dict[str, Any]) -> Phase:
    keys = {"commands", "finally", "on-failure", "run-as"}
    _only(content, f"phases: {name}", keys | ({"runtime-versions"} if name == "install" else set()))
    if content.get("run-as", "root") != "root":
        raise BuildspecError(f"phases: {name}: run-as is not simulated: builds run as root")
    on_failure = content.get("on-failure")
    if on_failure not in (None, ABORT, CONTINUE):
        raise BuildspecError(f"phases: {name}: on-failure {on_failure!r} is neither ABORT nor CONTINUE")
    commands = _list(content.get("commands"), f"phases: {name}: commands")
    return Phase(commands, _list(content.get("finally"), f"phases: {name}: finally"), on_failure)


def _artifact(content: dict[str, Any], where: str) -> Artifact:
    keys = {"files", "base-directory", "discard-paths", "exclude-paths", "name"}
    _only(content, where, keys | {"secondary-artifacts", "enable-symlinks", "s3-prefix"})
    for option in ("enable-symlinks", "s3-prefix"):
        if str(content.get(option, "no")).lower() not in ("no", "false"):
            raise BuildspecError(f"{where}: {option} is not simulated")
    files = _list(content.get("files"), f"{where}: files")
    if not files:
        raise BuildspecError(f"{where}: files is required")
    return Artifact(
        files=files,
        base_directory=str(content.get("base-directory") or "."),
        discard_paths=str(content.get("discard-paths", "no")).lower() in ("yes", "true"),
        exclude_paths=_list(content.get("exclude-paths"), f"{where}: exclude-paths"),
        name=str(content.get("name") or ""),
    )


def _mapping(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BuildspecError(f"{where} must be a mapping")
    return content


def _only(content: dict[str, Any], where: str, keys: set[str]) -> None:
    for key in content:
        if key not in keys:
            raise BuildspecError(f"{where}: unknown or not simulated: {key!r} (known: {', '.join(sorted(keys))})")


def _texts(content: Any, where: str) -> dict[str, str]:
    texts = {}
    for name, value in _mapping(content or {}, where).items():
        if isinstance(value, (dict, list)) or value is None:
            raise BuildspecError(f"{where}: {name} must be a text")
        texts[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return texts


def _list(content: Any, where: str) -> list[str]:
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise BuildspecError(f"{where} must be a list")
    for index, entry in enumerate(content):
        if isinstance(entry, (dict, list)) or entry is None:
            kind = "subkeys" if isinstance(entry, dict) else "no text"
            raise BuildspecError(f"Expected {where}[{index}] to be of string type: found {kind} instead")
    return [str(entry) for entry in content]
