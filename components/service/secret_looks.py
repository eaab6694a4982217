"""What looks like a secret: a variable by its name, or a value by what it is made of.

The words and forms are those that detect-secrets (`plugins/keyword.py` and its other plugins) and gitleaks (its rule
`generic-api-key`) go by, without what either of them finds in plain settings.
"""

import re

_SECRET_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|PASSCODE|(?<=\w)(?<!OLD)PWD|SECRET|TOKEN|(?:^|_|DB_?|DATABASE_?|KEY_?)PASS"
    r"|(?:API|AUTH|ACCESS|SECRET|PRIVATE|PRIV|SIGNING|ENCRYPTION|MASTER|CLIENT|SERVICE|ACCOUNT|DB|DATABASE)_?KEY"
    r"|SECRET_KEY_BASE|(?:RELEASE|ERLANG)_COOKIE)"
    r"(?:_?\d+)?$",
    re.IGNORECASE,
)
"""How names end whose values are secrets; two of them may be numbered. A BEAM's cookie opens a shell in it."""
_KEY_NAME = re.compile(r"_KEY(?:_?\d+)?$", re.IGNORECASE)
"""How the names of other keys end: a secret, or what something is found by."""
_PUBLIC_NAME = re.compile(
    r"(?:^|_)(?:PUBLIC|PUBLISHABLE|SITE)_(?:(?!\w*(?:SECRET|PRIVATE))\w+_)?(?:KEY|TOKEN)(?:_?\d+)?$", re.IGNORECASE
)
"""Keys that every browser is given."""
_PLAIN = re.compile(
    r"true|false|yes|no|on|off|enabled|disabled|required|optional|none|[01]"
    r"|arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:\d*:\S+"  # the name of a secret
    r"|/\S*\.[a-z]\w{1,9}|/(?:run|var/run)/secrets/\S+",  # a file
    re.IGNORECASE,
)
"""Values that are secrets under no name."""
_WORDS = re.compile(r"(?:[A-Za-z]{1,20}|v?\d{1,4})(?:[ ._:/{}*-]+(?:[A-Za-z]{1,20}|v?\d{1,4}))*[{}*]*")
"""What something may be found by: `orders.created`, `user:42`."""
_VALUES = (
    (re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE), "an address with a password"),
    (re.compile(r"^[^\s:@/]+:[^\s@]+@(?:tcp|unix)\("), "an address with a password"),
    (
        re.compile(r"(?:^|[\s;?&])(?:ssl)?(?:password|passwd|pwd)\s*=\s*[^\s;&]", re.IGNORECASE),
        "an address with a password",
    ),
    (re.compile(r"[?&](?:access_token|token|api_?key|sig|signature|secret)=[^\s&]", re.IGNORECASE), "a token"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "a private key"),
    (re.compile(r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b"), "a key of AWS's"),
    (re.compile(r"\bAccountKey=[A-Za-z0-9+/=]{40}"), "a key of Azure's"),
    (re.compile(r"https://hooks\.slack(?:-gov)?\.com/(?:services|triggers|workflows)/\S"), "a webhook of Slack's"),
    (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\."), "a token"),
    (
        re.compile(
            r"\b(?:gh[pousr]_|github_pat_|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent)-|gloas-|xox[abeoprs]-|[rs]k_live_"
            r"|whsec_|npm_\w{36}|pypi-AgE|SG\.[\w-]{16,}\.|hvs\.|dop_v1_|shp(?:at|ca|pa|ss)_|sk-(?:proj|ant)-|AGE-SECRET-KEY-)\w"
        ),
        "a token",
    ),
)
"""What is a secret for sure, by how it begins or is made up."""


def why_secret(name: str, value: str) -> str | None:
    """Why a variable looks like a secret, to follow its name, never with the value; None where it does not.

    Args:
        name: the variable's.
        value: it, without quotation marks.
    """
    if found := [what for pattern, what in _VALUES if pattern.search(value)]:
        return f"holds {found[0]}"
    if not value or _PLAIN.fullmatch(value) or _PUBLIC_NAME.search(name):
        return None
    if _SECRET_NAME.search(name) or (_KEY_NAME.search(name) and not _WORDS.fullmatch(value)):
        return "is a secret by its name"
    return None
