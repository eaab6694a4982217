"""Assets of earlier releases in a new image: the key of a stack file, and how Package is told."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from components import types
from components.model import Model
from pipeline_steps.package.assets import Assets as Setting


class Assets(Model):
    """Files named by their content, such as `app-1a2b3c4d.css`, which open pages of earlier releases still request.
    A new image gets those of the last releases; if both have a file of the same name, the new one stays. Hidden
    files and links are left out."""

    path: types.ImagePath
    """The folder of the image that contains the assets."""
    releases: Annotated[int, Field(ge=1, le=10)] = 3
    """How many previous releases' assets to keep."""


def settings(assets: Assets | None) -> Mapping[str, str]:
    """The setting of the pipeline's steps, as `pipeline_steps.package.assets` reads it; none where nothing is kept."""
    return {"assets": Setting(assets.releases, assets.path).value()} if assets else {}
