"""Whatever goes wrong, the caller is told as much as can be, and the next one is served if it can be."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtime_api.events import rest_event, url_event

if TYPE_CHECKING:
    from tests.runtime_api.conftest import Start, Toy
    from tests.runtime_api.strict_api import Answer, StrictApi

START = ["start", 200, [["content-type", "text/event-stream"]]]
BEGUN = [START, ["body", "begun", True]]
FAULT_TYPE = "lambda-runtime-function-error-type"
FAULT_BODY = "lambda-runtime-function-error-body"

RAISED = [
    ["raise", "ValueError", "a secret"],
    ["raise", "ConnectionResetError", "a secret"],
    ["raise", "BrokenPipeError", "a secret"],
    ["raise", "OSError", "a secret"],
    ["raise", "TimeoutError", "a secret"],
    ["child", "raise", "ConnectionResetError", "a secret"],
]
EXITS = [["exit"], ["child", "exit"]]


def kind_of(step: list[str]) -> str:
    return "SystemExit" if step[-1] == "exit" else step[-2]


def serves_the_next(api: StrictApi) -> None:
    """The process goes on."""
    api.invoke(rest_event([START, ["body", "next", False]]))
    assert api.answer().read().body == b"next"
    api.reply()
    api.wait_for_more()


def cut_short(answer: Answer) -> tuple[str, dict[str, Any]]:
    """The fault that an answer ends with."""
    assert answer.read().trailers
    assert answer.trailer_bytes <= 4_096
    return answer.trailers[FAULT_TYPE], json.loads(base64.b64decode(answer.trailers[FAULT_BODY]))


@pytest.mark.parametrize("step", [*RAISED, *EXITS], ids=str)
@pytest.mark.parametrize("before", [[], [START]], ids=["at once", "after the start"])
def test_a_fault_before_the_body_is_a_failed_invocation(toy: Toy, step: list[str], before: list[Any]):
    toy.api.invoke(rest_event([*before, step]))
    kind, fault = toy.api.fault()
    assert kind == fault["errorType"] == f"Runtime.{kind_of(step)}"
    assert "toy.py" in fault["errorMessage"]
    assert "toy.py" in fault["stackTrace"][-1]
    serves_the_next(toy.api)
    assert "a secret" not in str(fault)
    assert "a secret" not in str(toy.process.lines)


@pytest.mark.parametrize("step", [*RAISED, *EXITS], ids=str)
def test_a_fault_in_mid_stream_is_told_in_the_trailers(toy: Toy, step: list[str]):
    toy.api.invoke(rest_event([*BEGUN, step]))
    answer = toy.api.answer()
    kind, fault = cut_short(answer)
    toy.api.reply()
    assert kind == fault["errorType"] == f"Runtime.{kind_of(step)}"
    assert answer.body == b"begun"
    serves_the_next(toy.api)
    assert "a secret" not in str(fault)
    failed = next(line for line in toy.process.lines if line.get("message") == "answer failed")
    assert failed["function_request_id"] == "id-1"
    assert "a secret" not in str(toy.process.lines)


def test_a_fault_after_the_end_is_only_logged(toy: Toy):
    toy.api.invoke(rest_event([START, ["body", "all", False], ["raise", "ValueError", "a secret"]]))
    answer = toy.api.answer().read()
    toy.api.reply()
    assert (answer.body, answer.trailers) == (b"all", {})
    serves_the_next(toy.api)
    assert any(line.get("fault") == "ValueError" for line in toy.process.lines)


@pytest.mark.parametrize(
    "event",
    [
        b"no json",
        b'"text"',
        b"null",
        b"[]",
        b"{}",
        b'{"Records": [{"eventSource": "aws:sqs"}]}',
        b'{"requestContext": null}',
        b'{"version": "2.0", "requestContext": {}}',
        b'{"resource": "/", "requestContext": {}, "httpMethod": "GET"}',
        json.dumps(url_event() | {"body": "abc", "isBase64Encoded": True}).encode(),
        json.dumps(rest_event() | {"multiValueHeaders": None, "headers": {"a": None}}).encode(),
    ],
    ids=lambda event: event[:50].decode(),
)
def test_an_event_that_is_no_request_is_a_failed_invocation(toy: Toy, event: bytes):
    toy.api.invoke(event, Invocation_Id="inv-1")
    assert toy.api.fault()[0] == "Runtime.UnknownEvent"
    serves_the_next(toy.api)


def test_a_context_that_cannot_be_read_is_a_failed_invocation(toy: Toy):
    toy.api.invoke(rest_event(), Client_Context="{")
    assert toy.api.fault()[0] == "Runtime.UnknownEvent"
    serves_the_next(toy.api)


@pytest.mark.parametrize(
    "head",
    [
        ["start", "200", []],
        ["start", 99, []],
        ["start", None, []],
        ["start", 200, [["x", "a\r\nset-cookie: b"]]],
        ["start", 200, [["a name", "b"]]],
        ["start", 200, [["x", "y" * 17_000]]],
    ],
    ids=lambda head: str(head)[:40],
)
def test_a_head_that_http_does_not_know_is_a_failed_invocation(toy: Toy, head: list[Any]):
    toy.api.invoke(rest_event([head, ["body", "x", False]]))
    kind, fault = toy.api.fault()
    assert kind == "Runtime.UnusablePrelude"
    assert "toy.py" in str(fault["stackTrace"])
    serves_the_next(toy.api)


@pytest.mark.parametrize("steps", [[["receive then"]], [START]], ids=["nothing", "only the start"])
def test_no_answer_is_a_failed_invocation(toy: Toy, steps: list[Any]):
    toy.api.invoke(rest_event(steps))
    assert toy.api.fault()[0] == "Runtime.NoAnswer"
    serves_the_next(toy.api)


def test_an_answer_without_an_end_is_told_in_the_trailers(toy: Toy):
    toy.api.invoke(rest_event(BEGUN))
    assert cut_short(toy.api.answer())[0] == "Runtime.NoAnswer"
    toy.api.reply()
    serves_the_next(toy.api)


@pytest.mark.parametrize(
    "steps", [[START, START], [["body", "x", False]], [START, ["body", "", True], ["no bytes"]]], ids=str
)
def test_a_message_out_of_turn_is_the_applications_fault(toy: Toy, steps: list[Any]):
    toy.api.invoke(rest_event(steps))
    if len(steps) == 3:
        assert cut_short(toy.api.answer())[0] == "Runtime.TypeError"
        toy.api.reply()
    else:
        assert toy.api.fault()[0] == "Runtime.UnexpectedMessage"
    serves_the_next(toy.api)


def test_a_task_that_nobody_waits_for_fails_in_one_line_of_the_log(toy: Toy):
    toy.api.invoke(rest_event([START, ["forget"], ["body", "all", False]]))
    assert toy.api.answer().read().body == b"all"
    toy.api.reply()
    serves_the_next(toy.api)
    assert [line["fault"] for line in toy.process.lines if "fault" in line] == ["ValueError"]
    assert "a secret" not in str(toy.process.lines)


def test_what_libraries_say_is_one_line_and_without_its_arguments(toy: Toy):
    steps = [["log", "urllib3", "Retrying %s", "a secret"], ["warn", "old"], ["thread"], START]
    toy.api.invoke(rest_event([*steps, ["body", "all", False]]))
    assert toy.api.answer().read().body == b"all"
    toy.api.reply()
    toy.api.wait_for_more()
    logged, warned, thread, _ = toy.process.lines
    assert (logged["level"], logged["library"], logged["text"]) == ("WARNING", "urllib3", "Retrying %s")
    assert warned["library"] == "py.warnings"
    assert (thread["message"], thread["fault"]) == ("thread ended", "ValueError")
    assert "a secret" not in str(toy.process.lines)


def test_the_deadline_cancels_the_application_and_is_told(toy: Toy):
    toy.api.invoke(rest_event([*BEGUN, ["wait"]]), seconds=1.5)
    answer = toy.api.answer()
    assert cut_short(answer)[0] == "Runtime.OutOfTime"
    toy.api.reply()
    assert answer.body == b"begun"
    serves_the_next(toy.api)
    assert {"ended": "wait"} in toy.process.lines


def test_the_deadline_before_an_answer_is_a_failed_invocation(toy: Toy):
    toy.api.invoke(rest_event([["wait"]]), seconds=1.5)
    assert toy.api.fault()[0] == "Runtime.OutOfTime"
    serves_the_next(toy.api)


def test_an_application_may_have_the_last_word_at_its_deadline(toy: Toy):
    toy.api.invoke(rest_event([*BEGUN, ["last words", " and ended"]]), seconds=1.5)
    answer = toy.api.answer().read()
    toy.api.reply()
    assert (answer.body, answer.trailers) == (b"begun and ended", {})
    serves_the_next(toy.api)


def test_an_application_that_does_not_end_ends_with_its_process(api: StrictApi, start: Start):
    process = start()
    api.invoke(rest_event([*BEGUN, ["hang on"]]), seconds=1.5)
    assert cut_short(api.answer())[0] == "Runtime.OutOfTime"
    api.reply()
    assert process.exit_status == 1
    assert process.lines[-1]["message"] == "application does not end"


def test_a_lost_connection_ends_the_application_and_the_process(api: StrictApi, start: Start):
    process = start()
    api.invoke(rest_event([*BEGUN, ["time", 1_000, 0.01]]))
    api.answer().read_chunk()
    api.hang_up()
    assert process.exit_status == 1
    ended, lost = process.lines
    assert ended == {"ended": "time"}
    assert lost["message"] == "runtime api lost"
    assert api.connections == 1


def test_a_lost_connection_is_noticed_while_an_application_says_nothing(api: StrictApi, start: Start):
    process = start()
    api.invoke(rest_event([*BEGUN, ["wait"]]))
    api.answer().read_chunk()
    api.hang_up()
    assert process.exit_status == 1
    assert process.lines[0] == {"ended": "wait"}


def test_an_application_that_holds_on_to_a_lost_connection_ends_with_its_process(
    api: StrictApi, start: Start
):
    process = start()
    api.invoke(rest_event([*BEGUN, ["hang on"]]))
    api.answer().read_chunk()
    api.hang_up()
    assert process.exit_status == 1


def test_an_answer_that_is_too_large_concerns_no_other(api: StrictApi, start: Start):
    process = start()
    api.invoke(rest_event([*BEGUN, ["wait"]]))
    answer = api.answer()
    answer.read_chunk()
    answer.read_chunk()
    api.reply(413)
    serves_the_next(api)
    assert api.connections == 2
    assert process.lines[0] == {"ended": "wait"}
    assert process.lines[1]["message"] == "answer too large"


@pytest.mark.parametrize("ends", [["wait"], ["body", "all", False]], ids=["half-way", "at the end"])
def test_an_answer_that_is_refused_ends_the_process(api: StrictApi, start: Start, ends: list[Any]):
    process = start()
    api.invoke(rest_event([*BEGUN, ends]))
    api.answer().read_chunk()
    api.reply(403, b'{"errorType": "InvalidStateTransition"}')
    assert process.exit_status == 1
    assert "InvalidStateTransition" in process.lines[-1]["told"]


def test_a_refused_fault_ends_the_process(api: StrictApi, start: Start):
    process = start()
    api.invoke(rest_event([["raise", "ValueError", ""]]))
    api.fault(status=400)
    assert process.exit_status == 1


@pytest.mark.parametrize("status", [403, 500])
def test_no_more_work_ends_the_process(api: StrictApi, start: Start, status: int):
    process = start()
    api.expect("GET", "/invocation/next")
    api.reply(status, b'{"errorType": "InvalidStateTransition"}')
    assert process.exit_status == 1
    assert process.lines[-1]["fault"] == "RuntimeApiRefused"


@pytest.mark.parametrize(
    "garbage", [b"HTTP/1.1\r\n\r\n", b"nonsense", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
def test_what_is_no_reply_ends_the_process(api: StrictApi, start: Start, garbage: bytes):
    process = start()
    api.expect("GET", "/invocation/next")
    api.send_garbage(garbage)
    api.hang_up()
    assert process.exit_status == 1
    assert process.lines[-1]["fault"] == "ConnectionFault"


def test_no_runtime_api_ends_the_process(api: StrictApi, start: Start):
    api.stop_listening()
    process = start()
    assert process.exit_status == 1
    assert process.lines[-1]["fault"] == "ConnectionFault"
