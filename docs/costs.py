"""Writes what a month costs from the prices that previews count with, by `make docs`."""

from collections.abc import Iterator
from pathlib import Path

from delivery.pull_request.cost import Tasks, prices

PAGE = Path(__file__).parent / "explanation/costs.md"
FIRST = "<!-- prices -->\n"
LAST = "<!-- end of prices -->\n"
REGIONS = ("ap-northeast-1", "us-east-1")
SHARED = {
    "the load balancer": {"load_balancer": 1},
    "its public addresses, in two zones": {"public_ipv4": 2},
    "a NAT gateway and its address; `nat: per_zone` has one a zone": {"nat_gateway": 1, "public_ipv4": 1},
    "an interface endpoint in two zones, of which `endpoints: true` has five or more": {"vpc_endpoint": 2},
    "the keys of the sessions' log, and of each service that has secrets": {"kms_key": 1},
    "the dashboard": {"dashboard": 1},
    "the alarms of a service with a route": {"alarm_metric": 3, "composite_alarm": 1},
}
"""What there is beside the tasks → how many of what AWS has a price for."""
SIZES = [Tasks(cpu, 2 * cpu, False, 1, False) for cpu in (256, 512, 1024, 2048)]


def page() -> str:
    """The whole page, with its tables written anew."""
    before, rest = PAGE.read_text("utf-8").split(FIRST)
    _, after = rest.split(LAST)
    return before + FIRST + "".join(_tables()) + LAST + after


def _tables() -> Iterator[str]:
    regions = [known for region in REGIONS if (known := prices(region))]
    head = f"| {' | '.join(each.region for each in regions)} |\n|---|{'---:|' * len(regions)}\n"
    yield f"| US dollars a month, {regions[0].as_of} {head}"
    for what, parts in SHARED.items():
        yield _row(what, [sum(count * each.month[part] for part, count in parts.items()) for each in regions])
    yield f"\n| a task all month, on demand {head}"
    for tasks in SIZES:
        size = str(tasks).removeprefix("1 task of ")
        yield _row(f"{size}, x86_64", [tasks.month(each) for each in regions])
        yield _row(f"{size}, arm64", [_on_arm(tasks).month(each) for each in regions])


def _on_arm(tasks: Tasks) -> Tasks:
    return Tasks(tasks.cpu, tasks.memory, True, tasks.count, tasks.public)


def _row(what: str, amounts: list[float]) -> str:
    return f"| {what} | {' | '.join(f'{amount:.2f}' for amount in amounts)} |\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
