"""Jobs that are dropped on a queue: each queued once, or answered with what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import queued_requests
from lambda_responses.lifecycle.queued_requests import (
    MOST_TRIES,
    ComeAgain,
    NoDeadLetters,
    run_queued_request,
)
from lambda_responses.queue.port import QueueUnavailable
from lambda_responses.storage.blobs.objects import ObjectGone
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.wire.job_messages import NAME
from tests.played import ME, YOU, Played

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.queue.local import SQLiteQueue
    from lambda_responses.queue.port import Received
    from lambda_responses.wire.batch_lines import ObjectAddress
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

BODY: Json = {"model": "m", "input": "hi"}


@dataclass
class HeldObjects:
    """`Objects` of one bucket, in memory."""

    held: dict[str, bytes] = field(default_factory=dict)

    def has(self, address: ObjectAddress) -> bool:
        return address.bucket == "in"

    def is_body(self, address: ObjectAddress) -> bool:
        return address.key.startswith("bodies/")

    async def read(self, address: ObjectAddress, start: int, size: int) -> bytes:
        if address.key not in self.held:
            raise ObjectGone
        return self.held[address.key][start : start + size]

    def close(self) -> None:
        pass


class Besides:
    """Services of which some are others."""

    def __init__(self, services: PlayedServices, **others: Any) -> None:
        self.__dict__.update(others)
        self._services = services

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)


class Failing:
    """A part of the services that does not answer."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: Any, **__: Any) -> None:
            raise self._fault

        return fail


@pytest.fixture
def services(play: Play) -> PlayedServices:
    made = play(Played([]))
    made.dropped = HeldObjects()
    return made


def line(custom_id: str = "one", **changes: Any) -> Json:
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/responses", "body": {**BODY, **changes}}


async def drop(services: PlayedServices, message: Any, name: str = "message-1", **how: Any) -> Json:
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    how = {"principal": ME, "using": services, **how}
    return dict(await run_queued_request(text, name=name, **how))


async def taken(queue: Any) -> Sequence[Received]:
    found = await queue.receive(10_000, visible_after=60)
    for each in found:
        await queue.acknowledge(each.receipt)
    return found


async def results(services: PlayedServices) -> list[Any]:
    queue: SQLiteQueue = services.results._queue  # pyright: ignore[reportPrivateUsage]
    return [each.message for each in await taken(queue)]


async def queued(services: PlayedServices) -> list[Any]:
    """The responses that workers were told of."""
    found: list[Any] = [each.message for each in await taken(services.queue)]
    return [(await services.responses.get(each["tenant"], each["response_id"])).response for each in found]


async def letters(services: PlayedServices) -> Sequence[Received]:
    return await taken(services.dead_letters)


async def test_a_job_becomes_a_background_response(services: PlayedServices):
    assert await drop(services, line(stream=True)) == {"queued": 1}
    [response] = await queued(services)
    assert (response["status"], response["background"]) == ("queued", True)
    job = await services.jobs.find("me", response["id"])
    assert job.reply == {"custom_id": "one"}
    assert not job.streamed
    assert await results(services) == []


async def test_a_job_that_comes_twice_makes_one_response(services: PlayedServices):
    for name in ("message-1", "message-2"):
        await drop(services, line(), name)
    assert len(await queued(services)) == 1
    assert await drop(services, line(), "message-3") == {"repeated": 1}


async def test_a_body_alone_is_known_by_its_message(services: PlayedServices):
    assert await drop(services, BODY, "message-1") == {"queued": 1}
    assert await drop(services, BODY, "message-1") == {"repeated": 1}
    assert await drop(services, BODY, "message-2") == {"queued": 1}
    [first, _] = await queued(services)
    assert (await services.jobs.find("me", first["id"])).reply == {"custom_id": "message-1"}


async def test_two_tenants_have_words_of_their_own(services: PlayedServices):
    assert await drop(services, line(), principal=ME) == {"queued": 1}
    assert await drop(services, line(), principal=YOU) == {"queued": 1}


