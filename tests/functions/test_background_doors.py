"""The doors of the queue of background responses, called with what SQS and a schedule deliver."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.background.enqueue import enqueue_response
from lambda_responses.lifecycle.background.messages import message_about
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.runtime.logs import SERVICE, logger
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import Stopped, Text, Usage
from lambda_responses.wire.errors import OverloadedError
from tests.functions.events import Context
from tests.played import ME, Played, PlayedRuntime

if TYPE_CHECKING:
    from tests.played import Play

Json = dict[str, Any]

USED = {"input_tokens": 2, "output_tokens": 1, "total_tokens": 3}
ANSWER = [Text("b", "hello"), Usage(USED), Stopped("end")]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is told the operator."""
    written = io.StringIO()
    monkeypatch.setattr(logging.getLogger(SERVICE).handlers[0], "stream", written)
    return written


class Clock:
    seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


def record(number: int, message: Any) -> Json:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": message if isinstance(message, str) else json.dumps(message),
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "me"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:background",
        "awsRegion": "eu-west-1",
    }


def deliver(door: str, runtime: Any, *messages: Any) -> list[str]:
    """What is to be delivered again."""
    handler = importlib.import_module(f"functions.{door}.handler").lambda_handler
    records = [record(number, message) for number, message in enumerate(messages)]
    answer = handler({"Records": records}, Context(), using=runtime)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def queued(runtime: Any, **changes: Any) -> str:
    body = {"model": "m", "input": "hi", "background": True, **changes}
    response = asyncio.run(enqueue_response(body, principal=ME, using=runtime.services))
    taken(runtime)
    return response["id"]


def got(runtime: Any, id: str) -> Json:
    return asyncio.run(get_response(id, principal=ME, using=runtime.services))


def taken(runtime: Any) -> list[Any]:
    """The messages that lie on the queue, which are then gone."""
    return [each.message for each in asyncio.run(runtime.services.queue.receive(100, visible_after=9_999))]


def test_a_message_makes_a_response(play: Play, log: io.StringIO):
    runtime = PlayedRuntime(play(Played([ANSWER])))
    id = queued(runtime)
    assert deliver("run_background_response", runtime, message_about("me", id)) == []
    assert got(runtime, id)["status"] == "completed"
    assert taken(runtime) == []
    [told] = [
        line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "background"
    ]
    assert told["outcome"] == "ended"
    assert (told["tenant"], told["response_id"], told["target"]) == ("me", id, "played/m")
    assert (told["response_status"], told["output_tokens"], told["attempts"]) == ("completed", 1, 1)
    assert told["function_request_id"] == Context().aws_request_id


def test_every_line_about_a_response_names_it(play: Play, log: io.StringIO, monkeypatch: pytest.MonkeyPatch):
    runtime = PlayedRuntime(play(Played([[OverloadedError("later", headers={"retry-after": "100"})]] * 2)))
    monkeypatch.setattr(
        runtime.services, "upstream_failed", lambda target, fault: logger.warning("upstream failed")
    )
    ids = [queued(runtime) for _ in range(2)]
    deliver("run_background_response", runtime, *(message_about("me", id) for id in ids))
    logger.info("between")
    *lines, between = map(json.loads, log.getvalue().splitlines())
    named = [(line["message"], line["response_id"]) for line in lines]
    assert sorted(named) == sorted((what, id) for id in ids for what in ("background", "upstream failed"))
    assert "response_id" not in between


def test_of_a_batch_that_alone_comes_again_which_came_to_nothing(play: Play, monkeypatch: pytest.MonkeyPatch):
    runtime = PlayedRuntime(play(Played([ANSWER, ANSWER])))
    good, bad = queued(runtime), queued(runtime)
    take = runtime.services.jobs.take

    async def take_all_but_one(tenant: str, response_id: str, *, owner: str) -> Any:
        if response_id == bad:
            raise StoreUnavailable("throttled")
        return await take(tenant, response_id, owner=owner)

    monkeypatch.setattr(runtime.services.jobs, "take", take_all_but_one)
    messages = "{", message_about("me", bad), message_about("me", good)
    assert deliver("run_background_response", runtime, *messages) == ["message-0", "message-1"]
    assert got(runtime, good)["status"] == "completed"


def test_what_has_to_wait_is_sent_anew_and_not_handed_out_again(play: Play):
    clock = Clock()
    busy = OverloadedError("later", headers={"retry-after": "100"})
    runtime = PlayedRuntime(play(Played([[busy], ANSWER]), now=clock))
    id = queued(runtime)
    assert deliver("run_background_response", runtime, message_about("me", id)) == []
    assert taken(runtime) == []
    clock.seconds += 126
    assert taken(runtime) == [message_about("me", id)]
    assert got(runtime, id)["status"] == "queued"


def test_a_worker_lets_go_of_its_message_as_soon_as_it_dies(play: Play, monkeypatch: pytest.MonkeyPatch):
    runtime = PlayedRuntime(play(Played([ANSWER])))
    id, kept = queued(runtime), list[tuple[str, float]]()

    async def extend(receipt: str, seconds: float) -> None:
        kept.append((receipt, seconds))

    monkeypatch.setattr(runtime.services.queue, "extend", extend)
    deliver("run_background_response", runtime, message_about("me", id))
    assert kept == [("receipt-0", 120.0)]


def test_the_schedule_finds_what_was_lost(play: Play):
    clock = Clock()
    runtime = PlayedRuntime(play(Played([]), now=clock))
    id = queued(runtime)
    clock.seconds += 61
    handler = importlib.import_module("functions.sweep_background_responses.handler").lambda_handler
    event = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}
    assert handler(event, Context(), using=runtime) is None
    assert taken(runtime) == [message_about("me", id)]


def test_a_dead_letter_fails_its_response(play: Play, log: io.StringIO):
    runtime = PlayedRuntime(play(Played([])))
    id = queued(runtime)
    assert deliver("sweep_background_responses", runtime, message_about("me", id), "{") == []
    response = got(runtime, id)
    assert (response["status"], response["error"]["code"]) == ("failed", "server_error")
    assert "unreadable message" in log.getvalue()
