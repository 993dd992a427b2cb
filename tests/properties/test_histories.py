"""Random histories of whole requests, told to two stores at once: both do the same, and what a list would.

Turns, forks, turns that fail, compactions, deletes in both modes, conversations that grow and shrink, and
time. A context is what the list holds; every answer, fault and tree is the same on SQLite and on DynamoDB.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from lambda_responses.lifecycle import conversations
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.ports import Principal
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.lifecycle.thread_moves import export_thread
from lambda_responses.lifecycle.threads import list_thread
from lambda_responses.storage.conversations.store import ConversationStore
from lambda_responses.storage.keyed.dynamodb import DynamoDBStore, connect, create_table
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import ResponseNotFound, ResponseStore
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.wire.errors import APIError, OverloadedError
from lambda_responses.wire.queries import read_list_query
from tests.contracts.stores.emulator import emulator
from tests.contracts.stores.kit import Clock
from tests.kit import counted
from tests.played import Played, PlayedServices

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from lambda_responses.storage.responses import DeleteMode

Json = dict[str, Any]
Said = tuple[frozenset[str], str]
"""What was said: by which turns or items, each of which takes it along when it is erased; and what."""

TABLE = "histories"
START = 1_800_000_000
DAY = 86_400
COMPACTED = "(compacted)"
SUMMARY = "(summary) "


class Answers(list[Any]):
    """`answer 1`, `answer 2` and so on, or a fault where the test wants one."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.fails = False

    def pop(self, _place: Any = 0) -> list[Any]:
        if self.fails:
            return [Failed(OverloadedError("No room."))]
        self.given += 1
        return [Text(0, f"answer {self.given}"), Stopped("end")]


class Side:
    """Services on one of the stores."""

    def __init__(self, folder: Path, store: KeyedStore, clock: Clock, mode: DeleteMode) -> None:
        self.answers = Answers()
        self.model = Played(self.answers)
        self.services = PlayedServices(folder, self.model, store=store, now=clock)
        self.services.entropy = counted()
        kept: Any = {"now": clock, "blobs": self.services.blobs, "delete_mode": mode}
        self.services.responses = ResponseStore(store, **kept)
        self.services.conversations = ConversationStore(store, **kept)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Clock], list[KeyedStore]]]:
    """Makes one of each. All share a file and a table, so each history needs a tenant of its own."""
    directory = tmp_path_factory.mktemp("histories")
    with emulator(directory) as address, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client = connect(endpoint_url=address, region="us-east-1")
        create_table(client, TABLE)
        yield lambda clock: [
            SQLiteStore(directory / "responses.db", now=clock),
            DynamoDBStore(TABLE, client=client, now=clock, connections=2),
        ]
        client.close()


