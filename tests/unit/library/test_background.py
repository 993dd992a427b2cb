"""Background responses of a program: made while it goes on with something else, or by the next one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import lambda_responses
from lambda_responses import (
    BadRequestError,
    CallRecord,
    NotFoundError,
    acancel_responses,
    aget_responses,
    aresponses,
    cancel_responses,
    delete_responses,
    get_responses,
    responses,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODEL = "scripted/echo"
SLOW = "[[pause:40]] one two three four five six seven eight"
LONG = "[[pause:150]] one two three four five six seven eight"
VERY_SLOW = "[[slow:5000]] one two three"
RUNNING = ("queued", "in_progress")


def ended(response_id: str, within: float = 20.0) -> Any:
    return until(lambda: get_responses(response_id), lambda found: found.status not in RUNNING, within)


def until(look: Callable[[], Any], right: Callable[[Any], bool], within: float = 20.0) -> Any:
    """What is seen once it is right."""
    stop = time.monotonic() + within
    while not right(seen := look()):
        assert time.monotonic() < stop, seen
        time.sleep(0.02)  # Between two looks, as a program has them.
    return seen


def test_a_background_response_is_there_at_once_and_made_meanwhile():
    queued = responses(SLOW, MODEL, background=True)
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    done = ended(queued.id)
    assert (done.id, done.status) == (queued.id, "completed")
    assert done.output_text == "one two three four five six seven eight"


def test_its_answer_is_read_in_the_form_that_was_asked_for():
    form = {"title": "answer", "type": "object", "properties": {"n": {"type": "integer"}}}
    made = ended(responses("x", MODEL, background=True, text_format=form).id)
    assert made.output_parsed is None
    answer = get_responses(made.id, text_format=form)
    assert answer.output_parsed == json.loads(made.output_text)
    assert asyncio.run(aget_responses(made.id, text_format=form)).output_parsed == answer.output_parsed
    *_, last = get_responses(made.id, text_format=form, stream=True)
    assert last.response.output_parsed == answer.output_parsed
    with pytest.raises(TypeError):
        get_responses(made.id, text_format=7)  # type: ignore[call-overload]


def test_many_are_made_beside_each_other():
    began = time.monotonic()
    ids = [responses(SLOW, MODEL, background=True).id for _ in range(5)]
    assert [ended(each).status for each in ids] == ["completed"] * 5
    assert time.monotonic() - began < 5 * 8 * 0.04 + 2


def test_what_it_answers_may_be_continued():
    first = ended(responses("hello", MODEL, background=True).id)
    answer = responses("again", MODEL, previous_response_id=first.id)
    assert answer.previous_response_id == first.id


def test_one_that_is_made_cannot_be_continued_yet():
    running = responses(VERY_SLOW, MODEL, background=True)
    with pytest.raises(BadRequestError):
        responses("again", MODEL, previous_response_id=running.id)


def test_its_stream_begins_at_once_and_tells_of_its_queue():
    with responses(SLOW, MODEL, background=True, stream=True) as stream:
        events = list(stream)
    assert [each.type for each in events[:3]] == [
        "response.created",
        "response.queued",
        "response.in_progress",
    ]
    assert [each.sequence_number for each in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert events[-1].response == get_responses(events[-1].response.id)


@pytest.mark.parametrize("left_after", [1, 5, 12])
def test_a_stream_that_was_left_goes_on_and_is_taken_up_where_it_was_left(left_after: int):
    with responses(SLOW, MODEL, background=True, stream=True) as stream:
        seen = [next(stream) for _ in range(left_after)]
    response_id = seen[0].response.id
    rest = list(get_responses(response_id, stream=True, starting_after=seen[-1].sequence_number))
    whole = list(get_responses(response_id, stream=True))
    assert [*seen, *rest] == whole
    assert [each.sequence_number for each in whole] == list(range(len(whole)))
    done = get_responses(response_id)
    assert (whole[-1].type, done.status) == ("response.completed", "completed")
    assert whole[-1].response == done


def test_a_response_that_was_not_streamed_is_streamed_when_it_is_done():
    queued = responses(VERY_SLOW, MODEL, background=True)
    with pytest.raises(BadRequestError):
        get_responses(queued.id, stream=True)
    cancel_responses(queued.id)
    done = ended(responses("hello", MODEL, background=True).id)
    assert [*get_responses(done.id, stream=True)][-1].response == done


def test_cancelling_is_final_and_may_be_repeated():
    queued = responses(VERY_SLOW, MODEL, background=True)
    until(lambda: get_responses(queued.id), lambda found: found.status == "in_progress")
    cancelled = cancel_responses(queued.id)
    assert cancelled.status == "cancelled"
    assert cancel_responses(queued.id) == cancelled == get_responses(queued.id)


def test_what_has_ended_or_was_never_in_the_background_cannot_be_cancelled():
    done = ended(responses("hello", MODEL, background=True).id)
    with pytest.raises(BadRequestError, match="Cannot cancel a completed response"):
        cancel_responses(done.id)
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        cancel_responses(responses("hello", MODEL).id)


def test_deleting_one_that_is_made_ends_it():
    queued = responses(VERY_SLOW, MODEL, background=True)
    assert delete_responses(queued.id).deleted
    with pytest.raises(NotFoundError):
        get_responses(queued.id)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("api_key", "k"),
        ("extra_headers", {"x-a": "b"}),
        ("extra_query", {"a": "b"}),
        ("max_retries", 1),
        ("fallbacks", [MODEL]),
        ("mock_response", "hi"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_counts_for_one_call_alone_cannot_go_with_it(option: str, value: Any, stream: bool):
    with pytest.raises(BadRequestError) as caught:
        responses("hi", MODEL, background=True, stream=stream, **{option: value})
    assert caught.value.param == option


@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_request_is_refused_before_anything_is_queued(stream: bool):
    with pytest.raises(BadRequestError):
        responses("hi", MODEL, background=True, stream=stream, temperature=9)


def test_a_callback_hears_of_the_call_when_it_is_over(heard: list[CallRecord]):
    queued = responses("hello", MODEL, background=True)
    [record] = heard
    assert record.error is None
    assert record.response == queued


def test_a_coroutine_may_ask_wait_and_cancel():
    async def ask() -> list[str]:
        queued = await aresponses("hello", MODEL, background=True)
        found = await aget_responses(queued.id)
        while found.status in RUNNING:
            await asyncio.sleep(0.02)
            found = await aget_responses(queued.id)
        slow = await aresponses(VERY_SLOW, MODEL, background=True)
        return [found.status, (await acancel_responses(slow.id)).status]

    assert asyncio.run(ask()) == ["completed", "cancelled"]


def test_a_coroutine_may_follow_a_stream_that_it_left():
    async def follow() -> tuple[list[Any], list[Any]]:
        async with await aresponses(SLOW, MODEL, background=True, stream=True) as stream:
            seen = [await anext(stream) for _ in range(4)]
        after = seen[-1].sequence_number
        rest = await aget_responses(seen[0].response.id, stream=True, starting_after=after)
        seen += [event async for event in rest]
        return seen, [event async for event in await aget_responses(seen[0].response.id, stream=True)]

    seen, whole = asyncio.run(follow())
    assert seen == whole


def test_what_a_closed_library_had_begun_goes_on_when_it_is_used_again(tmp_path: Path):
    queued = responses(SLOW, MODEL, background=True)
    until(lambda: get_responses(queued.id), lambda found: found.status == "in_progress")
    lambda_responses.close()
    assert ended(queued.id).status == "completed"


PROGRAM = """
import os, sys
from lambda_responses import responses
with responses(sys.argv[1], "scripted/echo", background=True, stream=True) as stream:
    for event in stream:
        print(event.model_dump_json(), flush=True)
        if event.type == "response.output_text.delta":
            os._exit(9)  # as kill -9 ends it: nothing is put in order
