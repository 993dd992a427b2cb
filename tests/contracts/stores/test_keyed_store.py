"""What every keyed store promises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.conditions import ROW, Absent, AnyOf, Compare, OneOf, Present, equals
from lambda_responses.storage.keyed.port import (
    Check,
    ConditionFailed,
    Delete,
    ItemTooLarge,
    Key,
    Put,
    Range,
    Row,
    Update,
)
from lambda_responses.storage.keyed.sizes import MAX_ITEM, item_size

if TYPE_CHECKING:
    from lambda_responses.storage.keyed.conditions import Test
    from lambda_responses.storage.keyed.port import KeyedStore
    from tests.contracts.stores.kit import Clock

pytestmark = pytest.mark.anyio

EVERYTHING: dict[str, Any] = {
    "text": "Grüße \N{GRINNING FACE} \x00 end",
    "empty": "",
    "int": 12345678901234567890,
    "negative": -7,
    "float": 0.1,
    "large": 2.0**51 + 0.5,
    "true": True,
    "false": False,
    "null": None,
    "list": [1, "two", None, [True, {"three": 3.5}], []],
    "dict": {"a": {"b": ["c"]}, "empty": {}},
    "bytes": bytes(range(256)),
    "no bytes": b"",
}
HALF_A_MINUTE = 30


async def test_what_was_put_is_found_as_it_was(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, EVERYTHING)
    assert await keyed.get(key) == Row(key, EVERYTHING)
    assert await keyed.get(key, consistent=False) == Row(key, EVERYTHING)


async def test_values_keep_their_kind(keyed: KeyedStore, pk: str) -> None:
    await keyed.put(Key(pk, "a"), EVERYTHING)
    found = await keyed.get(Key(pk, "a"))
    assert found is not None
    assert {name: type(value) for name, value in found.values.items()} == {
        name: type(value) for name, value in EVERYTHING.items()
    }


async def test_what_was_not_put_is_not_found(keyed: KeyedStore, pk: str) -> None:
    assert await keyed.get(Key(pk, "a")) is None
    assert await keyed.query(Range(pk, "a", "z")) == []
    assert await keyed.delete(Key(pk, "a")) is None


async def test_a_put_replaces_the_whole_row(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, {"old": 1, "kept": 1})
    await keyed.put(key, {"kept": 2})
    assert await keyed.get(key) == Row(key, {"kept": 2})


async def test_a_row_is_put_only_once_where_none_may_be(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, {"n": 1}, [Absent(ROW)])
    with pytest.raises(ConditionFailed) as refused:
        await keyed.put(key, {"n": 2}, [Absent(ROW)])
    assert refused.value.old == Row(key, {"n": 1})
    assert await keyed.get(key) == Row(key, {"n": 1})


async def test_a_range_comes_in_byte_order_and_includes_both_ends(keyed: KeyedStore, pk: str) -> None:
    names = ["C#000000", "C#000001#a", "C#000001#a#01", "C#000002", "D", "c", "é", "~"]
    for name in (*reversed(names), "B"):
        await keyed.put(Key(pk, name), {"name": name})
    await keyed.put(Key(f"{pk}x", "C#000001"), {})

    async def found(low: str, high: str, **options: Any) -> list[str]:
        return [row.key.sk for row in await keyed.query(Range(pk, low, high), **options)]

    in_order = sorted(names, key=str.encode)
    assert await found("C", "\N{GRINNING FACE}") == in_order
    assert await found("C", "\N{GRINNING FACE}", descending=True) == in_order[::-1]
    assert await found("C", "\N{GRINNING FACE}", limit=3) == in_order[:3]
    assert await found("C", "\N{GRINNING FACE}", limit=3, descending=True) == in_order[:-4:-1]
    assert await found("C#000001#a", "C#000002", consistent=False) == in_order[1:4]
    assert await found("C#000001", "C#000001~") == in_order[1:3]
    assert await found("z", "a") == []


async def test_a_long_range_is_read_to_its_end(keyed: KeyedStore, pk: str) -> None:
    for index in range(6):
        await keyed.put(Key(pk, f"{index}"), {"d": bytes([index]) * 300_000})
    rows = await keyed.query(Range(pk, "0", "9"))
    assert [row.values["d"][:1] for row in rows] == [bytes([index]) for index in range(6)]
    assert [row.key.sk for row in await keyed.query(Range(pk, "0", "9"), limit=5)] == list("01234")


async def test_an_update_sets_removes_and_adds(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, {"keep": b"k", "change": 1, "drop": 1, "count": 40})
    changed = await keyed.update(
        key,
        set={"change": ["new"], "fresh": None},
        remove=["drop", "never there"],
        add={"count": 2, "other": -1},
    )
    assert changed == Row(key, {"keep": b"k", "change": ["new"], "fresh": None, "count": 42, "other": -1})
    assert await keyed.get(key) == changed


async def test_an_update_never_creates_a_row(keyed: KeyedStore, pk: str) -> None:
    for condition in ((), [Absent("a")], [Absent(ROW)]):
        with pytest.raises(ConditionFailed) as refused:
            await keyed.update(Key(pk, "a"), set={"a": 1}, when=condition)
        assert refused.value.old is None
    assert await keyed.get(Key(pk, "a")) is None


@pytest.mark.parametrize("nothing_or_twice", [{}, {"set": {"a": 1}, "remove": ["a"]}, {"set": {"pk": "b"}}])
async def test_an_update_names_each_attribute_once(
    keyed: KeyedStore, pk: str, nothing_or_twice: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="each once"):
        await keyed.update(Key(pk, "a"), **nothing_or_twice)


MET: list[Test] = [
    Present(ROW),
    Present("null"),
    Absent("missing"),
    equals("text", "b"),
    equals("number", 10),
    equals("number", 10.0),
    equals("true", True),
    equals("null", None),
    equals("bytes", b"\x01"),
    Compare("number", "<", 10.5),
    Compare("number", "<=", 10),
    Compare("number", ">", 9),
    Compare("number", ">=", 10),
    Compare("text", ">", "a"),
    Compare("text", "<", "é"),
    Compare("bytes", "<", b"\x02"),
    OneOf("text", ["a", "b"]),
    OneOf("number", ["10", 10]),
    AnyOf([Absent("number"), Compare("number", "<", 11)]),
    AnyOf([equals("text", "x"), Present("null")]),
]
UNMET: list[Test] = [
    Absent(ROW),
    Absent("null"),
    Present("missing"),
    equals("text", "B"),
    equals("number", "10"),
    equals("true", 1),
    equals("one", True),
    equals("missing", None),
    equals("list", "a"),
    Compare("number", "<", 10),
    Compare("number", ">", 10),
    Compare("text", "<", 11),
    Compare("missing", "<", 11),
    Compare("text", "<", b"z"),
    OneOf("text", ["c", 1]),
    OneOf("missing", [None]),
    AnyOf([Absent("number"), Compare("number", ">", 11)]),
]
MEASURED_BY = {
    "text": "b",
    "number": 10,
    "one": 1,
    "true": True,
    "null": None,
    "bytes": b"\x01",
    "list": ["a"],
}


async def test_every_test_that_holds_lets_writes_through(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    for test in MET:
        await keyed.put(key, MEASURED_BY)
        await keyed.put(key, MEASURED_BY, [test])
        await keyed.update(key, add={"writes": 1}, when=[test])
        await keyed.transact([Check(key, [test]), Put(Key(pk, "b"), {})])
        assert await keyed.delete(key, [test]) is not None, test


async def test_every_test_that_fails_stops_writes_and_shows_the_row(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, MEASURED_BY)
    for test in UNMET:
        for write in (
            keyed.put(key, {}, [test]),
            keyed.update(key, set={"x": 1}, when=[Present(ROW), test]),
            keyed.delete(key, [test]),
            keyed.transact([Put(Key(pk, "b"), {}), Check(key, [test])]),
        ):
            with pytest.raises(ConditionFailed) as refused:
                await write
            assert refused.value.old == Row(key, MEASURED_BY), test
    assert await keyed.get(key) == Row(key, MEASURED_BY)
    assert await keyed.get(Key(pk, "b")) is None


async def test_all_tests_of_a_condition_must_hold(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, {"fence": 3, "st": "in_progress"})
    await keyed.update(
        key, add={"fence": 1}, when=[equals("fence", 3), OneOf("st", ["queued", "in_progress"])]
    )
    with pytest.raises(ConditionFailed):
        await keyed.update(key, set={"st": "failed"}, when=[equals("st", "in_progress"), equals("fence", 3)])


async def test_a_delete_gives_what_it_removed(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, {"n": 1})
    with pytest.raises(ConditionFailed):
        await keyed.delete(key, [Present("nxt")])
    assert await keyed.delete(key, [Absent("nxt")]) == Row(key, {"n": 1})
    assert await keyed.get(key) is None
    with pytest.raises(ConditionFailed) as refused:
        await keyed.delete(key, [Present(ROW)])
    assert refused.value.old is None


async def test_an_expired_row_is_absent_for_readers_and_for_conditions(
    keyed: KeyedStore, pk: str, clock: Clock
) -> None:
    key, work = Key(pk, "a"), f"W#{pk}"
    expiring = {"n": 1, "ttl": int(clock()) + HALF_A_MINUTE, "wk": work, "wt": 1}
    await keyed.put(key, expiring)
    clock.advance(HALF_A_MINUTE - 1)
    assert await keyed.get(key) == Row(key, expiring)
    assert len(await keyed.due(work, 1)) == 1
    clock.advance(1)
    assert await keyed.get(key) is None
    assert await keyed.query(Range(pk, "a", "z")) == []
    assert await keyed.due(work, 1) == []
    for write in (
        keyed.update(key, set={"n": 2}),
        keyed.put(key, {}, [Present("n")]),
        keyed.delete(key, [equals("n", 1)]),
        keyed.transact([Check(key, [Present(ROW)])]),
    ):
        with pytest.raises(ConditionFailed) as refused:
            await write
        assert refused.value.old is None
    await keyed.transact([Check(key, [Absent("n")]), Put(Key(pk, "b"), {})])
    await keyed.put(key, {"fresh": True}, [Absent("n"), Absent(ROW)])
    assert await keyed.get(key) == Row(key, {"fresh": True})


async def test_deleting_an_expired_row_gives_nothing(keyed: KeyedStore, pk: str, clock: Clock) -> None:
    for name in "ab":
        await keyed.put(Key(pk, name), {"ttl": int(clock()) + 1})
    clock.advance(1)
    assert await keyed.delete(Key(pk, "a")) is None
    assert await keyed.delete(Key(pk, "b"), [Absent("ttl")]) is None


async def test_a_limit_counts_live_rows_only(keyed: KeyedStore, pk: str, clock: Clock) -> None:
    for index in range(6):
        await keyed.put(Key(pk, f"{index}"), {"ttl": int(clock()) + (1 if index < 4 else 100)})
    clock.advance(1)
    assert [row.key.sk for row in await keyed.query(Range(pk, "0", "9"), limit=1)] == ["4"]
    assert [row.key.sk for row in await keyed.query(Range(pk, "0", "9"), limit=3)] == ["4", "5"]


async def test_a_transaction_is_all_or_nothing(keyed: KeyedStore, pk: str) -> None:
    a, b, c, d = (Key(pk, name) for name in "abcd")
    await keyed.put(a, {"n": 1})
    await keyed.put(b, {"n": 1})
    await keyed.put(d, {"open": True})
    await keyed.transact(
        [Update(a, add={"n": 1}), Delete(b), Put(c, {"n": 3}, [Absent(ROW)]), Check(d, [Present("open")])]
    )
    after = [await keyed.get(key) for key in (a, b, c)]
    assert after == [Row(a, {"n": 2}), None, Row(c, {"n": 3})]
    with pytest.raises(ConditionFailed) as refused:
        await keyed.transact([Update(a, add={"n": 1}), Put(c, {}, [Absent(ROW)]), Check(d, [Absent("open")])])
    assert (refused.value.index, refused.value.old) == (1, Row(c, {"n": 3}))
    assert [await keyed.get(key) for key in (a, b, c)] == after


async def test_a_transaction_holds_one_to_25_writes_on_different_rows(keyed: KeyedStore, pk: str) -> None:
    await keyed.transact([Put(Key(pk, f"{index:02}"), {}) for index in range(25)])
    assert len(await keyed.query(Range(pk, "0", "9"))) == 25
    for wrong in (
        [],
        [Put(Key(pk, f"{index}"), {}) for index in range(26)],
        [Put(Key(pk, "a"), {}), Delete(Key(pk, "a"))],
    ):
        with pytest.raises(ValueError, match="transaction"):
            await keyed.transact(wrong)


async def test_the_work_index_is_sparse_and_earliest_first(keyed: KeyedStore, pk: str) -> None:
    work = f"W#{pk}"
    for name, wt in (("c", 30.5), ("a", 10), ("b", 20), ("late", 40)):
        row = {"wk": work, "wt": wt, "st": "queued", "lease": 5, "t": "acme", "secret": name}
        await keyed.put(Key(pk, name), row)
    await keyed.put(Key(pk, "idle"), {"st": "completed", "wk": work})
    await keyed.put(Key(pk, "other"), {"wk": f"{work}x", "wt": 1})
    rows = await keyed.due(work, 30.5)
    assert [row.key.sk for row in rows] == ["a", "b", "c"]
    assert rows[0].values == {"wk": work, "wt": 10, "st": "queued", "lease": 5, "t": "acme"}
    assert [row.key.sk for row in await keyed.due(work, 99, limit=1)] == ["a"]
    await keyed.update(Key(pk, "a"), remove=["wk", "wt"])
    assert [row.key.sk for row in await keyed.due(work, 20)] == ["b"]


async def test_a_row_holds_409600_bytes_and_not_one_more(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    fits = {"d": b"x" * (MAX_ITEM - item_size(key, {"d": b""}))}
    await keyed.put(key, fits)
    assert await keyed.get(key) == Row(key, fits)
    too_large = {"d": fits["d"] + b"x"}
    for write in (
        keyed.put(key, too_large),
        keyed.update(key, set=too_large),
        keyed.update(key, set={"e": b"x" * 1_000}),
        keyed.transact([Put(Key(pk, "b"), {}), Put(key, too_large)]),
        keyed.transact([Put(Key(pk, "b"), {}), Update(key, set={"e": b"x" * 1_000})]),
    ):
        with pytest.raises(ItemTooLarge):
            await write
    assert await keyed.get(key) == Row(key, fits)
    assert await keyed.get(Key(pk, "b")) is None


@pytest.mark.parametrize(
    "value", [{"deep": b"x"}, (1, 2), {1}, object(), float("nan"), float("inf"), 1e16, 10**39 + 1]
)
async def test_what_a_row_cannot_hold_is_refused(keyed: KeyedStore, pk: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        await keyed.put(Key(pk, "a"), {"value": value})
    assert await keyed.get(Key(pk, "a")) is None


async def test_of_many_that_claim_a_row_one_wins_and_the_others_see_who(keyed: KeyedStore, pk: str) -> None:
    key = Key(pk, "a")
    await keyed.put(key, {})

    async def claim(name: str) -> str:
        try:
            await keyed.update(key, set={"nxt": name}, when=[Absent("nxt")])
        except ConditionFailed as fact:
            return f"lost to {fact.old.values['nxt'] if fact.old else None}"
        return name

    names = [f"claimer {index}" for index in range(16)]
    outcomes = await asyncio.gather(*map(claim, names))
    (winner,) = {outcome for outcome in outcomes if outcome in names}
    assert outcomes.count(f"lost to {winner}") == 15


async def test_no_addition_is_lost(keyed: KeyedStore, pk: str) -> None:
    await keyed.put(Key(pk, "a"), {"n": 0})
    await asyncio.gather(*(keyed.update(Key(pk, "a"), add={"n": 1}) for _ in range(50)))
    assert await keyed.get(Key(pk, "a")) == Row(Key(pk, "a"), {"n": 50})
