"""The passwords that ECR's GetAuthorizationToken gives to container clients."""

from __future__ import annotations

import base64
import json
import time

LIFETIME = 12 * 3600


def new_token(account: str) -> tuple[str, float]:
    """A password for an account's registry and the time (seconds since 1970) at which it expires."""
    expiration = time.time() + LIFETIME
    content = json.dumps({"registry": account, "expiration": expiration})
    return base64.urlsafe_b64encode(content.encode()).decode(), expiration


def token_account(password: str) -> str:
    """The account whose registry a password opens; "" for one that is expired or none of ours."""
    try:
        content = json.loads(base64.urlsafe_b64decode(password.encode()))
        return str(content["registry"]) if content["expiration"] > time.time() else ""
    except (ValueError, KeyError, TypeError):
        return ""
