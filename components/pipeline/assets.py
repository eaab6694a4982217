"""Assets of earlier releases in a new image: the key of a stack file, and how Package is told."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from components import types
from components.model import Model
from pipeline_steps.package.assets import Assets as Setting


class Assets(Model):
    """Files with a name for each content, such as `app-1a2b3c4d.css`, which pages of earlier releases still name.

    A new image gets those of the last releases; what has the same name stays the new one's. Hidden files and links are
    left out.
    """

    path: types.ImagePath
    """The folder that they are in, in the image."""
    releases: Annotated[int, Field(ge=1, le=10)] = 3
    """Of how many releases before."""


def settings(assets: Assets | None) -> Mapping[str, str]:
    """The setting of the pipeline's steps, as `pipeline_steps.package.assets` reads it; none where nothing is kept."""
    return {"assets": Setting(assets.releases, assets.path).value()} if assets else {}
