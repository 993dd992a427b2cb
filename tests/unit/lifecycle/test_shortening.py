"""`truncation: auto`: what goes when a context is too long, and what stays together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.shortening import MOST_TRIES, shortened, units
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.wire.compaction import pruned
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.token_estimates import item_tokens
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play

Json = dict[str, Any]

HELLO: list[Any] = [Text(0, "Hello"), Stopped("end")]


def too_long(message: str = "Too long.") -> InvalidRequestError:
    return InvalidRequestError(message, code="context_length_exceeded", param="input")


def said(role: str, text: str) -> Json:
    return {"type": "message", "role": role, "content": text}


def weights(items: list[Json]) -> list[float]:
    return [item_tokens(item) for item in items]


@st.composite
def contexts(draw: st.DrawFn) -> list[Json]:
    """Turns of a conversation: what users and developers say, thoughts, calls in parallel, their outputs."""
    items: list[Json] = []
    for turn in range(draw(st.integers(1, 12))):
        items.append(said(draw(st.sampled_from(["user", "user", "developer"])), f"asks {turn} " * 20))
        for step in range(draw(st.integers(0, 2))):
            if draw(st.booleans()):
                items.append({"type": "reasoning", "summary": [], "id": f"rs_{turn}_{step}"})
            calls = [f"c{turn}_{step}_{n}" for n in range(draw(st.integers(0, 3)))]
            items += [{"type": "function_call", "call_id": c, "name": "f", "arguments": "{}"} for c in calls]
            outputs = draw(st.permutations(calls))
            items += [{"type": "function_call_output", "call_id": c, "output": "x " * 50} for c in outputs]
        items.append(said("assistant", f"answers {turn} " * 20))
    return [*items, said("user", "and now?")]


@given(contexts(), st.integers(0, 12), st.booleans())
def test_nothing_is_torn_apart_and_what_is_asked_stays(items: list[Json], own: int, halve: bool) -> None:
    places = [None if index < len(items) - own else index for index in range(len(items))]
    kept = shortened(items, places, too_long(), weights=weights(items), halve=halve)
    if kept is None:
        return
    left = [items[index] for index in kept]
    assert kept == sorted(set(kept))
    assert len(left) < len(items)
    assert left[-1] == items[-1]
    calls = [item["call_id"] for item in left if item["type"] == "function_call"]
    outputs = [item["call_id"] for item in left if item["type"] == "function_call_output"]
    assert sorted(calls) == sorted(outputs)
    instructions = [item for item in items if item.get("role") == "developer"]
    assert [item for item in left if item.get("role") == "developer"] == instructions
    for index in kept:  # reasoning stays with what it led to
        if items[index]["type"] == "reasoning":
            assert index + 1 in kept


@given(contexts())
def test_units_hold_every_item_once(items: list[Json]) -> None:
    assert sorted(index for unit in units(items) for index in unit) == list(range(len(items)))


@given(contexts(), st.data())
def test_pruning_separates_no_call_from_its_output(items: list[Json], data: st.DataObject) -> None:
    """Compactions are made between turns; nothing before the newest that stands for all is left."""
    ends = [index for index, item in enumerate(items) if item.get("role") == "user"]
    at = data.draw(st.sampled_from(ends))
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}
    left = pruned([*items[:at], item, *items[at:]], {"cmp_1": {"summary": "s", "whole": True}})
    assert left == [item, *items[at:]]
    calls = {each["call_id"] for each in left if each["type"] == "function_call"}
    assert all(each["call_id"] in calls for each in left if each["type"] == "function_call_output")
    beside = {"cmp_1": {"summary": "s", "whole": False}}
    assert len(pruned([*items[:at], item, *items[at:]], beside)) == len(items) + 1


@pytest.mark.parametrize(
    ("message", "share"),
    [
        ("prompt is too long: 208310 tokens > 200000 maximum", 0.864),
        ("This model's maximum context length is 128000 tokens. However, you sent 160,000.", 0.72),
        ("The input token count (2000000) exceeds the maximum number of tokens allowed (1000000).", 0.45),
        ("Too long.", 0.5),
        ("Request 2026 is too long", 0.5),
    ],
)
def test_the_figures_of_a_complaint_say_how_much_goes(message: str, share: float) -> None:
    items = [said("user", f"{n:04} " * 40) for n in range(200)]
    kept = shortened(items, [None] * 200, too_long(message), weights=weights(items), halve=False)
    assert kept is not None
    assert abs(len(kept) / 200 - share) < 0.02
    assert kept[-1] == 199


def asks(play: Play, answers: list[list[Any]]) -> tuple[Any, Played]:
    maker = Played(answers)
    return play(maker), maker


@pytest.mark.anyio
async def test_a_context_that_is_too_long_is_asked_again_without_its_beginning(play: Play) -> None:
    services, maker = asks(play, [[Failed(too_long())], [Failed(too_long())], HELLO])
    items = [said("developer", "Rhyme."), *(said("user", f"{n} and so on" * 9) for n in range(40))]
    run = await create_response(
        {"model": "m", "input": items, "truncation": "auto"}, principal=ME, using=services
    )
    response = await run.response()
    assert response["status"] == "completed"
    assert services.noted == [("played/m", None)]
    shown = [len(turn.items) for turn in maker.turns]
    assert shown[0] == 41
    assert 15 < shown[1] < 25
    assert 6 < shown[2] < 14
    assert maker.turns[2].items[0]["content"][0]["text"] == "Rhyme."
    assert maker.turns[2].items[-1]["content"] == maker.turns[0].items[-1]["content"]
    stored = await services.responses.get(ME.tenant, response["id"])
    assert len(stored.input) == 41


@pytest.mark.anyio
@pytest.mark.parametrize(("truncation", "tries"), [("auto", MOST_TRIES + 1), ("disabled", 1), (None, 1)])
async def test_it_is_a_fault_of_the_request_where_nothing_helps(
    play: Play, truncation: str | None, tries: int
) -> None:
    services, maker = asks(play, [[Failed(too_long())] for _ in range(MOST_TRIES + 2)])
    items = [said("user", f"{n} " * 9) for n in range(500)]
    run = await create_response(
        {"model": "m", "input": items, "truncation": truncation}, principal=ME, using=services
    )
    with pytest.raises(InvalidRequestError) as refused:
        await run.response()
    assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")
    assert len(maker.turns) == tries
