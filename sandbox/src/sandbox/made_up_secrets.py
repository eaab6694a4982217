"""Values for the secrets of a stack file that nobody has set in the sandbox."""

import contextlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox import program_hooks
from sandbox.progress import Say

MISSING = re.compile(r"pulumi config set (?:--path )?--secret (?:--path )?'?(?P<key>[^'\s`]+)'?(?:\s|$)")
"""Pulumi's own words, and its programs', for a secret that is not set."""


def missing_secrets(message: str) -> list[str]:
    """The config paths that a failed program asks to be set, by the commands in its message."""
    return [match["key"] for match in MISSING.finditer(message)]


class MadeUpSecrets:
    """The made-up values of a stack, by config path.

    Args:
        file: keeps them.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._preview: dict[str, str] | None = None
        self._forgotten: set[str] = set()

    def values(self) -> dict[str, str]:
        """Config path → value; of a preview those that it has so far."""
        if self._preview is not None:
            return dict(self._preview)
        return {key: value for key, value in self._stored().items() if key not in self._forgotten}

    def keep(self, key: str, value: str) -> None:
        """Have somebody's own value for a secret, instead of a made-up one.

        Args:
            key: the config path.
            value: of the secret.
        """
        self._set({**self._stored(), key: value})

    def make_up(self, keys: Iterable[str], say: Say) -> bool:
        """Make up values for these secrets, and say which; the same ones for ever after. False: nothing new."""
        values, stored = self.values(), self._stored()
        new = [key for key in dict.fromkeys(keys) if key not in values]
        for key in new:
            values[key] = stored.get(key) or program_hooks.secret_value(key) or secrets.token_urlsafe(24)
        if new:
            self._forgotten -= set(new)
            self._set(values if self._preview is not None else {**stored, **values})
            say("Made up for the sandbox, since these secrets are not set: " + ", ".join(new))
        return bool(new)

    def forget(self, refusal: str, say: Say) -> bool:
        """Leave out the values that a program refuses by name, until `keep_forgotten`. False: it names none."""
        values = self.values()
        refused = [key for key in values if f"{key}: " in refusal]
        if self._preview is None:
            self._forgotten |= set(refused)
        else:
            self._preview = {key: value for key, value in values.items() if key not in refused}
        if refused:
            say("Forgot what was made up for: " + ", ".join(refused))
        return bool(refused)

    def keep_forgotten(self) -> None:
        """Remove what was forgotten from the file, now that what it was for is gone."""
        if self._forgotten:
            values = self.values()
            self._forgotten.clear()
            self._set(values)

    @contextlib.contextmanager
    def preview(self) -> Iterator[None]:
        """What is made up and forgotten meanwhile is so for a preview only."""
        self._preview = self.values()
        try:
            yield
        finally:
            self._preview = None

    def _stored(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        values: dict[str, str] = json.loads(self._file.read_text())
        return values

    def _set(self, values: dict[str, str]) -> None:
        if self._preview is not None:
            self._preview = values
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps(values, indent=1))
        self._file.chmod(0o600)