class HistoryMachine(RuleBasedStateMachine):
    """Two installations that are told the same, and lists of what was said in them."""

    open: ClassVar[Callable[[Clock], list[KeyedStore]]]
    folder: ClassVar[Path]
    mode: ClassVar[DeleteMode]
    responses: Bundle[str] = Bundle("responses")
    talks: Bundle[str] = Bundle("talks")

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock(START)
        self.kept = type(self).open(self.clock)
        self.sides = [Side(self.folder, store, self.clock, self.mode) for store in self.kept]
        self.me = Principal(f"t{secrets.token_hex(6)}")
        self.texts = 0
        self.said: dict[str, list[Said]] = {}
        """By response, what its context holds."""
        self.shown: dict[str, list[Said]] = {}
        """By response, what of that, or instead of it, a model is shown that continues it."""
        self.expires: dict[str, float] = {}
        self.before: dict[str, str | None] = {}
        self.deleted: set[str] = set()
        self.compactions: set[str] = set()
        self.talked: dict[str, list[tuple[str, str]]] = {}
        """By conversation, its items: id and text."""
        self.removed: set[str] = set()
        """Items that were taken out of a conversation, or went with it."""

    @rule(target=responses)
    def start(self) -> Any:
        return self._say({}, [])

    @rule(target=responses, previous=responses)
    def carry_on(self, previous: str) -> Any:
        return self._say({"previous_response_id": previous}, self.said[previous], previous)

    @rule(target=responses, previous=responses)
    def compact(self, previous: str) -> Any:
        trigger = [{"type": "compaction_trigger"}]
        return self._say({"previous_response_id": previous, "input": trigger}, self.said[previous], previous)

    @rule(previous=responses)
    def fail(self, previous: str) -> None:
        for side in self.sides:
            side.answers.fails = True
        self._say({"previous_response_id": previous}, self.said[previous], previous)
        for side in self.sides:
            side.answers.fails = False

    @rule(target=talks, items=st.integers(0, 2))
    def begin_a_talk(self, items: int) -> str:
        body = {"items": [self._message() for _ in range(items)]}
        [made, _] = self._both(lambda side: conversations.create_conversation(body, **self._on(side)))
        self.talked[made["id"]] = self._items_of(made["id"])
        return made["id"]

    @rule(target=responses, talk=talks)
    def say_in(self, talk: str) -> Any:
        before = self.talked.get(talk)
        said = before and [(frozenset({item}), text) for item, text in before]
        found = self._say({"conversation": talk}, said)
        if isinstance(found, str):
            self.talked[talk] = self._items_of(talk)
            assert [text for _, text in self.talked[talk]] == [text for _, text in self.said[found]]
        return found

    @rule(talk=talks)
    def add_to(self, talk: str) -> None:
        body = {"items": [self._message()]}
        outcome = self._both(lambda side: conversations.create_items(talk, body, **self._on(side)))
        assert isinstance(outcome[0], APIError) == (talk not in self.talked)
        if talk in self.talked:
            self.talked[talk] = self._items_of(talk)

    @rule(talk=talks, data=st.data())
    def take_from(self, talk: str, data: st.DataObject) -> None:
        if not self.talked.get(talk):
            return
        self.take(talk, data.draw(st.sampled_from(range(len(self.talked[talk])))))

    def take(self, talk: str, place: int) -> None:
        item, _ = self.talked[talk][place]
        self._both(lambda side: conversations.delete_item(talk, item, **self._on(side)))
        self.removed.add(item)
        left = [each for each in self.talked[talk] if each[0] != item]
        self.talked[talk] = self._items_of(talk)
        assert self.talked[talk] == left

    @rule(talk=talks)
    def end(self, talk: str) -> None:
        outcome = self._both(lambda side: conversations.delete_conversation(talk, **self._on(side)))
        assert isinstance(outcome[0], APIError) == (talk not in self.talked)
        self.removed |= {item for item, _ in self.talked.pop(talk, [])}

    @rule(response_id=responses)
    def delete(self, response_id: str) -> None:
        outcome = self._both(lambda side: delete_response(response_id, **self._on(side)))
        assert isinstance(outcome[0], APIError) == (not self._readable(response_id))
        if self._readable(response_id):  # What has expired is out of a delete's reach.
            self.deleted.add(response_id)

    @rule(response_id=responses)
    def read(self, response_id: str) -> None:
        found, _ = self._both(lambda side: get_response(response_id, **self._on(side)))
        assert isinstance(found, APIError) == (not self._readable(response_id))
        context, _ = self._both(lambda side: self._context(side, response_id))
        if not self._readable(response_id):
            assert isinstance(context, ResponseNotFound)
        else:
            assert context == self._left_of(self.said[response_id], context)

    @rule(response_id=responses)
    def see_the_tree(self, response_id: str) -> None:
        tree, _ = self._both(lambda side: list_thread(response_id, **self._on(side)))
        if not self._readable(response_id):
            assert isinstance(tree, APIError)
            return
        nodes = {turn["id"]: turn["status"] == "deleted" for turn in flat(tree["data"])}
        alive = {each for each in self._connected(response_id) if each not in self.deleted}
        assert {each for each, deleted in nodes.items() if not deleted} == alive
        assert {each for each, deleted in nodes.items() if deleted} <= self.deleted
        self._both(lambda side: self._exported(side, response_id))

    @rule(days=st.sampled_from([0.5, 4, 9, 20]))
    def wait(self, days: float) -> None:
        self.clock.advance(days * DAY)

    def _say(self, body: Json, said: list[Said] | None, previous: str | None = None) -> Any:
        self.texts += 1
        request = {"model": "m", "input": f"ask {self.texts}", **body}
        [made, _] = self._both(lambda side: self._made(side, request))
        can = said is not None and (previous is None or self._readable(previous))
        if isinstance(made, APIError):
            assert not can or self.sides[0].answers.fails or "compaction" in str(body)
            return multiple()
        assert can
        self.expires[made["id"]] = self.clock() + 30 * DAY
        self.before[made["id"]] = previous
        self._remember(made["id"], request["input"], said_by(made["output"]), said or [], previous)
        return made["id"]

    def _remember(self, made: str, asked: Any, answered: str, said: list[Said], previous: str | None) -> None:
        shown, own = self.shown[previous] if previous else said, frozenset({made})
        if answered == COMPACTED:
            summary = f"{SUMMARY}answer {self.sides[0].answers.given}"
            self.compactions.add(made)
            messages = [each for each in shown if each[1].startswith(("ask", "told"))]
            kept = [(of - self.compactions | own, text) for of, text in messages]
            self.said[made] = [(own, COMPACTED)]
            self.shown[made] = [*kept, (own, summary)]
            return
        for side in self.sides:
            given = [told(item) for item in side.model.turns[-1].items]
            assert given == self._left_of([*shown, (own, asked)], given)
        self.said[made] = [*said, (own, asked), (own, answered)]
        self.shown[made] = [*shown, (own, asked), (own, answered)]

    async def _made(self, side: Side, request: Json) -> Json:
        run = await create_response(dict(request), principal=self.me, using=side.services)
        return await run.response()

    async def _context(self, side: Side, response_id: str) -> list[str]:
        context = await side.services.responses.context(self.me.tenant, response_id)
        return [text_of(item) for item in context.items]

    async def _exported(self, side: Side, response_id: str) -> list[str]:
        return [line async for line in export_thread(response_id, **self._on(side))]

    def _items_of(self, talk: str) -> list[tuple[str, str]]:
        query = read_list_query([("limit", "100"), ("order", "asc")])
        page, _ = self._both(lambda side: conversations.list_items(talk, query, **self._on(side)))
        return [(item["id"], text_of(item)) for item in page["data"]]

    def _message(self) -> Json:
        self.texts += 1
        return {"type": "message", "role": "user", "content": f"told {self.texts}"}

    def _left_of(self, said: list[Said], found: list[str]) -> list[str]:
        """What is deleted from conversations may be missing, and with `erase` deleted turns must."""
        erased = self.deleted if self.mode == "erase" else set[str]()
        return [text for of, text in said if not of & erased and (not of & self.removed or text in found)]

    def _readable(self, response_id: str) -> bool:
        return response_id not in self.deleted and self.expires[response_id] > self.clock()

    def _connected(self, response_id: str) -> set[str]:
        """Living responses of its tree, deleted ones that others stand on among them."""
        living = {each for each in self.said if self.expires[each] > self.clock()}
        near: dict[str, set[str]] = {each: set() for each in living}
        for each, before in self.before.items():
            if each in living and before in living and before is not None:
                near[each].add(before)
                near[before].add(each)
        found, waiting = {response_id}, [response_id]
        while waiting:
            new = near[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def _on(self, side: Side) -> Any:
        return {"principal": self.me, "using": side.services}

    def _both(self, ask: Callable[[Side], Awaitable[Any]]) -> list[Any]:
        """What each side says, which is the same."""
        one, other = [self._outcome(ask(side)) for side in self.sides]
        if isinstance(one, Exception):
            assert (type(one), str(one)) == (type(other), str(other))
        else:
            assert one == other
        return [one, other]

    def _outcome(self, request: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await request

        try:
            return self.loop.run_until_complete(run())
        except (APIError, ResponseNotFound) as fact:
            return fact

    def teardown(self) -> None:
        try:
            for response_id in self.said:
                self.read(response_id)
        finally:
            self.kept[0].close()
            self.loop.close()


def flat(line: list[Json]) -> Iterator[Json]:
    """Every turn of a tree."""
    for turn in line:
        yield turn
        for fork in turn["forks"]:
            yield from flat(fork)


def text_of(item: Json) -> str:
    if item["type"] == "compaction":
        return COMPACTED
    content = item["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def told(item: Json) -> str:
    """What a model is shown: a summary by its last line, after what we say of it."""
    text = text_of(item)
    return SUMMARY + text.rsplit("\n", 1)[-1] if text.startswith("The conversation so far") else text


def said_by(output: list[Json]) -> str:
    return "".join(text_of(item) for item in output)


def the_turn_of_a_talk_goes(told: HistoryMachine) -> None:
    talk = told.begin_a_talk(items=0)
    for _ in range(11):
        told.add_to(talk)
    first = told.say_in(talk)
    told.add_to(talk)
    told.carry_on(first)
    told.add_to(talk)
    told.delete(first)
    told.add_to(talk)


def the_turn_of_one_of_several_talks_goes(told: HistoryMachine) -> None:
    other = told.begin_a_talk(items=0)
    told.add_to(other)
    told.add_to(other)
    told.take(other, 0)
    talk = told.begin_a_talk(items=1)
    told.add_to(talk)
    first = told.say_in(talk)
    told.wait(0.5)
    second = told.carry_on(first)
    told.begin_a_talk(items=0)
    told.delete(first)
    told.read(second)
    told.take(talk, 2)
    told.end(talk)


def what_has_expired_is_deleted(told: HistoryMachine) -> None:
    first = told.start()
    told.wait(20)
    second = told.carry_on(first)
    told.wait(20)
    told.delete(first)
    told.see_the_tree(second)


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize(
    "history", [the_turn_of_a_talk_goes, the_turn_of_one_of_several_talks_goes, what_has_expired_is_deleted]
)
def test_histories_that_were_expected_to_end_otherwise(
    stores: Callable[[Clock], list[KeyedStore]],
    tmp_path: Path,
    mode: DeleteMode,
    history: Callable[[HistoryMachine], None],
) -> None:
    HistoryMachine.open, HistoryMachine.folder, HistoryMachine.mode = staticmethod(stores), tmp_path, mode
    told = HistoryMachine()
    told.begin()
    try:
        history(told)
    finally:
        told.teardown()


@pytest.mark.parametrize("mode", ["keep", "erase"])
@pytest.mark.parametrize("many", [4, pytest.param(120, marks=pytest.mark.slow)], ids=["some", "many"])
def test_two_stores_have_one_history_and_it_is_that_of_a_list(
    stores: Callable[[Clock], list[KeyedStore]], tmp_path: Path, mode: DeleteMode, many: int
) -> None:
    HistoryMachine.open, HistoryMachine.folder, HistoryMachine.mode = staticmethod(stores), tmp_path, mode
    run_state_machine_as_test(
        HistoryMachine,
        settings=settings(
            max_examples=many,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
