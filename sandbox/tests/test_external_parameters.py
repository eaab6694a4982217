"""Parameters that somebody else keeps, where there is nobody else."""

from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.clients.external_parameters import put


class Ssm:
    """Parameter Store."""

    def __init__(self, **held: str) -> None:
        self.held: dict[str, Any] = dict(held)

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:
        assert len(Names) <= 10, "AWS takes ten names"
        return {"InvalidParameters": [name for name in Names if name not in self.held]}

    def put_parameter(self, Name: str, Value: str, Type: str) -> None:
        assert (Name in self.held, Type) == (False, "SecureString")
        self.held[Name] = Value


def test_one_with_a_key_is_encrypted_with_it() -> None:
    given: list[dict[str, Any]] = []

    ssm = SimpleNamespace(
        get_parameters=lambda Names: {"InvalidParameters": Names}, put_parameter=lambda **each: given.append(each)
    )
    put(ssm, {"/a": "arn:key", "/b": None}, print)
    assert [(one["Name"], one.get("KeyId")) for one in given] == [("/a", "arn:key"), ("/b", None)]


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_each_has_a_value_of_its_own_and_what_is_there_stays(count: int) -> None:
    ssm, said = Ssm(**{"/p/0": "kept"}), list[str]()
    names = [f"/p/{number}" for number in range(count + 1)]
    put(ssm, dict.fromkeys(names), said.append)
    assert ssm.held.keys() == set(names)
    assert ssm.held["/p/0"] == "kept"
    assert len(set(ssm.held.values())) == count + 1
    assert said == ["Made up for the sandbox, since nobody has put these parameters: " + ", ".join(sorted(names[1:]))]
    put(ssm, dict.fromkeys(names), said.append)
    assert len(said) == 1


def test_nothing_is_asked_and_said_without_any() -> None:
    said = list[str]()
    put(None, {}, said.append)
    assert said == []
