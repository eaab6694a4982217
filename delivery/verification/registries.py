"""Whether an image is in a public registry, asked without a login (OCI distribution specification, pulling manifests).

A registry that wants a token even of everybody says where there is one (Docker, "Token authentication specification").
A HEAD request counts as no pull (Docker Hub, usage and limits).
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import NamedTuple
from urllib.parse import quote, urlencode

SECONDS = 5.0
"""That an answer may take."""
LONGEST_TOKEN = 1_000_000
HUB, HUB_HOST = "docker.io", "registry-1.docker.io"
PUBLIC = frozenset({HUB, "ghcr.io", "public.ecr.aws", "quay.io", "registry.gitlab.com", "registry.k8s.io"})
"""Registries of everybody's: those that ECR can cache, and that have one host each (ECR API,
CreatePullThroughCacheRule: upstreamRegistryUrl)."""
MANIFESTS = ", ".join(
    [
        *(f"application/vnd.oci.image.{kind}.v1+json" for kind in ("index", "manifest")),
        *(f"application/vnd.docker.distribution.{kind}.v2+json" for kind in ("manifest.list", "manifest")),
    ]
)
"""What is accepted."""
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class NotAskedError(Exception):
    """A registry does not say whether it has an image; why."""


class Answer(NamedTuple):
    """A registry's: the status, what it wants of who asks, and the body."""

    status: int
    challenge: str = ""
    body: bytes = b""


class Reference(NamedTuple):
    """An image's name.

    Attributes:
        host: the registry's.
        repository: the image's.
        version: a tag or a digest.
    """

    host: str
    repository: str
    version: str

    @classmethod
    def parse(cls, image: str) -> "Reference":
        """A name with its registry; without a version it is the tag `latest`."""
        host, _, rest = image.partition("/")
        name, _, digest = rest.partition("@")
        repository, colon, tag = name.rpartition(":")
        version = digest or (tag if colon else "latest")
        return cls(HUB_HOST if host == HUB else host, repository if colon else name, version)


def has(image: str) -> bool:
    """Whether a registry has an image.

    Args:
        image: its name, with its registry.

    Raises:
        NotAskedError: it does not say so without a login, allows no more requests for now, or is not reached.
    """
    host, repository, version = Reference.parse(image)
    url = f"https://{host}/v2/{quote(repository)}/manifests/{quote(version, safe=':')}"
    accepted = {"Accept": MANIFESTS}
    answer = ask("HEAD", url, accepted)
    if answer.status == 401 and answer.challenge.lower().startswith("bearer "):
        token = _token(answer.challenge)
        answer = ask("HEAD", url, {**accepted, "Authorization": f"Bearer {token}"})
    if answer.status in (200, 404):
        return answer.status == 200
    raise NotAskedError(f"{host} answers {answer.status}")


def _token(challenge: str) -> str:
    """What a registry gives to everybody."""
    given = dict(_CHALLENGE.findall(challenge))
    realm = given.pop("realm", "")
    if not realm.startswith("https://"):
        raise NotAskedError("its registry names no place for a token")
    answer = ask("GET", f"{realm}?{urlencode({key: given[key] for key in ('service', 'scope') if key in given})}", {})
    try:
        found = json.loads(answer.body)
        return str(found.get("token") or found["access_token"])
    except (ValueError, KeyError, AttributeError):
        raise NotAskedError(f"its registry gives no token to everybody: it answers {answer.status}") from None


def ask(method: str, url: str, headers: Mapping[str, str]) -> Answer:
    """A registry's answer to one request.

    Raises:
        NotAskedError: there is none.
    """
    try:
        request = urllib.request.Request(url, headers=dict(headers), method=method)  # noqa: S310 (what is built here is HTTPS)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            return Answer(response.status, body=response.read(LONGEST_TOKEN))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get("WWW-Authenticate", ""))
    except (OSError, HTTPException, ValueError) as error:  # the last of a name that is no host's
        raise NotAskedError(f"{url.split('/')[2]} is not reached: {getattr(error, 'reason', error)}") from None
