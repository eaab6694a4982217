"""The base images that a Dockerfile names, of the stages that its target is built of.

Rules: https://docs.docker.com/reference/dockerfile/ (format, escape, environment replacement, FROM, ARG, COPY --from,
RUN --mount, here-documents).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

BASE = "org.opencontainers.image.base.name"
"""The label that names the image which the last stage begins with, with its registry (OCI image specification,
annotations)."""
OTHERS = "fargate-delivery.base-images"
"""The label that names those which other stages begin with, or files are copied of, with blanks between."""
SCRATCH = "scratch"
"""What no image is."""

_HEREDOC = re.compile(r"(?<!\S)\d*<<-?\s*([\"']?)(\w+)\1")
"""A word of its own: a shift in the shell's arithmetic is none."""
_FLAGS = re.compile(r"(?:--\S+\s+)*")
"""Those of an instruction; the rest of RUN is a command with its own."""
_FROM = re.compile(r"(?:--\S+\s+)*(\S+)(?:\s+as\s+(\S+))?\s*", re.IGNORECASE)
_COPIED = re.compile(r"--from=(\S+)|--mount=\S*?\bfrom=([^,\s]+)")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]*))?\})")


@dataclass
class _Stage:
    """A stage: the name of what it begins with and of what is copied to it, of images or of stages."""

    name: str
    begins_with: str
    copies: list[str] = field(default_factory=list)


def base_images(dockerfile: str, target: str, platform: str, arguments: Mapping[str, str]) -> list[str]:
    """The images, each with its registry; first that of the target's stage, "" where that begins with none.

    One whose name is not known is left out: of a variable without a value, or of another Dockerfile frontend's syntax.

    Args:
        dockerfile: its text.
        target: the stage that is built; "" for the last one.
        platform: what is built for, such as `linux/arm64`.
        arguments: the build's.
    """
    stages = list(_stages(dockerfile, platform, arguments))
    wanted = [place for place, stage in enumerate(stages) if not target or target.lower() in (stage.name, str(place))]
    if not wanted:
        return []
    begun, found, seen = _beginning(stages, wanted[-1]), list[str](), set[int]()
    waiting = [wanted[-1]]
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        for name in (stages[place].begins_with, *stages[place].copies):
            earlier = _place(stages, name, place)
            waiting += [earlier] if earlier is not None else []
            found += [] if earlier is not None or name in ("", SCRATCH) else [qualified(name)]
    return list(dict.fromkeys([begun, *found]))


def labels(images: list[str]) -> dict[str, str]:
    """What an image that is built of these is labelled with."""
    first, *others = images or [""]
    return {**({BASE: first} if first else {}), **({OTHERS: " ".join(others)} if others else {})}


def recorded(labels: Mapping[str, str]) -> list[str]:
    """The base images that an image's labels name."""
    return list(dict.fromkeys([*labels.get(BASE, "").split(), *labels.get(OTHERS, "").split()]))


def qualified(name: str) -> str:
    """An image's name with its registry, which is Docker Hub where none is named."""
    host, slash, _ = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def _beginning(stages: list[_Stage], place: int) -> str:
    """The image that a stage begins with, by way of others; "" where it begins with none."""
    name = stages[place].begins_with
    if (earlier := _place(stages, name, place)) is not None:
        return _beginning(stages, earlier)
    return "" if name in ("", SCRATCH) else qualified(name)


def _place(stages: list[_Stage], name: str, before: int) -> int | None:
    """Which stage before another one a name is of; None where it is an image's."""
    named = (place for place in range(before - 1, -1, -1) if name.lower() in (stages[place].name, str(place)))
    return next(named, None)


def _stages(dockerfile: str, platform: str, arguments: Mapping[str, str]) -> Iterator[_Stage]:
    system, _, machine = platform.partition("/")
    known = {"TARGETPLATFORM": platform, "TARGETOS": system, "TARGETARCH": machine}
    stage: _Stage | None = None
    for keyword, rest in _instructions(dockerfile):
        if keyword == "ARG" and stage is None:
            for declared in rest.split():
                name, _, default = declared.partition("=")
                known[name] = arguments.get(name, _replaced(default.strip("\"'"), known))
        elif keyword == "FROM" and (match := _FROM.fullmatch(rest)):
            if stage is not None:
                yield stage
            stage = _Stage((match[2] or "").lower(), _replaced(match[1], known))
        elif keyword in ("COPY", "ADD", "RUN") and stage is not None and (flags := _FLAGS.match(rest)):
            stage.copies += [copied or mounted for copied, mounted in _COPIED.findall(flags[0])]
    if stage is not None:
        yield stage


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Each instruction's keyword, in capitals, and what follows it, without the bodies of here-documents."""
    directive = re.match(r"(?:#[^\n]*=[^\n]*\n)*?#\s*escape\s*=\s*(\S)", dockerfile, re.IGNORECASE)
    escape, whole, until = directive[1] if directive else "\\", "", list[str]()
    for line in dockerfile.splitlines():
        if until:
            until = until[1:] if line.strip() == until[0] else until
            continue
        text = line.strip()
        if text.startswith("#"):
            continue
        if text.endswith(escape):
            whole += text[:-1] + " "
            continue
        keyword, _, rest = (whole + text).strip().partition(" ")
        whole = ""
        if keyword.upper() in ("RUN", "COPY", "ADD"):
            until = [name for _, name in _HEREDOC.findall(rest)]
        if keyword:
            yield keyword.upper(), rest.strip()


def _replaced(text: str, known: Mapping[str, str]) -> str:
    """A text with its variables' values; "" where one has none."""
    missing = list[str]()

    def value(match: re.Match[str]) -> str:
        name, operator, word = match[1] or match[2], match[3] or "", match[4] or ""
        found = known.get(name, "")
        if operator.endswith("+"):
            return word if found else ""
        if not found and not operator:
            missing.append(name)
        return found or word

    replaced = _VARIABLE.sub(value, text)
    return "" if missing or "$" in replaced else replaced
