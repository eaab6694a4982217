"""The artifact store: zips in the pipeline's bucket, written and read with an action's credentials."""

from __future__ import annotations

import io
import secrets
import string
import zipfile
from dataclasses import dataclass
from typing import Any

from sandbox.codepipeline.model import Artifact, Json

KEY_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class ArtifactStore:
    """A pipeline's store; `encryption_key` is the declared KMS key, if any."""

    bucket: str
    pipeline: str
    encryption_key: str | None = None

    @classmethod
    def of(cls, definition: Json, region: str) -> ArtifactStore:
        store = definition.get("artifactStore") or definition["artifactStores"][region]
        key = (store.get("encryptionKey") or {}).get("id")
        return cls(store["location"], definition["name"], key)

    def place(self, name: str, revision: str | None = None) -> Artifact:
        """A new place for an artifact, as CodePipeline names its objects."""
        suffix = "".join(secrets.choice(KEY_ALPHABET) for _ in range(7))
        return Artifact(name, self.bucket, f"{self.pipeline[:20]}/{name[:10]}/{suffix}", revision)

    def put(self, s3: Any, artifact: Artifact, content: bytes) -> None:
        encryption = {}
        if self.encryption_key:
            encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.encryption_key}
        s3.put_object(
            Bucket=artifact.bucket,
            Key=artifact.key,
            Body=content,
            ContentType="application/zip",
            **encryption,
        )


def get(s3: Any, artifact: Artifact) -> bytes:
    content: bytes = s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
    return content


def zip_of(files: dict[str, bytes]) -> bytes:
    """A zip of the given files, the same bytes for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return buffer.getvalue()


def read_file(content: bytes, name: str) -> bytes | None:
    """A file of a zip; None when it is not there. `zipfile.BadZipFile` when it is no zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name) if name in archive.namelist() else None
