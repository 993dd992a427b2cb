"""A callback hears of every call, once, when it is over."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest

from lambda_responses import (
    APIError,
    CallRecord,
    aresponses,
    count_input_tokens,
    delete_responses,
    get_responses,
    list_input_items,
    on_response,
    responses,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

ECHO = "scripted/echo"


def test_a_plain_call_is_told_when_it_returns(heard: list[CallRecord]):
    answer = responses("Hello.", ECHO, litellm_metadata={"trace": "t-1"})
    (record,) = heard
    assert (record.operation, record.model, record.target) == ("responses", ECHO, ECHO)
    assert record.request == {"input": "Hello.", "model": ECHO}
    assert record.response == answer
    assert record.usage.output_tokens == answer.usage.output_tokens
    assert record.metadata == {"trace": "t-1"}
    assert record.seconds > 0
    assert (record.streamed, record.abandoned, record.error) == (False, False, None)


def test_a_stream_is_told_at_its_end(heard: list[CallRecord]):
    stream = responses("Hello.", ECHO, stream=True)
    *_, last = stream
    (record,) = heard
    assert record.streamed
    assert record.response == last.response


def test_a_stream_that_was_left_is_told_as_that(heard: list[CallRecord]):
    with responses("one two three [[pause:60000]]", ECHO, stream=True) as stream:
        next(stream)
    (record,) = heard
    assert record.abandoned
    assert record.response is None


def test_faults_are_told(heard: list[CallRecord]):
    with pytest.raises(APIError) as raised:
        responses("[[fault:429]]", ECHO)
    *_, last = responses("one two three [[fault:server_error]]", ECHO, stream=True)
    assert last.type == "response.failed"
    with pytest.raises(APIError):
        get_responses("resp_1")
    plain, streamed, read = heard
    assert plain.error is raised.value
    assert isinstance(streamed.error, APIError)
    assert streamed.error.code == "server_error"
    assert read.error is not None
    assert all(record.response is None for record in heard)


async def test_every_operation_is_told(heard: list[CallRecord]):
    made = await aresponses("Hello.", ECHO)
    get_responses(made.id)
    list(get_responses(made.id, stream=True))
    list_input_items(made.id)
    count_input_tokens("Hello.", ECHO)
    delete_responses(made.id)
    assert [record.operation for record in heard] == [
        "responses",
        "get_responses",
        "get_responses",
        "list_input_items",
        "count_input_tokens",
        "delete_responses",
    ]


def test_a_record_holds_no_secret_of_a_tool(heard: list[CallRecord]):
    tool = {"type": "mcp", "server_label": "x", "server_url": "https://x.example", "authorization": "s3cret"}
    with pytest.raises(APIError):
        responses("Hello.", ECHO, tools=[tool], api_base="http://127.0.0.1:9", api_key="s3cret-key")
    responses("Hello.", ECHO, metadata={"a": "b"})
    assert "s3cret" not in json.dumps([record.request for record in heard])
    assert len(heard) == 2


@pytest.fixture
def fault() -> Iterator[None]:
    def complain(record: CallRecord) -> None:
        raise ValueError("of the callback's own")

    forget = on_response(complain)
    yield
    forget()


@pytest.mark.usefixtures("fault")
def test_a_callback_that_fails_is_no_concern_of_the_caller(
    heard: list[CallRecord], caplog: pytest.LogCaptureFixture
):
    assert responses("Hello.", ECHO).output_text == "Hello."
    assert len(heard) == 1
    assert "A callback of on_response raised" in caplog.text


def test_a_coroutine_function_is_a_callback_and_one_that_is_taken_back_is_none():
    heard: list[str] = []

    async def hear(record: CallRecord) -> None:
        await asyncio.sleep(0)
        heard.append(record.operation)

    forget = on_response(hear)
    responses("Hello.", ECHO)
    forget()
    forget()
    responses("Hello.", ECHO)
    assert heard == ["responses"]


def test_a_callback_may_make_calls_of_its_own():
    threads: list[str] = []

    def ask(record: CallRecord) -> None:
        forget()
        threads.append(responses("From within.", ECHO).output_text)

    forget = on_response(ask)
    responses("Hello.", ECHO)
    assert threads == ["From within."]


def test_waiting_for_the_librarys_loop_on_it_is_refused():
    said: list[str] = []

    async def ask(record: CallRecord) -> None:
        try:
            responses("From within.", ECHO)
        except RuntimeError as error:
            said.append(str(error))

    forget = on_response(ask)
    responses("Hello.", ECHO)
    forget()
    assert "own loop" in said[0]
    assert threading.active_count() >= 1


def test_what_cannot_be_called_is_refused_at_once():
    with pytest.raises(TypeError, match="on_response"):
        on_response(5)  # pyright: ignore[reportArgumentType]