async def test_a_word_that_was_used_for_another_job_is_refused(services: PlayedServices):
    await drop(services, line())
    assert await drop(services, line(input="something else")) == {"refused": 1}
    [told] = await results(services)
    assert told["error"]["code"] == "idempotency_key_reused"
    assert "custom_id" in told["error"]["message"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"body": {"model": "nobody", "input": "hi"}}, "model_not_found"),
        ({"body": {"model": "m"}}, "missing_required_parameter"),
        ({"body": {"model": "m", "input": "hi", "temperature": "hot"}}, "invalid_type"),
        ({"body": {"model": "m", "input": "hi", "colour": "red"}}, "unknown_parameter"),
        ({"body": {"model": "m", "input": "hi", "stream": "yes"}}, "invalid_type"),
        ({"body": {"model": "m", "input": "hi", "background": 1}}, "invalid_type"),
        ({"body": {**BODY, "previous_response_id": "resp_0"}}, "previous_response_not_found"),
        ({"body": "hi"}, "invalid_type"),
        ({"url": "/v1/embeddings", "body": BODY}, "invalid_value"),
    ],
)
async def test_a_bad_body_is_answered_with_what_is_wrong(services: PlayedServices, bad: Json, code: str):
    assert await drop(services, {"custom_id": "one", **bad}) == {"refused": 1}
    [told] = await results(services)
    assert told["custom_id"] == "one"
    assert told["response"]["status_code"] == 400
    assert told["error"]["code"] == code
    assert told["response"]["body"]["error"]["message"] == told["error"]["message"]
    assert await queued(services) == []


async def test_what_was_refused_may_be_put_right_under_the_same_word(services: PlayedServices):
    await drop(services, line(model="nobody"))
    assert await drop(services, line()) == {"queued": 1}


@pytest.mark.parametrize("message", [b"{", b"\xff\x00", b"[1]", b'{"order": 17}'])
async def test_what_nobody_can_read_goes_to_the_dead_letters(services: PlayedServices, message: bytes):
    assert await drop(services, message) == {"unreadable": 1}
    [letter] = await letters(services)
    assert letter.message == message.decode(errors="replace")
    assert letter.attributes["reason"].endswith(".")
    assert letter.attributes[NAME] == "message-1"
    assert await results(services) == []


async def test_a_reason_has_only_what_may_stand_beside_a_message(services: PlayedServices):
    await drop(services, {"specversion": "\x01\uffff"})
    [letter] = await letters(services)
    assert letter.attributes["reason"].isprintable()


async def test_a_message_that_nobody_can_read_comes_again_where_nowhere_is_for_it(services: PlayedServices):
    with pytest.raises(NoDeadLetters):
        await drop(services, b"{", using=Besides(services, dead_letters=None))


async def test_a_refusal_is_a_dead_letter_where_nobody_takes_results(services: PlayedServices):
    using = Besides(services, results=None)
    assert await drop(services, line(model="nobody"), using=using) == {"unreadable": 1}
    [letter] = await letters(services)
    assert "'one'" in letter.attributes["reason"]
    assert "does not exist" in letter.attributes["reason"]


async def test_news_that_tell_of_nothing_are_done_with(services: PlayedServices):
    assert await drop(services, {"Service": "Amazon S3", "Event": "s3:TestEvent"}) == {"nothing": 1}


def news(key: str, bucket: str = "in", etag: str = "e1") -> Json:
    created = {"bucket": {"name": bucket}, "object": {"key": key, "eTag": etag}}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": created}]}


def file_of(*lines: Any, end: bytes = b"\n") -> bytes:
    return end.join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)


@pytest.mark.parametrize("piece", [1, 7, 1_000])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
async def test_each_line_of_an_object_is_a_job(
    services: PlayedServices, monkeypatch: pytest.MonkeyPatch, piece: int, end: bytes
):
    monkeypatch.setattr(queued_requests, "PIECE", piece)
    lines = [line(f"job-{number}", input=f"é {number}") for number in range(40)]
    services.dropped.held["day.jsonl"] = b"\xef\xbb\xbf" + file_of(*lines, end=end)
    assert await drop(services, news("day.jsonl")) == {"queued": 40}
    found = await queued(services)
    replies = [(await services.jobs.find("me", each["id"])).reply for each in found]
    assert {reply["custom_id"] for reply in replies if reply} == {f"job-{number}" for number in range(40)}
    assert {reply["batch"] for reply in replies if reply} == {"s3://in/day.jsonl"}


async def test_a_bad_line_does_not_keep_those_around_it(services: PlayedServices):
    services.dropped.held["f"] = file_of(line("a"), b"{", BODY, {"order": 1}, line("b", model="nobody"))
    assert await drop(services, news("f")) == {"queued": 2, "refused": 3}
    lines = await results(services)
    assert {each["batch"] for each in lines} == {"s3://in/f"}
    told = {each["custom_id"]: each["error"]["code"] for each in lines}
    assert told == {"f#2": "invalid_json_line", "f#4": "invalid_json_line", "b": "model_not_found"}


