"""The subnets of `awsx:ec2:Vpc`."""

from typing import Any

import pytest

from sandbox.providers.subnets import LayoutError, layout

ZONES = ("a", "b", "c")


def blocks(block: str, zones: int, specs: list[dict[str, Any]] | None, strategy: str = "Auto") -> dict[str, str]:
    subnets, _ = layout("net", block, ZONES[:zones], specs, strategy)
    return {subnet.name: subnet.block for subnet in subnets}


def test_the_default_layout_is_the_documented_one() -> None:
    assert blocks("10.0.0.0/16", 3, None) == blocks("10.0.0.0/16", 3, None, "Legacy")
    assert blocks("10.0.0.0/16", 3, None) == {
        "net-public-1": "10.0.32.0/20",
        "net-private-1": "10.0.0.0/19",
        "net-public-2": "10.0.96.0/20",
        "net-private-2": "10.0.64.0/19",
        "net-public-3": "10.0.160.0/20",
        "net-private-3": "10.0.128.0/19",
    }


@pytest.mark.parametrize(
    ("zones", "specs", "expected"),
    [
        (1, [{"type": "Public"}], {"net-public-1": "10.0.0.0/16"}),
        (2, [{"type": "Public"}], {"net-public-1": "10.0.0.0/17", "net-public-2": "10.0.128.0/17"}),
        (
            1,
            [{"type": "Public"}, {"type": "Private"}],
            {"net-public-1": "10.0.0.0/17", "net-private-1": "10.0.128.0/17"},
        ),
        (
            1,
            [{"type": "Private", "cidrMask": 24, "name": "db"}, {"type": "Public", "cidrMask": 22}],
            {"net-public-1": "10.0.4.0/22", "net-db-1": "10.0.0.0/24"},
        ),
        (1, [{"type": "Unused", "size": 256}, {"type": "Isolated", "size": 256}], {"net-isolated-1": "10.0.1.0/24"}),
        (
            2,
            [{"type": "Public", "cidrBlocks": ["10.0.9.0/24", "10.0.7.0/24"]}],
            {"net-public-1": "10.0.9.0/24", "net-public-2": "10.0.7.0/24"},
        ),
    ],
)
def test_specs(zones: int, specs: list[dict[str, Any]], expected: dict[str, str]) -> None:
    assert blocks("10.0.0.0/16", zones, specs) == expected


def test_legacy_groups_private_before_public() -> None:
    assert blocks("10.0.0.0/16", 1, [{"type": "Public"}, {"type": "Private"}], "Legacy") == {
        "net-public-1": "10.0.32.0/20",
        "net-private-1": "10.0.0.0/19",
    }


@pytest.mark.parametrize(
    ("block", "specs", "strategy", "message"),
    [
        ("10.0.0.0/27", None, "Auto", "at least /26"),
        ("10.0.0.0/24", [{"type": "Public", "cidrMask": 23}], "Auto", "too large for VPC"),
        ("10.0.0.0/16", [], "Auto", "No subnets"),
        ("10.0.0.0/16", [{"type": "Public", "size": 100}], "Auto", "sizes are invalid: 100"),
        ("10.0.0.0/16", [{"type": "Public", "size": 256, "cidrMask": 23}], "Auto", "does not match"),
        ("10.0.0.0/16", [{"type": "Public", "cidrMask": 17}], "Exact", "ends before the VPC ends"),
        (
            "10.0.0.0/16",
            [{"type": "Public", "cidrBlocks": ["10.0.0.0/24"]}, {"type": "Private"}],
            "Auto",
            "all subnets must",
        ),
        (
            "10.0.0.0/16",
            [{"type": "Public", "cidrBlocks": ["10.0.0.0/24", "10.0.1.0/24"]}],
            "Auto",
            "must match the number",
        ),
        (
            "10.0.0.0/16",
            [{"type": "Public", "cidrBlocks": ["10.0.0.0/24"]}, {"type": "Private", "cidrBlocks": ["10.0.0.0/25"]}],
            "Auto",
            "overlap",
        ),
    ],
)
def test_what_does_not_fit(block: str, specs: list[dict[str, Any]] | None, strategy: str, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        blocks(block, 1, specs, strategy)
