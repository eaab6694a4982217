"""Releases of images that another stack runs, and of nothing else: nobody uploads, and no event starts one."""

from collections.abc import Mapping

from components.pipeline.copies import Copies
from releases.executions import NO_PUSH, NO_SOURCE


class Promotions(Copies):
    """An image that `delivery promote` names."""

    @property
    def pushed(self) -> Mapping[str, str]:
        return {"source": NO_SOURCE, "pushed": NO_PUSH}
