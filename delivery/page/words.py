"""Times, digests and addresses as a page writes them."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from markupsafe import Markup, escape

DOMAINS = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
"""How a Region's name begins → its partition's console; all others are in `console.aws.amazon.com`."""
ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:")
SHORT = 12
"""Characters of a digest or a commit that are shown."""
MINUTE, HOUR, DAY = 60, 3600, 86400


def moment(at: datetime) -> str:
    """`2026-11-30 11:20 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def stamp(at: datetime) -> Markup:
    """A moment with its seconds for machines."""
    return Markup('<time datetime="{}">{}</time>').format(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", moment(at))


def span(length: timedelta) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; at most two units."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return _two(seconds // MINUTE, "min", seconds % MINUTE, "s")
    minutes = round(seconds / MINUTE)
    if minutes < DAY // MINUTE:
        return _two(minutes // 60, "h", minutes % 60, "min")
    hours = round(seconds / HOUR)
    return _two(hours // 24, "d", hours % 24, "h")


def rough(length: timedelta) -> str:
    """The same in its larger unit alone: `3 min`."""
    return " ".join(span(length).split()[:2])


def age(at: datetime, now: datetime) -> str:
    """How long ago something was."""
    return f"{rough(now - at)} ago"


def legible(text: str) -> str:
    """A text without what ARNs begin with: partition, service, Region and account."""
    return ARN.sub("", text)


def short(digest: str) -> str:
    """The beginning of a digest or a commit."""
    return digest.removeprefix("sha256:")[:SHORT]


def coded(text: str) -> Markup:
    """A text whose commands are within backticks."""
    parts = (
        Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in enumerate(text.split("`"))
    )
    return Markup().join(parts)


def place(url: str) -> Markup:
    """An address without what goes without saying, which may be broken at its dots and slashes."""
    shown = url.removeprefix("https://").removesuffix("/")
    return Markup("<wbr>").join(re.split(r"(?<=[./])", shown))


def counted(count: int, one: str, many: str = "") -> str:
    """`1 alarm`, `2 alarms`."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def console(region: str, path: str) -> str:
    """The address of a page of the AWS console."""
    domain = next((domain for begins, domain in DOMAINS.items() if region.startswith(begins)), "console.aws.amazon.com")
    return f"https://{region}.{domain}/{path}"


def execution_page(region: str, pipeline: str, execution: str) -> str:
    """The console's page of a pipeline's execution."""
    where = f"codesuite/codepipeline/pipelines/{quote(pipeline)}/executions/{quote(execution)}/visualization"
    return console(region, f"{where}?region={region}")


def service_page(region: str, cluster: str, service: str) -> str:
    """The console's page of an ECS service."""
    return console(region, f"ecs/v2/clusters/{quote(cluster)}/services/{quote(service)}/health?region={region}")


def alarm_page(region: str, alarm: str) -> str:
    """The console's page of an alarm."""
    return console(region, f"cloudwatch/home?region={region}#alarmsV2:alarm/{quote(alarm)}")


def dashboard_page(region: str, stack: str) -> str:
    """The console's page of a stack's dashboard."""
    return console(region, f"cloudwatch/home?region={region}#dashboards/dashboard/{quote(stack)}")


def _two(whole: int, unit: str, rest: int, smaller: str) -> str:
    return f"{whole} {unit} {rest} {smaller}" if rest else f"{whole} {unit}"
