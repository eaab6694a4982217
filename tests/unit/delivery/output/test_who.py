"""Whom an ARN names."""

import pytest

from delivery.output.who import who

STS = "arn:aws:sts::111111111111:assumed-role"


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::111111111111:user/eve", "eve"),
        ("arn:aws:iam::111111111111:user/team/eve", "eve"),
        (f"{STS}/AWSReservedSSO_admin_1/eve@example.com", "eve@example.com"),
        (f"{STS}/dev-web-start/c81ea1f2283549a8820f23e0ce9c3009", "dev-web-start"),
        (f"{STS}/runner/i-0123456789abcdef0", "runner"),
        ("arn:aws:iam::111111111111:root", "root"),
        ("eve", "eve"),
    ],
)
def test_whom_an_arn_names(arn: str, name: str) -> None:
    assert who(arn) == name
