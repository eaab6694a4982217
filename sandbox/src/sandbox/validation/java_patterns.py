"""The regular expressions of AWS's models, which are Java's."""

from __future__ import annotations

import functools

import regex

_SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"
_SUPPLEMENTARY = r"\U00010000-\U0010FFFF"


@functools.cache
def compiled(pattern: str) -> regex.Pattern[str]:
    """A pattern that must match the whole text, as in Java's `matches`. Raises ``regex.error`` for an invalid one.

    Java reads a pair of surrogates as one character and `\\w`, `\\d`, `\\s` as ASCII.
    """
    flags = regex.VERSION0 if r"\p{" in pattern else regex.VERSION0 | regex.ASCII
    return regex.compile(pattern.replace(_SURROGATES, _SUPPLEMENTARY), flags)
