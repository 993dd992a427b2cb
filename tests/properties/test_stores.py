"""Random histories: every store does what a dictionary would do, and what a tree of turns would."""

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
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from lambda_responses.storage.keyed.conditions import ROW, Absent, AnyOf, Compare, OneOf, Present, holds
from lambda_responses.storage.keyed.dynamodb import DynamoDBStore, connect, create_table
from lambda_responses.storage.keyed.port import (
    WORK_INDEX_VALUES,
    Check,
    ConditionFailed,
    Delete,
    Key,
    Put,
    Range,
    Row,
    StoreUnavailable,
    Update,
)
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.responses import ResponseNotFound, ResponseStore
from tests.contracts.stores.emulator import emulator
from tests.contracts.stores.kit import WRITES, Clock, Talk, WatchedStore, asked_and_answered, nothing, texts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from lambda_responses.storage.keyed.conditions import Condition
    from lambda_responses.storage.keyed.port import KeyedStore, Write

TABLE = "properties"
SORT_KEYS = ["C#000001#x", "C#000001#x#01", "C#000002#y", "R#resp", "é", "~"]
START = 1_800_000_000
DAY = 86_400


@pytest.fixture(scope="module", params=["sqlite", "dynamodb"])
def open_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Clock], KeyedStore]]:
    """Makes stores. They share a file or a table, so each history needs partitions of its own."""
    directory = tmp_path_factory.mktemp("stores")
    if request.param == "sqlite":
        anchor = SQLiteStore(directory / "responses.db")
        yield lambda clock: SQLiteStore(directory / "responses.db", now=clock)
        anchor.close()
        return
    with emulator(directory) as address, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        client = connect(endpoint_url=address, region="us-east-1")
        create_table(client, TABLE)
        yield lambda clock: DynamoDBStore(TABLE, client=client, now=clock, connections=2)
        client.close()


