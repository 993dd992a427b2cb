"""What the server prints, read as a log is read."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.logs import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable

    Told = Callable[[], list[dict[str, Any]]]


class _Stdout:
    """What is standard output at the time; the log's own handler holds on to what it was at its import."""

    def write(self, text: str) -> None:
        sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the log appear where a test looks for output."""
    monkeypatch.setattr(logging.getLogger(SERVICE).handlers[0], "stream", _Stdout())


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], shown: None) -> Told:
    """Gives the lines since it was last asked, each of which is a JSON object."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the Lambda function that this process pretends to be, in its version 7."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "stack-create-response")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
    return "stack-create-response"
