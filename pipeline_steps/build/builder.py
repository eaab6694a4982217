"""From a source to an image in the service's own repository."""

import base64
import json
import shutil
import tempfile

import boto3

from pipeline_steps.build import base_images, source_zip
from pipeline_steps.build.docker import Docker
from pipeline_steps.build.settings import PARAMETER, Settings
from pipeline_steps.job import StepError
from pipeline_steps.package.commit import named
from pipeline_steps.package.images import Images
from releases.events import Commit
from releases.repository import Repository

MOST_NAMES = 20
"""Of files, in a message."""


def described(session: boto3.Session, settings: Settings) -> tuple[Commit, int]:
    """What the upload's metadata names, `x-amz-meta-commit` and `x-amz-meta-repository`, and when it was."""
    head = session.client("s3").head_object(Bucket=settings.bucket, Key=settings.key, VersionId=settings.start.source)
    metadata = head["Metadata"]
    commit = named(Commit(), "upload", metadata.get("commit"), metadata.get("repository"))
    return commit, int(head["LastModified"].timestamp())


def build(session: boto3.Session, settings: Settings, docker: Docker) -> str:
    """Make an image of the source, unless its content has one and none is asked for.

    Returns:
        The image's digest.

    Raises:
        StepError: there is none; why.
    """
    _unpack(session, settings)
    content = settings.content
    for missing in content.missing():
        names = sorted(path.name for path in content.source.iterdir())[:MOST_NAMES]
        raise StepError(f"The source has no {missing}; at its top it has: {' '.join(names)}")
    repository = Repository(session, settings.repository)
    try:
        tag = content.tag()
    except ValueError as error:
        raise StepError(f"The source cannot be built: {error}.") from None
    if not settings.is_built_anew and (digest := _existing(session, settings, repository, tag)):
        return digest
    _log_in(session, settings, docker)
    image = f"{settings.repository_uri}:{tag}"
    given = arguments(settings)
    if settings.cache and docker.has_builder():
        fresh = ["--no-cache"] if settings.is_built_anew else []  # it would have the packages of an earlier day
        docker.build_with_cache(image, content.context, [*given, *fresh], settings.cache)
    else:
        docker.build(image, content.context, given)
        docker.push(image)
    if digest := repository.digest(tag):
        return digest
    raise StepError(f"The pushed image {tag} is not in {settings.repository}.")


def _existing(session: boto3.Session, settings: Settings, repository: Repository, tag: str) -> str | None:
    """The image of this content that was built before, or that somebody has pushed; None where there is none to run."""
    if digest := repository.digest(tag):
        print("An image of this content exists: no build.")
        return digest
    if not settings.inbox:
        return None
    digest = Repository(session, settings.inbox).digest(tag)
    if digest is None:
        of = [settings.platform, *(f"{name}={value}" for name, value in settings.content.build_arguments.items())]
        print(f"{settings.inbox} has no image {tag} ({', '.join(of)}): it is built here.")
        return None
    ecr = session.client("ecr")
    inbox = Images(ecr, settings.inbox)
    if misfit := inbox.misfit(digest, settings.platform):
        print(f"The image of this content in {settings.inbox} {misfit}: it is built here.")
        return None
    Images(ecr, settings.repository).copy(digest, inbox, tag)
    print(f"An image of this content was pushed to {settings.inbox}, {digest}: no build.")
    return digest


def _unpack(session: boto3.Session, settings: Settings) -> None:
    content = settings.content
    s3 = session.client("s3")
    upload = s3.get_object(Bucket=settings.bucket, Key=settings.key, VersionId=settings.start.source)
    with tempfile.TemporaryFile() as archive:
        shutil.copyfileobj(upload["Body"], archive)
        source_zip.unpack(archive, content.source, [content.context, content.dockerfile])


def login_in(secret: str, host: str) -> tuple[str, str]:
    """User and password of a registry, which a secret keeps as JSON.

    Raises:
        StepError: it keeps no such thing.
    """
    try:
        login = json.loads(secret)
        return login["username"], login.get("password") or login["accessToken"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StepError(
            f"The secret of registry {host} is not JSON with username, and password or accessToken."
        ) from None


def arguments(settings: Settings) -> list[str]:
    """Those of `docker build`, but for the image's tag and the context."""
    content = settings.content
    given = ["--platform", content.platform, "--file", content.dockerfile]
    if content.target:
        given += ["--target", content.target]
    for name, value in content.build_arguments.items():
        given += ["--build-arg", f"{name}={value}"]
    for name in settings.build_secrets:
        given += ["--secret", f"id={name},env={PARAMETER}{name}"]
    for name, value in base_images.labels(_base_images(settings)).items():
        given += ["--label", f"{name}={value}"]
    return given


def _base_images(settings: Settings) -> list[str]:
    content = settings.content
    dockerfile = (content.source / content.dockerfile).read_text("utf-8", errors="replace")
    return base_images.base_images(dockerfile, content.target, content.platform, content.build_arguments)


def _log_in(session: boto3.Session, settings: Settings, docker: Docker) -> None:
    _log_in_to_ecr(session, settings.registry, None, docker)
    for host in settings.ecr_registries:
        _log_in_to_ecr(session, host, region_of(host), docker)
    for login in settings.logins:
        manager = session.client("secretsmanager", region_name=login.region)
        secret = manager.get_secret_value(SecretId=login.secret).get("SecretString", "")
        user, password = login_in(secret, login.host)
        if not docker.login(login.host, user, password):
            raise StepError(f"Registry {login.host} refused the login in its secret.")


def region_of(host: str) -> str:
    """An ECR registry's: `<account>.dkr.ecr.<region>.<suffix>`."""
    return host.partition(".ecr.")[2].partition(".")[0]


def _log_in_to_ecr(session: boto3.Session, host: str, region: str | None, docker: Docker) -> None:
    ecr = session.client("ecr", region_name=region)
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    if not docker.login(host, user, password):
        raise StepError(f"ECR refused the login to {host}.")
