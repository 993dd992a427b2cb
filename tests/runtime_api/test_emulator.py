"""The loop under AWS's own runtime interface emulator: every answer is one that Lambda takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime_api.emulator import Emulator, needs_emulator, read_answer
from tests.runtime_api.events import rest_event, url_event
from tests.runtime_api.function_process import DOORS

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_emulator

START = ["start", 201, [["content-type", "text/event-stream"]]]
BEGUN = [START, ["body", "begun", True]]
WHOLE = [*BEGUN, ["body", " and ended", False]]


def emulated(**options: Any) -> Emulator:
    return Emulator(folder=DOORS, handler="toy.lambda_handler", **options)


@pytest.fixture(scope="module")
def toy() -> Iterator[Emulator]:
    """The toy, which lives on from test to test."""
    running = emulated()
    yield running
    running.stop()


def is_reused(emulator: Emulator) -> None:
    """The same process serves the next invocation."""
    starts = emulator.log.count("INIT START")
    assert read_answer(emulator.invoke(rest_event(WHOLE)))[1] == b"begun and ended"
    assert emulator.log.count("INIT START") == starts
    assert emulator.outcomes[-1] == "success"


@pytest.mark.parametrize("event", [rest_event(WHOLE), url_event(WHOLE)], ids=["REST API", "function URL"])
def test_an_answer_is_taken(toy: Emulator, event: dict[str, Any]):
    prelude, body = read_answer(toy.invoke(event))
    assert prelude == {"statusCode": 201, "headers": {"content-type": "text/event-stream"}}
    assert body == b"begun and ended"
    is_reused(toy)


def test_a_plain_answer_is_taken(toy: Emulator):
    steps = [["start", 404, [["content-type", "application/json"]]], ["body", '{"error": {}}', False]]
    prelude, body = read_answer(toy.invoke(rest_event(steps)))
    assert (prelude["statusCode"], body) == (404, b'{"error": {}}')


def test_an_empty_answer_is_taken(toy: Emulator):
    assert read_answer(toy.invoke(rest_event([["start", 204, []], ["body", "", False]])))[1] == b""


@pytest.mark.parametrize("kind", ["ValueError", "ConnectionResetError", "TimeoutError"])
def test_a_fault_before_the_answer_is_taken(toy: Emulator, kind: str):
    fault = json.loads(toy.invoke(rest_event([["raise", kind, "a secret"]])))
    assert fault["errorType"] == f"Runtime.{kind}"
    is_reused(toy)


@pytest.mark.parametrize("kind", ["ValueError", "ConnectionResetError", "TimeoutError"])
def test_a_fault_in_mid_stream_is_taken(toy: Emulator, kind: str):
    _, body = read_answer(toy.invoke(rest_event([*BEGUN, ["raise", kind, "a secret"]])))
    assert body == b"begun"
    is_reused(toy)
    assert any(line.get("fault") == kind for line in toy.lines)
    assert "a secret" not in toy.log


def test_a_bad_prelude_is_a_fault(toy: Emulator):
    fault = json.loads(toy.invoke(rest_event([["start", 200, [["x", "a\nb"]]], ["body", "x", False]])))
    assert fault["errorType"] == "Runtime.UnusablePrelude"
    is_reused(toy)


def test_an_event_that_is_no_request_is_a_fault(toy: Emulator):
    assert json.loads(toy.invoke({"hello": "world"}))["errorType"] == "Runtime.UnknownEvent"
    is_reused(toy)


@pytest.mark.parametrize("steps", [[["exit"]], [*BEGUN, ["exit"]], [*BEGUN, ["child", "exit"]]], ids=str)
def test_an_application_that_wants_to_exit_does_not(toy: Emulator, steps: list[Any]):
    answer = toy.invoke(rest_event(steps))
    assert b"begun" in answer or b"Runtime.SystemExit" in answer
    is_reused(toy)


def test_six_megabytes_are_taken(toy: Emulator):
    assert len(read_answer(toy.invoke(rest_event([START, ["bytes", 6_000_000]])))[1]) == 6_000_000
    is_reused(toy)


def test_more_than_lambda_takes_in_one_piece_is_told_the_caller(toy: Emulator):
    fault = json.loads(toy.invoke(rest_event([START, ["bytes", 6_400_000]])))
    assert fault["errorType"] == "Function.ResponseSizeTooLarge"
    is_reused(toy)
    assert any(line.get("message") == "answer too large" for line in toy.lines)


def test_six_megabytes_of_a_request_are_read(toy: Emulator):
    event = rest_event([*WHOLE, ["x" * 5_900_000]])
    assert read_answer(toy.invoke(event))[1] == b"begun and ended"
    is_reused(toy)


def test_a_client_that_goes_leaves_the_function_to_its_work(toy: Emulator):
    gone = toy.send(rest_event([*BEGUN, ["time", 5, 0.1], ["say", "the work is done"], ["body", "", False]]))
    gone.close()
    toy.wait_for("the work is done")
    is_reused(toy)


def test_the_deadline_ends_an_answer_before_lambda_does():
    emulator = emulated(seconds=3)
    try:
        _, body = read_answer(emulator.invoke(rest_event([*BEGUN, ["wait"]])))
        assert body == b"begun"
        assert {"ended": "wait"} in emulator.lines
        assert any(line.get("fault") == "OutOfTime" for line in emulator.lines)
        is_reused(emulator)
        assert "timed out" not in emulator.log
    finally:
        emulator.stop()


def test_a_process_that_ends_is_started_again():
    emulator = emulated(seconds=3)
    try:
        assert read_answer(emulator.invoke(rest_event([*BEGUN, ["hang on"]])))[1] == b"begun"
        emulator.wait_for("Waiting for runtime domain processes termination")
        assert emulator.lines[-1]["message"] == "application does not end"
        assert read_answer(emulator.invoke(rest_event(WHOLE)))[1] == b"begun and ended"
        assert emulator.log.count("INIT START") == 2
    finally:
        emulator.stop()


def test_a_start_that_fails_is_told():
    emulator = Emulator(folder=DOORS, handler="broken_settings.lambda_handler")
    try:
        fault = json.loads(emulator.invoke(rest_event(WHOLE)))
        assert fault["errorType"] == "Runtime.SettingsError"
        assert fault["errorMessage"] == "RESPONSES_STORE cannot be used: there is no such place."
    finally:
        emulator.stop()
