"""A run that goes on with a response where another one was interrupted."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.create import check_request
from lambda_responses.lifecycle.run import ResponseRun
from lambda_responses.lifecycle.waiting import Interrupted, StopRequested
from lambda_responses.providers.base import UpstreamCutShort, UpstreamRefused
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import (
    BlockEnded,
    Envelope,
    ItemOpened,
    Opaque,
    Reasoning,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.wire.errors import OverloadedError
from lambda_responses.wire.usage import usage
from tests.interrupted import content, drained, made, queued, standing
from tests.kit import check, counted, names
from tests.played import ME, Played

if TYPE_CHECKING:
    from lambda_responses.wire.errors import APIError
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

STEPS: list[list[Any]] = [
    [
        Envelope({"model": "m-1"}),
        Reasoning(0, "hm", summary=True),
        Opaque(0, {"signature": "s"}),
        Text(1, "One. "),
        Text(1, "Still one."),
        Usage(usage(3, 2)),
        Stopped("pause"),
    ],
    [
        ItemOpened(0, {"type": "web_search_call", "status": "in_progress"}),
        BlockEnded(0, {"type": "web_search_call", "status": "completed", "action": {"type": "search"}}),
        Text(1, "Two."),
        Usage(usage(5, 1)),
        Stopped("pause"),
    ],
    [
        Text(0, "Three."),
        ToolCall(1, "call_a", "look"),
        ToolArguments(1, '{"at":'),
        ToolArguments(1, "1}"),
        Usage(usage(7, 4)),
        Stopped("tool_calls"),
    ],
]
OVERLOADED = UpstreamRefused(UpstreamFailure(529, {}, ""))


async def test_the_first_events_do_not_wait_for_the_upstream(play: Play) -> None:
    provider = Played([[asyncio.Event()]])
    using = play(provider)
    events = (await queued(using)).run(using).events()
    assert names(await anext(events)) == ["created", "queued", "in_progress"]
    assert provider.turns == []
    await events.aclose()


async def test_whatever_was_told_by_a_save_had_been_kept_before(play: Play) -> None:
    kept = await made(play(Played(deepcopy(STEPS))))
    check(kept.events)
    assert kept.ended is not None
    assert kept.ended.response == kept.events[-1]["response"]
    assert [at.progress["told"] + 1 for _, at in kept.saves if at.progress] == [n for n, _ in kept.saves]
    assert [at.response["status"] for _, at in kept.saves] == ["in_progress"] * 2
    assert [len(at.response["output"]) for _, at in kept.saves] == [2, 4]
    assert kept.saves[-1][1].progress["usage"]["total_tokens"] == 11  # type: ignore[index]


@pytest.mark.parametrize("dies_at", range(40))
async def test_a_run_that_dies_anywhere_and_is_taken_up_comes_to_the_same(play: Play, dies_at: int) -> None:
    whole = await made(play(Played(deepcopy(STEPS))))
    kept = await queued(play(Played([])))
    kept.dies_at = dies_at
    taken = 0
    while kept.ended is None:
        steps = kept.at.progress["steps"] if kept.at.progress else 0
        provider = Played(deepcopy(STEPS[steps:]))
        using = play(provider)
        using.entropy = counted(1 + 1_000 * taken)
        try:
            await drained(kept.run(using))
        except Interrupted:
            assert kept.ended is None
        for turn in provider.turns:
            assert "incomplete" not in [item.get("status") for item in turn.items]
        kept.dies_at, taken = None, taken + 1
    check(kept.events)
    assert whole.ended is not None
    assert kept.ended.response == kept.events[-1]["response"]
    assert content(standing(kept.ended)) == content(whole.ended.response["output"])
    bare = {**whole.ended.response, "output": [], "id": ""}
    assert {**kept.ended.response, "output": [], "id": ""} == bare
    halves = [item for item in kept.ended.response["output"] if item not in standing(kept.ended)]
    assert {item.get("status") for item in halves} <= {"incomplete"}
    signed = [origin["signature"] for origin in kept.ended.origins.values() if "signature" in origin]
    assert signed == ["s"]


@pytest.mark.parametrize("dies_at", [3, 15, 22, 30])
async def test_what_nobody_was_told_of_is_made_from_the_last_save_without_a_trace(
    play: Play, dies_at: int
) -> None:
    whole = await made(play(Played(deepcopy(STEPS))))
    kept = await queued(play(Played([])))
    kept.dies_at = dies_at
    with pytest.raises(Interrupted):
        await drained(kept.run(play(Played(deepcopy(STEPS)))))
    steps = kept.at.progress["steps"] if kept.at.progress else 0
    kept.dies_at = None
    await drained(kept.run(play(Played(deepcopy(STEPS[steps:]))), streamed=False))
    assert kept.ended is not None
    assert whole.ended is not None
    assert content(kept.ended.response["output"]) == content(whole.ended.response["output"])


async def test_a_fault_is_told_as_an_event_from_the_first_moment(play: Play) -> None:
    kept = await made(play(Played([[OVERLOADED]])))
    check(kept.events)
    assert [event["type"] for event in kept.events[-2:]] == ["error", "response.failed"]
    assert kept.ended is not None
    assert kept.ended.response["error"]["code"] == "server_is_overloaded"


class Patient:
    """An `Endurance` that waits so many times, and says when it wants to leave."""

    def __init__(self, times: int = 0, *, leaves_before: int = 99, words: str | None = None) -> None:
        self.times = times
        self.leaves_before = leaves_before
        self.words = words
        self.heard: list[tuple[str, int]] = []

    async def before_step(self, taken: int) -> None:
        if taken >= self.leaves_before:
            raise Interrupted

    async def spared(self, fault: APIError, tries: int) -> bool:
        self.heard.append((type(fault).__name__, tries))
        return tries <= self.times

    def out_of_time(self, taken: int) -> str | None:
        if self.words is None:
            raise Interrupted
        return self.words


async def test_a_provider_without_room_is_asked_again_for_as_long_as_that_is_borne(play: Play) -> None:
    said = [Envelope({"model": "other"}), OverloadedError("no room")]
    first = Played([[OVERLOADED], said, STEPS[2]], name="first")
    second = Played([[OVERLOADED], [OVERLOADED]], name="second")
    patient = Patient(2)
    kept = await made(play(first, second), endurance=patient)
    assert kept.ended is not None
    assert (kept.ended.response["status"], kept.ended.target) == ("completed", "first/m")
    assert patient.heard == [("OverloadedError", 1), ("OverloadedError", 2)]
    assert kept.ended.response["model"] == "m"


async def test_who_has_begun_to_speak_is_not_asked_again(play: Play) -> None:
    patient = Patient(9)
    kept = await made(play(Played([[Text(0, "Hel"), UpstreamCutShort("gone")]])), endurance=patient)
    assert kept.ended is not None
    assert (kept.ended.response["status"], patient.heard) == ("failed", [])


async def test_a_run_leaves_between_two_steps_and_goes_on_with_who_answered(play: Play) -> None:
    first = Played([[OVERLOADED]], name="first")
    using = play(first, Played([STEPS[0]], name="second"))
    kept = await queued(using)
    with pytest.raises(Interrupted):
        await drained(kept.run(using, endurance=Patient(leaves_before=1)))
    assert kept.at.progress is not None
    assert (kept.at.progress["target"], len(kept.saves)) == ("second/m", 1)
    using = play(Played([], name="first"), Played([STEPS[2]], name="second"))
    await drained(kept.run(using))
    check(kept.events)
    assert kept.ended is not None
    assert kept.ended.target == "second/m"


class Within:
    """A deadline that is always near."""

    def remaining(self) -> float:
        return 0.02


async def test_a_step_that_time_ran_out_on_is_left_or_fails_as_its_maker_says(play: Play) -> None:
    slow = [Text(0, "Hel"), asyncio.Event()]
    using = play(Played([slow]))
    kept = await queued(using)
    with pytest.raises(Interrupted):
        await drained(kept.run(using, endurance=Patient(), deadline=Within()))
    assert kept.ended is None
    using = play(Played([slow]))
    await drained(kept.run(using, endurance=Patient(words="Too slow."), deadline=Within()))
    check(kept.events)
    assert kept.ended is not None
    assert kept.ended.response["error"]["message"] == "Too slow."


async def test_who_is_to_stop_leaves_without_a_word(play: Play) -> None:
    class Wanted:
        async def requested(self) -> None:
            await asyncio.sleep(0)

    provider = Played([[asyncio.Event()]])
    using = play(provider)
    kept = await queued(using)
    with pytest.raises(StopRequested):
        await drained(kept.run(using, cancellation=Wanted()))
    assert (kept.ended, provider.open_answers, using.reported) == (None, 0, [])


async def test_what_the_store_has_to_say_is_for_whoever_runs_it(play: Play) -> None:
    using = play(Played(deepcopy(STEPS)))
    kept = await queued(using)

    async def fail(*_: Any) -> None:
        raise StoreUnavailable("gone")

    for name in ("save", "commit"):
        using = play(Played(deepcopy(STEPS if name == "save" else STEPS[2:])))
        kept = await queued(using)
        setattr(kept, name, fail)
        with pytest.raises(StoreUnavailable):
            await drained(kept.run(using))
        assert (kept.ended, using.reported) == (None, [])


async def test_a_background_response_may_take_more_steps_than_one_that_is_waited_for(play: Play) -> None:
    using = play(Played([STEPS[0]] * 4 + [STEPS[2]]))
    kept = await made(using)
    assert using.max_steps < 5
    assert kept.ended is not None
    assert kept.ended.response["status"] == "completed"
    using = play(Played([STEPS[0]] * 5))
    using.max_background_steps = 4
    kept = await made(using)
    assert kept.ended is not None
    assert kept.ended.response["status"] == "incomplete"


async def test_the_turn_after_it_does_not_see_what_was_cut(play: Play) -> None:
    using = play(Played([[Text(0, "Hel"), asyncio.Event()]]))
    kept = await queued(using)
    with pytest.raises(Interrupted):
        await drained(kept.run(using, endurance=Patient(), deadline=Within()))
    await drained(kept.run(play(Played([[Text(0, "Hello."), Stopped("end")]]))))
    assert kept.ended is not None
    assert [item["status"] for item in kept.ended.response["output"]] == ["incomplete", "completed"]
    provider = Played([[Text(0, "Yes?"), Stopped("end")]])
    using = play(provider)
    reservation = await using.responses.reserve(ME.tenant, None, epoch=7, entropy=using.entropy)
    stored = deepcopy(kept.ended)
    stored.response["id"] = reservation.response_id
    await using.responses.commit(reservation, stored)
    body = {"model": "m", "input": "And?", "previous_response_id": reservation.response_id}
    asked = await check_request(body, principal=ME, using=using)
    run = ResponseRun(asked.request, asked.targets, ME.tenant, asked.known, using, RunBounds())
    await run.response()
    said = [item["content"][0]["text"] for item in provider.turns[0].items]
    assert said == ["hi", "Hello.", "And?"]


@pytest.mark.parametrize("dies_at", range(18))
async def test_a_compaction_is_told_once_and_stands_for_all_before_it_however_often_it_is_made(
    play: Play, dies_at: int
) -> None:
    summary = [Text(0, "They said hi."), Usage(usage(9, 3)), Stopped("end")]
    answer = [Text(0, "Hello."), Usage(usage(2, 1)), Stopped("end")]
    managed = {"context_management": [{"type": "compaction", "compact_threshold": 1000}]}
    kept = await queued(play(Played([])), input="hi " * 2_000, **managed)
    kept.dies_at, taken = dies_at, 0
    while kept.ended is None:
        steps = [summary, answer][kept.at.progress["steps"] if kept.at.progress else 0 :]
        provider = Played(deepcopy(steps))
        using = play(provider)
        using.entropy = counted(1 + 1_000 * taken)
        try:
            await drained(kept.run(using))
        except Interrupted:
            kept.dies_at = None
        taken += 1
    check(kept.events)
    said = standing(kept.ended)
    assert [item["type"] for item in said] == ["compaction", "message"]
    assert kept.ended.origins[said[0]["id"]]["whole"] is True
    assert kept.ended.response["usage"]["total_tokens"] == 15
    assert "They said hi." in str(provider.turns[-1].items)
