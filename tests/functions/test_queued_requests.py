"""The door of the queue of jobs, called with what SQS delivers."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import once
from lambda_responses.queue.port import QueueUnavailable
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


def taken(queue: Any, most: int = 100) -> list[Any]:
    found = asyncio.run(queue.receive(most, visible_after=60))
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


class Faltering:
    """Some part of the services, of which every so-manieth call is not answered."""

    def __init__(self, part: Any, fault: Exception, every: int) -> None:
        self._part, self._fault, self._every = part, fault, every
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            self._calls += 1
            if self._calls % self._every == 0:
                raise self._fault
            done = await found(*arguments, **named)
            if self._calls % self._every == self._every // 2:
                raise self._fault  # it has happened, and nobody was told
            return done

        return call


def test_a_thousand_jobs_are_queued_once_whatever_comes_twice_and_whatever_fails(runtime: PlayedRuntime):
    services: Any = runtime.services
    queue, results = services.queue, services.results._queue
    services.claims = Faltering(services.claims, StoreUnavailable("throttled"), every=23)
    services.results = Faltering(services.results, QueueUnavailable("throttled"), every=7)
    random = Random(8)
    bad = set(random.sample(range(1_000), 30))
    jobs = [line(f"job-{n}", **({"colour": "red"} if n in bad else {"input": f"{n}"})) for n in range(1_000)]
    waiting = [record(n, job) for n, job in enumerate(jobs)]
    waiting += [record(1_000 + n, job) for n, job in enumerate(random.sample(jobs, 200))]
    random.shuffle(waiting)
    rounds = 0
    while waiting:
        rounds += 1
        assert rounds < 20
        failed: set[str] = set()
        for start in range(0, len(waiting), 10):
            failed |= set(deliver(runtime, *waiting[start : start + 10]))
        waiting = [each for each in waiting if each["messageId"] in failed]
    assert rounds > 1
    services.claims = services.claims._part
    asked = [asyncio.run(services.jobs.find("acme", each["response_id"])) for each in taken(queue, 2_000)]
    words = [job.reply["custom_id"] for job in asked]
    assert sorted(words) == sorted(f"job-{n}" for n in range(1_000) if n not in bad)
    told = taken(results, 2_000)
    assert {each["custom_id"] for each in told} == {f"job-{n}" for n in bad}
    assert len({each["id"] for each in told}) == 30
    assert {each["error"]["code"] for each in told} == {"unknown_parameter"}


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
