"""Page views through a load balancer: what browsers would see while something is deployed."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from sandbox.clients.sites import Site

ASSET = re.compile(r"""\b(?:src|href)=["']([^"'#]+)["']""")

LONGEST_LINE = 40
"""Characters by which versions are told apart."""


@dataclass
class Views:
    """What was seen.

    Attributes:
        total: page views; each is a page, and its assets when those are asked for.
        broken_at: when views were broken, in seconds since the start: the page or an asset of it was not there.
        statuses: of all answers.
        versions: second since the start → how often each text was the page's, by its first line; what answers is known
            by it.
    """

    total: int = 0
    broken_at: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    versions: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, statuses: list[int], at: float, text: str = "") -> None:
        """One page view: the page's status, and its assets'; and the page."""
        with self._lock:
            self.total += 1
            self.versions[int(at)][text.partition("\n")[0][:LONGEST_LINE]] += 1
            self.statuses.update(statuses)
            if any(status != http.HTTPStatus.OK for status in statuses):
                self.broken_at.append(round(at, 2))

    @property
    def server_errors(self) -> int:
        """5xx answers, and none at all."""
        return sum(count for status, count in self.statuses.items() if status == 0 or status >= 500)

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            "views": self.total,
            "broken": len(self.broken_at),
            "missing": self.statuses[http.HTTPStatus.NOT_FOUND],
            "server_errors": self.server_errors,
            "seconds": round(self.seconds, 1),
            "broken_at": sorted(self.broken_at),
        }

    def shares(self) -> list[dict[str, Any]]:
        """For machines: how often each version answered, second by second."""
        return [{"second": second, "pages": dict(pages)} for second, pages in sorted(self.versions.items())]

    def line(self) -> str:
        """For people."""
        spread = f", from second {min(self.broken_at)} to {max(self.broken_at)}" if self.broken_at else ""
        return (
            f"{self.total} page views: {len(self.broken_at)} broken{spread}; {self.statuses[404]} answers 404, "
            f"{self.server_errors} answers 5xx"
        )


def assets_of(page: str, path: str) -> list[str]:
    """The paths of what a page loads from its own host, each once."""
    urls = (urljoin(path, reference) for reference in ASSET.findall(page))
    parsed = [urlsplit(each) for each in urls]
    return list(dict.fromkeys(each.path for each in parsed if not each.netloc and each.path != path))


def view(site: Site, path: str, pause: float, *, assets: bool) -> tuple[list[int], str]:
    """One page view; the statuses of its answers, and the page."""
    status, body = site.get(path)
    statuses, page = [status], body.decode(errors="replace")
    if assets and status == http.HTTPStatus.OK:
        for asset in assets_of(page, path):
            time.sleep(pause)
            statuses.append(site.get(asset)[0])
    return statuses, page


def load(
    site: Site, views: Views, path: str, workers: int, pause: float, is_over: Callable[[], bool], *, assets: bool
) -> None:
    """Page views by several workers, one after another each, until it is over; `views` has what was seen."""
    started = time.monotonic()

    def work() -> None:
        while not is_over():
            at = time.monotonic() - started
            statuses, page = view(site, path, pause, assets=assets)
            views.add(statuses, at, page)
            views.seconds = time.monotonic() - started
            time.sleep(pause)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
