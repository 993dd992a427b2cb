"""The door that the table's stream and a schedule call: what one of them misses, the other finds."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.deliver_notifications import MOST_PAGES, PAGE
from lambda_responses.runtime.queue_door import FailedMessage, run_told
from lambda_responses.storage.background.job import Job
from lambda_responses.storage.background.outbox import outbox_row
from lambda_responses.storage.keyed.port import Key, StoreUnavailable
from tests.functions.events import Context
from tests.played import ME, PlayedRuntime

if TYPE_CHECKING:
    from tests.played import Play

Json = dict[str, Any]
SCHEDULE = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


class Bus:
    """An event bus that remembers whom it was told of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def publish(self, type: str, detail: Json, *, at: int) -> None:
        self.told.append(detail["data"]["id"])


@pytest.fixture
def runtime(play: Play) -> PlayedRuntime:
    services = play()
    services.event_bus = Bus()
    return PlayedRuntime(services)


def call(event: Json, runtime: PlayedRuntime) -> Any:
    handler = importlib.import_module("functions.deliver_notifications.handler").lambda_handler
    return handler(event, Context(), using=runtime)


def ended(runtime: PlayedRuntime, number: int) -> Key:
    """A response that has just ended; gives where its end lies."""
    job = Job(ME.tenant, f"resp_{number:048x}", "in_progress", False, 1, None, 0, 0, 2e9, None)
    row = outbox_row(job, "completed", None, now=runtime.services.now())
    run_told(runtime.services.store.transact([row]))
    return row.key


def news(key: Key, what: str = "INSERT") -> Json:
    """What a stream of the keys alone tells of a row."""
    keys = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    return {
        "eventID": "1",
        "eventName": what,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "SequenceNumber": "1", "StreamViewType": "KEYS_ONLY"},
    }


def test_what_the_stream_tells_of_is_told_at_once(runtime: PlayedRuntime) -> None:
    first, second, _ = (ended(runtime, number) for number in (1, 2, 3))
    call({"Records": [news(first), news(second), news(first)]}, runtime)
    assert sorted(runtime.services.event_bus.told) == [f"resp_{number:048x}" for number in (1, 2)]


def test_rows_of_other_kinds_and_other_news_are_passed_over(runtime: PlayedRuntime) -> None:
    key = ended(runtime, 1)
    other = Key(f"{ME.tenant}#A", "WH#whe_1")
    call({"Records": [news(other), news(key, "MODIFY"), news(key, "REMOVE")]}, runtime)
    assert runtime.services.event_bus.told == []
    assert runtime.services.reported == []


def test_each_minute_all_that_is_due_is_told(runtime: PlayedRuntime) -> None:
    for number in range(PAGE + 5):
        ended(runtime, number)
    call(SCHEDULE, runtime)
    assert len(set(runtime.services.event_bus.told)) == PAGE + 5


def test_a_store_that_fails_for_news_leaves_them_for_the_next_minute(runtime: PlayedRuntime) -> None:
    key = ended(runtime, 1)
    services: Any = runtime.services
    find = services.outbox.find
    looks = 0

    async def failing(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        raise StoreUnavailable("not now")

    services.outbox.find = failing
    assert call({"Records": [news(key)]}, runtime) is None
    call(SCHEDULE, runtime)
    assert 1 < looks <= 1 + MOST_PAGES
    services.outbox.find = find
    call(SCHEDULE, runtime)
    assert runtime.services.event_bus.told == [f"resp_{1:048x}"]


def test_a_minute_whose_store_does_not_answer_counts_as_a_failed_one(runtime: PlayedRuntime) -> None:
    services: Any = runtime.services

    async def failing(most: int) -> Any:
        raise StoreUnavailable("secret text")

    services.outbox.due = failing
    with pytest.raises(FailedMessage, match=r"^StoreUnavailable$"):
        call(SCHEDULE, runtime)