async def test_an_object_that_is_told_of_twice_is_read_once(services: PlayedServices):
    services.dropped.held["f"] = file_of(line("a"), BODY)
    assert await drop(services, news("f"), "message-1") == {"queued": 2}
    assert await drop(services, news("f"), "message-2") == {"repeated": 2}
    assert await drop(services, news("f", etag="e2")) == {"queued": 2}


async def test_words_are_unique_in_their_object_and_no_further(services: PlayedServices):
    services.dropped.held |= {"f": file_of(line("a")), "g": file_of(line("a", input="other"))}
    for key in ("f", "g"):
        assert await drop(services, news(key)) == {"queued": 1}


@pytest.mark.parametrize("where", [news("f"), news("f", bucket="elsewhere")])
async def test_an_object_that_is_not_there_is_a_dead_letter(services: PlayedServices, where: Json):
    assert await drop(services, where) == {"unreadable": 1}
    assert "s3://" in (await letters(services))[0].attributes["reason"]


async def test_an_object_with_nothing_in_it_is_done_with(services: PlayedServices):
    services.dropped.held["f"] = b"\n \n"
    assert await drop(services, news("f")) == {"nothing": 1}


async def test_a_body_may_lie_in_an_object(services: PlayedServices):
    services.dropped.held["bodies/big"] = json.dumps(BODY).encode()
    assert await drop(services, {"custom_id": "one", "body_ref": "s3://in/bodies/big"}) == {"queued": 1}


async def test_a_body_is_no_job_by_itself(services: PlayedServices):
    services.dropped.held["bodies/big"] = json.dumps(BODY).encode()
    assert await drop(services, news("bodies/big")) == {"nothing": 1}


@pytest.mark.parametrize("place", ["s3://in/nothing", "s3://elsewhere/big"])
async def test_a_body_that_is_not_there_is_a_fault_of_the_job(services: PlayedServices, place: str):
    assert await drop(services, {"custom_id": "one", "body_ref": place}) == {"refused": 1}
    [told] = await results(services)
    assert told["response"]["body"]["error"]["param"] == "body_ref"


async def test_a_body_in_an_object_that_is_no_json_is_a_fault_of_the_job(services: PlayedServices):
    services.dropped.held["big"] = b"{"
    assert await drop(services, {"custom_id": "one", "body_ref": "s3://in/big"}) == {"refused": 1}


async def test_trouble_of_our_own_brings_the_message_again(services: PlayedServices):
    using = Besides(services, claims=Failing(StoreUnavailable("throttled")))
    with pytest.raises(StoreUnavailable):
        await drop(services, line(), tries=100, using=using)
    assert await drop(services, line()) == {"queued": 1}


async def test_a_refusal_that_cannot_be_told_brings_the_message_again(services: PlayedServices):
    using = Besides(services, results=Failing(QueueUnavailable("throttled")))
    with pytest.raises(QueueUnavailable):
        await drop(services, line(model="nobody"), using=using)
    assert await drop(services, line(model="nobody")) == {"refused": 1}


async def test_what_passes_by_itself_is_waited_for_and_told_in_the_end(services: PlayedServices):
    conversation = await services.conversations.create("me", {}, entropy=services.entropy)
    busy = {"conversation": conversation.id}
    assert await drop(services, line("first", **busy)) == {"queued": 1}
    for tries in range(1, MOST_TRIES):
        with pytest.raises(ComeAgain):
            await drop(services, line("second", **busy), tries=tries)
    assert await drop(services, line("second", **busy), tries=MOST_TRIES) == {"refused": 1}
    [told] = await results(services)
    assert (told["custom_id"], told["error"]["code"]) == ("second", "conversation_locked")


async def test_lines_that_have_to_wait_bring_their_object_again_and_no_line_twice(services: PlayedServices):
    conversation = await services.conversations.create("me", {}, entropy=services.entropy)
    busy = {"conversation": conversation.id}
    services.dropped.held["f"] = file_of(*(line(name, **busy) for name in "ab"), line("c"))
    with pytest.raises(ComeAgain):
        await drop(services, news("f"))
    assert len(await queued(services)) == 2
    assert await drop(services, news("f"), tries=MOST_TRIES) == {"repeated": 2, "refused": 1}