def examples(open_store: Callable[[Clock], KeyedStore], many: int) -> settings:
    """Many histories where they cost nothing, some where each step is a request."""
    local = isinstance(store := open_store(Clock()), SQLiteStore)
    if local:
        store.close()
    return settings(
        max_examples=many if local else many // 20,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Dictionary:
    """What a keyed store promises, in as few words as possible."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[Key, dict[str, Any]] = {}

    def get(self, key: Key) -> Row | None:
        values = self._rows.get(key)
        return (
            Row(key, dict(values))
            if values is not None and values.get("ttl", START * 9) > self._clock()
            else None
        )

    def query(self, within: Range, *, descending: bool, limit: int | None) -> Sequence[Row]:
        keys = [key for key in self._rows if key.pk == within.pk and within.low <= key.sk <= within.high]
        rows = [self.get(key) for key in sorted(keys, key=lambda key: key.sk.encode(), reverse=descending)]
        return [row for row in rows if row is not None][:limit]

    def due(self, wk: str, before: float) -> Sequence[Row]:
        rows = filter(None, map(self.get, self._rows))
        due = [
            row for row in rows if row.values.get("wk") == wk and row.values.get("wt", before + 1) <= before
        ]
        seen = {"wk", "wt", *WORK_INDEX_VALUES}
        return [
            Row(row.key, {name: value for name, value in row.values.items() if name in seen})
            for row in sorted(due, key=lambda row: row.values["wt"])
        ]

    def write(self, writes: Sequence[Write]) -> Row | None:
        """Raises `ConditionFailed`; gives the row that the last write returns."""
        for index, write in enumerate(writes):
            old = self.get(write.key)
            needed: Condition = [Present(ROW)] if isinstance(write, Update) else []
            if not holds([*needed, *write.when], old.values if old else None):
                raise ConditionFailed(old, index=index)
        row = None
        for write in writes:
            row = self.get(write.key)
            match write:
                case Put(key, values):
                    self._rows[key], row = dict(values), None
                case Update(key):
                    self._rows[key] = write.applied_to(self._rows[key])
                    row = Row(key, dict(self._rows[key]))  # Even if it expires by that.
                case Delete(key):
                    self._rows.pop(key, None)
                case Check():
                    row = None
        return row


VALUES = st.one_of(
    st.integers(-(10**20), 10**20),
    st.booleans(),
    st.none(),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.floats(-1e6, 1e6).filter(lambda number: not 0 < abs(number) < 1e-99),
)
NESTED = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz"), inner)
)
ATTRIBUTES = {
    "a": VALUES | st.binary(max_size=8),
    "b": NESTED,
    "n": st.integers(-3, 3),
    "ttl": st.integers(START - 2, START + 12),
    "wk": st.sampled_from(["W#0", "W#1"]),
    "wt": st.integers(0, 3),
}
ROWS = st.fixed_dictionaries({}, optional=ATTRIBUTES)
COMPARABLE = st.integers(-3, 3) | st.text("ab", max_size=2)
TESTS = st.one_of(
    st.builds(Absent, st.sampled_from([ROW, *ATTRIBUTES])),
    st.builds(Present, st.sampled_from([ROW, *ATTRIBUTES])),
    st.builds(Compare, st.sampled_from("an"), st.sampled_from(["=", "<", "<=", ">", ">="]), COMPARABLE),
    st.builds(OneOf, st.sampled_from("an"), st.lists(VALUES, min_size=1, max_size=3)),
)
TESTS_AND_CHOICES = TESTS | st.builds(AnyOf, st.lists(TESTS, min_size=1, max_size=2))
CONDITIONS = st.lists(TESTS_AND_CHOICES, max_size=2)
SORT_KEY = st.sampled_from(SORT_KEYS)


@st.composite
def updates(draw: st.DrawFn, key: Key) -> Update:
    """Changes of named attributes, each of one kind; additions to numbers only."""
    changes = draw(
        st.dictionaries(st.sampled_from(list(ATTRIBUTES)), st.sampled_from(["set", "remove"]), min_size=1)
    )
    adds = "n" not in changes and draw(st.booleans())
    return Update(
        key,
        set={name: draw(ATTRIBUTES[name]) for name, change in changes.items() if change == "set"},
        remove=[name for name, change in changes.items() if change == "remove"],
        add={"n": draw(st.integers(-5, 5))} if adds else {},
        when=draw(CONDITIONS),
    )


def writes(pk: str) -> st.SearchStrategy[Write]:
    keys = st.builds(Key, st.just(pk), SORT_KEY)
    return st.one_of(
        st.builds(Put, keys, ROWS, CONDITIONS),
        keys.flatmap(updates),
        st.builds(Delete, keys, CONDITIONS),
        st.builds(Check, keys, st.lists(TESTS_AND_CHOICES, min_size=1, max_size=2)),
    )


class KeyedMachine(RuleBasedStateMachine):
    """A store and a dictionary, told the same things."""

    open_store: ClassVar[Callable[[Clock], KeyedStore]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock(START)
        self.store = type(self).open_store(self.clock)
        self.model = Dictionary(self.clock)
        self.mark = secrets.token_hex(6)

    @rule(data=st.data())
    def write_one(self, data: st.DataObject) -> None:
        write = data.draw(writes(self.mark).filter(lambda write: not isinstance(write, Check)))
        write = self._marked(write)
        match write:
            case Put(key, values, when):
                request: Awaitable[Row | None] = self.store.put(key, values, when)
            case Update(key, changed, remove, add, when):
                request = self.store.update(key, set=changed, remove=remove, add=add, when=when)
            case _:
                request = self.store.delete(write.key, write.when)
        assert self._outcome(request) == self._expected([write])

    @rule(data=st.data())
    def write_several(self, data: st.DataObject) -> None:
        several = data.draw(
            st.lists(writes(self.mark), min_size=1, max_size=4, unique_by=lambda write: write.key)
        )
        several = [self._marked(write) for write in several]
        expected = self._expected(several)
        outcome = self._outcome(self.store.transact(several))
        assert outcome == (None if isinstance(expected, Row) else expected)

    @rule(low=SORT_KEY, high=SORT_KEY, descending=st.booleans(), limit=st.none() | st.integers(1, 4))
    def read(self, low: str, high: str, descending: bool, limit: int | None) -> None:
        within = Range(self.mark, low, high)
        found = self.loop.run_until_complete(self.store.query(within, descending=descending, limit=limit))
        assert list(found) == list(self.model.query(within, descending=descending, limit=limit))
        assert self.loop.run_until_complete(self.store.get(Key(self.mark, low))) == self.model.get(
            Key(self.mark, low)
        )

    @rule(wk=st.sampled_from(["W#0", "W#1"]), before=st.integers(0, 3))
    def look_for_work(self, wk: str, before: int) -> None:
        wk = f"{wk}{self.mark}"
        found = self.loop.run_until_complete(self.store.due(wk, before))
        expected = self.model.due(wk, before)
        assert [row.values["wt"] for row in found] == [row.values["wt"] for row in expected]
        assert sorted(found, key=repr) == sorted(expected, key=repr)

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def _marked(self, write: Write) -> Write:
        """The same write, on work queues that no other history knows."""
        match write:
            case Put(key, {"wk": wk, **rest}, when):
                return Put(key, {**rest, "wk": f"{wk}{self.mark}"}, when)
            case Update(key, {"wk": wk, **rest}, remove, add, when):
                return Update(key, {**rest, "wk": f"{wk}{self.mark}"}, remove, add, when)
            case _:
                return write

    def _outcome(self, request: Awaitable[Row | None]) -> object:
        async def run() -> Row | None:
            return await request

        return self._result(lambda: self.loop.run_until_complete(run()))

    def _expected(self, several: Sequence[Write]) -> object:
        return self._result(lambda: self.model.write(several))

    def _result(self, act: Callable[[], Row | None]) -> object:
        try:
            return act()
        except ConditionFailed as fact:
            return ("failed", fact.index, fact.old)

    def teardown(self) -> None:
        if isinstance(self.store, SQLiteStore):
            self.store.close()
        self.loop.close()


def test_a_store_does_what_a_dictionary_would(open_store: Callable[[Clock], KeyedStore]) -> None:
    KeyedMachine.open_store = staticmethod(open_store)
    run_state_machine_as_test(KeyedMachine, settings=examples(open_store, 100))


class ConversationMachine(RuleBasedStateMachine):
    """Turns, forks, deletes and time, checked against a tree of what was said."""

    open_store: ClassVar[Callable[[Clock], KeyedStore]]
    responses: Bundle[str] = Bundle("responses")
    begun: Bundle[Any] = Bundle("begun")

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock(START)
        self.keyed = type(self).open_store(self.clock)
        self.watched = WatchedStore(self.keyed)
        store: Any = self.watched
        self.talk = Talk(ResponseStore(store, now=self.clock), f"t{secrets.token_hex(6)}")
        self.said: dict[str, list[str]] = {}
        self.expires: dict[str, float] = {}
        self.deleted: set[str] = set()

    @rule(target=begun)
    def start(self) -> Any:
        return None, self._run(self.talk.reserve())

    @rule(target=begun, previous=responses)
    def carry_on(self, previous: str) -> Any:
        if not self._readable(previous):
            with pytest.raises(ResponseNotFound):
                self._run(self.talk.after(previous))
            return multiple()
        return previous, self._run(self.talk.reserve(self._run(self.talk.after(previous))))

    @rule(target=responses, turn=consumes(begun), name=st.text("xyz", min_size=1, max_size=3))
    def finish(self, turn: Any, name: str) -> str:
        previous, reservation = turn
        self._run(self.talk.store.commit(reservation, self.talk.turn(reservation, name, previous)))
        response_id = str(reservation.response_id)
        self.said[response_id] = [*(self.said[previous] if previous else []), name]
        self.expires[response_id] = reservation.expires
        return response_id

    @rule(turn=consumes(begun), writes=st.integers(0, 2))
    def give_up(self, turn: Any, writes: int) -> None:
        """The store fails after some writes of the commit, and the place is given back."""

        async def cut(verb: str, key: object) -> None:
            nonlocal writes
            writes -= verb in WRITES
            if writes < 0 or (verb == "put" and isinstance(key, Key) and key.sk.startswith("R#")):
                raise StoreUnavailable

        self.watched.before = cut
        with pytest.raises(StoreUnavailable):
            self._run(self.talk.store.commit(turn[1], self.talk.turn(turn[1], "given up")))
        self.watched.before = nothing
        self._run(self.talk.store.release(turn[1]))

    @rule(response_id=responses)
    def read(self, response_id: str) -> None:
        if not self._readable(response_id):
            with pytest.raises(ResponseNotFound):
                self._run(self.talk.store.get(self.talk.tenant, response_id))
            return
        context = self._run(self.talk.after(response_id))
        assert texts(context.items) == asked_and_answered(*self.said[response_id])
        own = self._run(self.talk.store.get(self.talk.tenant, response_id))
        assert list(context.items[-2:]) == [*own.input, *own.response["output"]]
        seen = self._run(self.talk.store.shown(self.talk.tenant, response_id)).items
        assert seen == context.items[:-1]

    @rule(response_id=responses)
    def delete(self, response_id: str) -> None:
        request = self.talk.store.delete(self.talk.tenant, response_id)
        if self._readable(response_id):
            self._run(request)
            self.deleted.add(response_id)
            return
        with pytest.raises(ResponseNotFound):
            self._run(request)

    @rule(days=st.sampled_from([0.5, 4, 9]))
    def wait(self, days: float) -> None:
        self.clock.advance(days * DAY)

    def _readable(self, response_id: str) -> bool:
        return response_id not in self.deleted and self.expires[response_id] > self.clock()

    def _run(self, request: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await request

        return self.loop.run_until_complete(run())

    def teardown(self) -> None:
        for response_id in self.said:
            self.read(response_id)
        if isinstance(self.keyed, SQLiteStore):
            self.keyed.close()
        self.loop.close()


def test_a_response_store_remembers_every_branch_as_it_was(
    open_store: Callable[[Clock], KeyedStore], tmp_path: Path
) -> None:
    ConversationMachine.open_store = staticmethod(open_store)
    run_state_machine_as_test(ConversationMachine, settings=examples(open_store, 250))
