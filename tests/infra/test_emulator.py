"""What `make emulate` finds out before it builds anything."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from infra.emulator import __main__ as command
from infra.emulator.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_: Stack) -> None:
        raise AssertionError

    monkeypatch.setattr(Stack, "build", build)
    monkeypatch.setattr("sys.argv", ["make emulate"])
    monkeypatch.setattr(command, "what_lacks", lambda: None)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A port at which somebody hangs up on whoever calls."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        monkeypatch.setenv("EMULATOR_PORT", str(other.getsockname()[1]))
        yield str(other.getsockname()[1])


def test_a_port_that_is_taken_is_told_by_the_name_that_make_has_for_it(
    taken: str, capsys: pytest.CaptureFixture[str]
):
    assert command.main() == 1
    said = capsys.readouterr().err
    assert said == f"http://127.0.0.1:{taken} cannot be listened at: choose another EMULATOR_PORT.\n"


@pytest.mark.parametrize("port", ["http", "0", "-1", "65536", "²"])
def test_a_port_that_is_none_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
):
    monkeypatch.setenv("EMULATOR_PORT", port)
    assert command.main() == 1
    assert capsys.readouterr().err == "EMULATOR_PORT is a number from 1 to 65535.\n"


@pytest.mark.usefixtures("taken")
def test_a_machine_that_cannot_emulate_is_told_so_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "what_lacks", lambda: "It is another machine.")
    assert command.main() == 1
    assert capsys.readouterr().err == "It is another machine.\n"