"""


def test_what_a_killed_program_had_begun_is_finished_by_the_next_one(tmp_path: Path):
    environment = os.environ | {"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db"}
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, LONG], env=environment, capture_output=True, text=True, check=False
    )
    assert killed.returncode == 9, killed.stderr
    seen = [json.loads(line) for line in killed.stdout.splitlines()]
    response_id = seen[0]["response"]["id"]
    rest = get_responses(response_id, stream=True, starting_after=seen[-1]["sequence_number"])
    joined = [*seen, *(event.model_dump() for event in rest)]
    assert joined == [event.model_dump() for event in get_responses(response_id, stream=True)]
    assert [each["sequence_number"] for each in joined] == list(range(len(joined)))
    assert joined[-1]["type"] == "response.completed"
    texts = [part["text"] for item in joined[-1]["response"]["output"] for part in item["content"]]
    assert texts[-1] == "one two three four five six seven eight"


def test_nobody_works_where_the_operator_wants_none(tmp_path: Path):
    store = {"RESPONSES_STORE": f"sqlite:///{tmp_path}/other.db"}
    lambda_responses.configure({**store, "RESPONSES_WORKERS": "0"})
    queued = responses("hello", MODEL, background=True)
    assert get_responses(queued.id).status == "queued"
    lambda_responses.configure(store)
    assert ended(queued.id).status == "completed"
