"""Which files of a source Docker leaves out, by the rules of its ignore file.

They are those of github.com/moby/patternmatcher, and so BuildKit's: neither gitignore's nor those of Python's fnmatch.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

IGNORE_FILE = ".dockerignore"
_SPECIAL = re.compile(r"[*?\[\]]|\\.")
_PIECE = re.compile(r"\*\*/?|\*|\?|\\.|\[\^?|[\]-]|.", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """A line of the file.

    Attributes:
        keeps: whether it takes back what an earlier line leaves out (`!`).
        expression: of the paths that it is about.
    """

    keeps: bool
    expression: re.Pattern[str]

    @classmethod
    def parse(cls, line: str) -> "Pattern":
        """
        Raises:
            ValueError: it is no pattern.
        """
        keeps, text = line.startswith("!"), line.removeprefix("!").strip()
        cleaned = posixpath.normpath(text) if text else ""
        if cleaned != "/":
            cleaned = cleaned.lstrip("/")
        try:
            if not cleaned:
                raise ValueError
            return cls(keeps, re.compile(_expression(cleaned)))
        except (ValueError, re.error):
            raise ValueError(f"{line!r} is not a pattern for {IGNORE_FILE}") from None


def ignore_patterns(context: Path, dockerfile: Path) -> list[Pattern]:
    """The patterns of a context: of the ignore file beside its Dockerfile, or at its own top.

    Raises:
        ValueError: a line of it is no pattern.
    """
    for file in (dockerfile.with_name(f"{dockerfile.name}{IGNORE_FILE}"), context / IGNORE_FILE):
        if file.is_file():
            lines = file.read_text("utf-8-sig", errors="replace").splitlines()
            return [Pattern.parse(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    return []


def is_ignored(path: PurePosixPath, patterns: Sequence[Pattern]) -> bool:
    """Whether Docker leaves out a path: the last pattern decides that is about it or a folder that it is in."""
    names = [str(path), *map(str, list(path.parents)[:-1])]
    ignored = False
    for pattern in patterns:
        if ignored is pattern.keeps and any(pattern.expression.fullmatch(name) for name in names):
            ignored = not pattern.keeps
    return ignored


def _expression(pattern: str) -> str:
    """A regular expression of a pattern, as patternmatcher's `compile` makes it."""
    parts = []
    for found in _PIECE.finditer(pattern):
        piece, rest = found[0], pattern[found.end() :]
        if piece.startswith("**"):
            # At the beginning, before a plain text, it also ends within a name: `**file` is about `a/myfile`.
            is_suffix = not found.start() and piece == "**" and not _SPECIAL.search(rest)
            parts.append(".*" if not rest or is_suffix else "(?:.*/)?")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece in ("[", "[^", "]", "-"):
            parts.append(piece)
        else:
            parts.append(re.escape(piece[-1]))
    return "".join(parts)
