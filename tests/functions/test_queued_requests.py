"""The door of the queue of jobs, called with what SQS delivers."""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import once
from lambda_responses.storage.keyed.port import StoreUnavailable
from tests.functions.events import Context
from tests.played import Played, PlayedRuntime

if TYPE_CHECKING:
    from tests.played import Play

Json = dict[str, Any]

BODY: Json = {"model": "m", "input": "hi"}


def line(custom_id: str, **changes: Any) -> Json:
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/responses", "body": {**BODY, **changes}}


def record(number: int, body: Any, *, count: int = 1, **attributes: str) -> Json:
    """A message as Lambda hands it over, from whoever said to be somebody else."""
    told = {name: {"stringValue": text, "dataType": "String"} for name, text in attributes.items()}
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(count), "MessageGroupId": "somebody else"},
        "messageAttributes": told,
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:requests",
        "awsRegion": "eu-west-1",
    }


def deliver(runtime: Any, *records: Json) -> list[str]:
    """What is to be delivered again."""
    handler = importlib.import_module("functions.run_queued_request.handler").lambda_handler
    answer = handler({"Records": list(records)}, Context(), using=runtime)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def taken(queue: Any) -> list[Any]:
    found = asyncio.run(queue.receive(100, visible_after=60))
    return [each.message for each in found]


@pytest.fixture
def runtime(play: Play) -> PlayedRuntime:
    return PlayedRuntime(play(Played([])), auth="keys", request_tenant="acme")


def test_each_message_of_a_batch_comes_to_what_it_is(runtime: PlayedRuntime):
    batch = record(1, line("a")), record(2, "{"), record(3, line("b", model="nobody")), record(4, BODY)
    assert deliver(runtime, *batch) == []
    services = runtime.services
    assert {each["tenant"] for each in taken(services.queue)} == {"acme"}
    [told] = taken(services.results._queue)  # pyright: ignore[reportPrivateUsage]
    assert (told["custom_id"], told["error"]["code"]) == ("b", "model_not_found")
    assert taken(services.dead_letters) == ["{"]


def test_a_message_that_came_to_nothing_comes_again_and_the_others_do_not(
    runtime: PlayedRuntime, monkeypatch: pytest.MonkeyPatch
):
    answer = once.OncePerKey.answer

    async def answer_but_for_one(self: Any, deadline: Any) -> Any:
        if self._request.body == broken:
            raise StoreUnavailable("throttled")
        return await answer(self, deadline)

    broken = once._canonical_hash({**BODY, "input": "b", "background": True})  # pyright: ignore
    monkeypatch.setattr(once.OncePerKey, "answer", answer_but_for_one)
    batch = [record(number, line(word, input=word)) for number, word in enumerate("abc")]
    assert deliver(runtime, *batch) == ["message-1"]
    assert len(taken(runtime.services.queue)) == 2
    monkeypatch.undo()
    assert deliver(runtime, *batch) == []
    assert len(taken(runtime.services.queue)) == 1


def test_an_attribute_may_name_a_job_that_has_no_word_of_its_own(runtime: PlayedRuntime):
    named = {"idempotency-key": "order 17"}
    assert deliver(runtime, record(1, BODY, **named), record(2, BODY, **named), record(3, BODY)) == []
    found = [each["response_id"] for each in taken(runtime.services.queue)]
    jobs = [asyncio.run(runtime.services.jobs.find("acme", each)) for each in found]
    assert [each.reply for each in jobs] == [{"custom_id": "order 17"}, {"custom_id": "message-3"}]


def test_a_server_that_knows_its_callers_has_to_be_told_whose_jobs_are(play: Play):
    runtime = PlayedRuntime(play(Played([])), auth="keys")
    assert deliver(runtime, record(1, line("a"))) == ["message-1"]
    assert taken(runtime.services.queue) == []


def test_what_stands_against_a_job_for_too_long_is_told(runtime: PlayedRuntime):
    services = runtime.services
    conversation = asyncio.run(services.conversations.create("acme", {}, entropy=services.entropy))
    busy = {"conversation": conversation.id}
    assert deliver(runtime, record(1, line("a", **busy)), record(2, line("b", **busy))) == ["message-2"]
    assert deliver(runtime, record(2, line("b", **busy), count=4)) == []
    [told] = taken(services.results._queue)  # pyright: ignore[reportPrivateUsage]
    assert (told["custom_id"], told["error"]["code"]) == ("b", "conversation_locked")
