"""ECR operations that moto lacks or has wrong; the rest (repositories, uploads' beginnings, tags) is moto's.

moto 5.2.5 computes an image's digest from its layers, matches tag filters as regular expressions, deletes
the image that loses its last tag to another, names the wrong error for an immutable tag, does not look for
the layers that a manifest needs, forgets layer bytes and cannot give them back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.ecr.models import Image, Repository, ecr_backends

from sandbox.account.errors import AwsError
from sandbox.ecr.tokens import new_token

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

_lock = threading.Lock()


def get_authorization_token(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """A password for `docker login`, good for 12 hours."""
    data = []
    for registry in params.get("registryIds") or [account.id]:
        password, expiration = new_token(registry)
        data.append(
            {
                "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                "expiresAt": expiration,
                "proxyEndpoint": f"https://{registry}.dkr.ecr.{account.region}.amazonaws.com",
            }
        )
    return {"authorizationData": data}


def complete_layer_upload(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """Keep an uploaded layer under its digest, which must be the announced one."""
    repository = _repository(account, params)
    upload = repository.uploads.get(params["uploadId"])
    if upload is None:
        raise AwsError(
            "UploadNotFoundException",
            f"The upload with id '{params['uploadId']}' does not exist in the repository with name "
            f"'{repository.name}' in the registry with id '{repository.registry_id}'",
        )
    content = bytes(upload.layer_parts)
    if not content:
        raise AwsError("EmptyUploadException", "The specified layer upload does not contain any layer parts.")
    name = hashlib.sha256(content).hexdigest()
    digest = f"sha256:{name}"
    if digest not in params["layerDigests"]:
        raise AwsError(
            "InvalidLayerException",
            f"The layer digest {params['layerDigests'][0]} does not match the digest of what was uploaded, {digest}",
        )
    del repository.uploads[upload.upload_id]
    if digest in repository.layers:
        raise AwsError(
            "LayerAlreadyExistsException",
            f"Layer with digest '{digest}' already exists in the repository with name '{repository.name}'",
        )
    _write(_blob(account, digest), content)
    repository.layers[digest] = len(content)
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "uploadId": upload.upload_id,
        "layerDigest": digest,
    }


def get_download_url_for_layer(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """Where a layer can be read; in the sandbox a file URL, because its clients share its machine."""
    repository = _repository(account, params)
    digest = params["layerDigest"]
    if digest not in repository.layers:
        raise AwsError(
            "LayersNotFoundException",
            f"The layer with digest '{digest}' does not exist in the repository with name "
            f"'{repository.name}' in the registry with id '{repository.registry_id}'",
        )
    return {"downloadUrl": _blob(account, digest).resolve().as_uri(), "layerDigest": digest}


def put_image(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """Store a manifest, or give a stored one another tag. (The server announces the push.)"""
    repository = _repository(account, params)
    manifest, tag = params["imageManifest"], params.get("imageTag")
    description = _parse_manifest(manifest)
    media_type = params.get("imageManifestMediaType") or description.get("mediaType")
    if media_type is None:
        raise AwsError("InvalidParameterException", "The image manifest's media type is in neither place")
    digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    if params.get("imageDigest", digest) != digest:
        raise AwsError(
            "ImageDigestDoesNotMatchException",
            f"The provided image digest {params['imageDigest']} does not match the manifest's, {digest}",
        )
    _require_layers(repository, description)
    with _lock:
        image = next((stored for stored in repository.images if stored.image_digest == digest), None)
        _check_tag(repository, image, digest, tag)
        if image is None:
            image = Image(account.id, "", manifest, repository.name, media_type, digest)
            image.remove_tag("")
            repository.images.append(image)
        if tag:
            _move_tag(repository, image, tag)
    return {"image": _shape(image, {"imageTag": tag} if tag else {})}


def batch_get_image(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """Manifests by tag or digest."""
    repository = _repository(account, params)
    answer: dict[str, Any] = {"images": [], "failures": []}
    for image_id in params["imageIds"]:
        digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
        images = [
            image
            for image in repository.images
            if (digest is None or image.image_digest == digest) and (tag is None or tag in image.image_tags)
        ]
        if images and image_id:
            answer["images"].append(_shape(images[0], image_id))
        else:
            reason = "Requested image not found"
            failure = {"imageId": image_id, "failureCode": "ImageNotFound", "failureReason": reason}
            answer["failures"].append(failure)
    return answer


def _repository(account: Account, params: dict[str, Any]) -> Repository:
    name, registry = params["repositoryName"], params.get("registryId") or account.id
    repository = ecr_backends[account.id][account.region].repositories.get(name)
    if repository is None or repository.registry_id != registry:
        raise AwsError(
            "RepositoryNotFoundException",
            f"The repository with name '{name}' does not exist in the registry with id '{registry}'",
        )
    return repository


def _parse_manifest(manifest: str) -> dict[str, Any]:
    try:
        description = json.loads(manifest)
    except ValueError:
        description = None
    if not isinstance(description, dict):
        raise AwsError(
            "InvalidParameterException",
            "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'",
        )
    return description


def _require_layers(repository: Repository, description: dict[str, Any]) -> None:
    parts = [description.get("config"), *description.get("layers", [])]
    needed = [part["digest"] for part in parts if isinstance(part, dict) and "digest" in part]
    missing = [digest for digest in needed if digest not in repository.layers]
    if missing:
        raise AwsError(
            "LayersNotFoundException",
            f"Layers with digests '[{', '.join(missing)}]' required for pushing image into repository with name "
            f"'{repository.name}' in the registry with id '{repository.registry_id}' do not exist",
        )


def _check_tag(repository: Repository, image: Image | None, digest: str, tag: str | None) -> None:
    if image is not None and (tag is None or tag in image.image_tags):
        raise AwsError(
            "ImageAlreadyExistsException",
            f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the repository with name "
            f"'{repository.name}' in registry with id '{repository.registry_id}'",
        )
    is_used = tag is not None and any(tag in stored.image_tags for stored in repository.images)
    if tag is not None and is_used and _is_immutable(repository, tag):
        raise AwsError(
            "ImageTagAlreadyExistsException",
            f"The image tag '{tag}' already exists in the '{repository.name}' repository and cannot be "
            "overwritten because the tag is immutable.",
        )


def _is_immutable(repository: Repository, tag: str) -> bool:
    mode = str(getattr(repository.image_tag_mutability, "value", repository.image_tag_mutability))
    filters = repository.image_tag_mutability_exclusion_filters or []
    excluded = any(_matches(entry["filter"], tag) for entry in filters)
    return mode.startswith("IMMUTABLE") != (excluded and mode.endswith("_WITH_EXCLUSION"))


def describe_pull_through_cache_rules(account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
    """There is none: nothing here makes one."""
    if prefixes := params.get("ecrRepositoryPrefixes"):
        message = f"The pull through cache rule with prefix '{prefixes[0]}' does not exist"  # wording not seen
        raise AwsError("PullThroughCacheRuleNotFoundException", message)
    return {"pullThroughCacheRules": []}


def _matches(pattern: str, tag: str) -> bool:
    """A WILDCARD filter: `*` is any characters, all else is itself."""
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), tag) is not None


def _move_tag(repository: Repository, image: Image, tag: str) -> None:
    """Give an image a tag; the one that had it stays, without it."""
    for other in repository.images:
        if other is not image and tag in other.image_tags:
            other.remove_tag(tag)
            if not other.image_tags:
                other.image_tag = None  # type: ignore[assignment]
    image.update_tag(tag)


def _shape(image: Image, image_id: dict[str, str]) -> dict[str, Any]:
    identifier = {"imageDigest": image.image_digest}
    tag = image_id.get("imageTag") or (image.image_tags[0] if image.image_tags else None)
    if tag:
        identifier["imageTag"] = tag
    return {
        "registryId": image.registry_id,
        "repositoryName": image.repository_name,
        "imageId": identifier,
        "imageManifest": image.image_manifest,
        "imageManifestMediaType": image.image_manifest_media_type,
    }


def _blob(account: Account, digest: str) -> Path:
    return account.folder / "blobs" / digest.removeprefix("sha256:")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    new.write_bytes(content)
    new.replace(path)


HANDLERS: dict[tuple[str, str], Callable[[Account, Principal, dict[str, Any]], dict[str, Any]]] = {
    ("ecr", "GetAuthorizationToken"): get_authorization_token,
    ("ecr", "CompleteLayerUpload"): complete_layer_upload,
    ("ecr", "GetDownloadUrlForLayer"): get_download_url_for_layer,
    ("ecr", "PutImage"): put_image,
    ("ecr", "BatchGetImage"): batch_get_image,
    ("ecr", "DescribePullThroughCacheRules"): describe_pull_through_cache_rules,
}
