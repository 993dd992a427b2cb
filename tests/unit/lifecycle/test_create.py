"""The run of a response, against a provider that plays what it is told and a real store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.checked import CheckedEvents
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.delete import delete_response
from lambda_responses.lifecycle.ports import Unkept
from lambda_responses.lifecycle.retrieve import get_response, replay_response
from lambda_responses.providers.base import (
    UpstreamCutShort,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreachable,
)
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.stream.deltas import (
    Envelope,
    Failed,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.stream.grammar import OutOfOrder
from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.wire.errors import APIError, InvalidRequestError, NotFoundError, OverloadedError
from lambda_responses.wire.ids import thread_of
from lambda_responses.wire.usage import usage
from tests.kit import check
from tests.played import ME, YOU, Identity, Played, PlayedServices

if TYPE_CHECKING:
    from lambda_responses.lifecycle.run import ResponseRun
    from tests.played import Play

pytestmark = pytest.mark.anyio

HELLO: list[Any] = [Text(0, "Hel"), Text(0, "lo"), Usage(usage(3, 2)), Stopped("end")]
OVERLOADED = UpstreamRefused(UpstreamFailure(529, {}, ""))


async def begun(services: PlayedServices, *, bounds: RunBounds | None = None, **body: Any) -> ResponseRun:
    return await create_response(
        {"model": "m", "input": "hi", **body}, principal=ME, using=services, bounds=bounds
    )


async def streamed(services: PlayedServices, **body: Any) -> list[dict[str, Any]]:
    run = await begun(services, stream=True, **body)
    events = [event async for batch in run.events() for event in batch]
    check(events)
    return events


async def plain(services: PlayedServices, **body: Any) -> dict[str, Any]:
    return await (await begun(services, **body)).response()


async def stored(services: PlayedServices, response_id: str) -> dict[str, Any]:
    return await get_response(response_id, principal=ME, using=services)


async def test_the_plain_answer_is_the_stream_drained(play: Play) -> None:
    services = play(Played([HELLO, HELLO]))
    whole = await plain(services)
    last = (await streamed(services))[-1]["response"]
    ids = {"id", "output"}
    assert {k: v for k, v in whole.items() if k not in ids} == {k: v for k, v in last.items() if k not in ids}
    assert whole["output"][0]["content"] == last["output"][0]["content"]
    assert whole["status"] == "completed"


async def test_whoever_hears_of_the_end_finds_the_record(play: Play) -> None:
    services = play(Played([HELLO]))
    run = await begun(services, stream=True)
    async for batch in run.events():
        for event in batch:
            if event["type"] == "response.completed":
                assert await stored(services, run.id) == event["response"]
                return
    pytest.fail("the stream did not complete")


async def test_a_running_response_is_not_found(play: Play) -> None:
    services = play(Played([HELLO]))
    run = await begun(services, stream=True)
    events = run.events()
    await anext(events)
    with pytest.raises(NotFoundError):
        await stored(services, run.id)
    await events.aclose()


async def test_a_fault_before_the_first_word_is_a_real_status_and_leaves_nothing(play: Play) -> None:
    services = play(Played([[OVERLOADED]]))
    run = await begun(services, stream=True)
    with pytest.raises(OverloadedError):
        await anext(run.events())
    with pytest.raises(NotFoundError):
        await stored(services, run.id)


async def test_an_answer_without_a_word_is_a_real_status_and_another_target_may_do_better(play: Play) -> None:
    services = play(Played([[]]))
    run = await begun(services, stream=True)
    with pytest.raises(APIError) as caught:
        await anext(run.events())
    assert caught.value.status == 500
    services = play(Played([[]], name="first"), Played([HELLO], name="second"))
    assert (await streamed(services))[-1]["type"] == "response.completed"


async def test_a_vendors_own_code_stays_out_of_the_response(play: Play) -> None:
    fault = InvalidRequestError("no", code="tool_use_failed")
    services = play(Played([[Text(0, "Hel"), Failed(fault)]]))
    events = await streamed(services)
    assert events[-2]["error"]["code"] == "tool_use_failed"
    assert events[-1]["response"]["error"]["code"] == "invalid_prompt"


async def test_a_fault_told_in_the_first_chunk_is_a_real_status(play: Play) -> None:
    services = play(Played([[Failed(OverloadedError("busy"))]]))
    run = await begun(services, stream=True)
    with pytest.raises(OverloadedError):
        await anext(run.events())


async def test_a_silent_upstream_gets_its_created_event_first(play: Play) -> None:
    speak = asyncio.Event()
    services = play(Played([[speak, OVERLOADED]]), first_event_wait=0.001)
    run = await begun(services, stream=True)
    events = run.events()
    first = await anext(events)
    assert [event["type"] for event in first] == ["response.created", "response.in_progress"]
    speak.set()
    rest = [event async for batch in events for event in batch]
    check([*first, *rest])
    assert [event["type"] for event in rest] == ["error", "response.failed"]
    assert (await stored(services, run.id))["status"] == "failed"


@pytest.mark.parametrize("fault", [UpstreamCutShort("gone"), Failed(OverloadedError("busy"))])
async def test_a_fault_in_mid_stream_is_told_and_kept(play: Play, fault: Any) -> None:
    services = play(Played([[Text(0, "Hel"), fault]]))
    events = await streamed(services)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    kept = await stored(services, events[-1]["response"]["id"])
    assert kept == events[-1]["response"]
    assert kept["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize("step", [[Text(0, "Hel"), UpstreamCutShort("gone")], [Text(0, "Hel")]])
async def test_a_plain_answer_that_was_cut_is_an_error_and_not_half_an_answer(
    play: Play, step: list[Any]
) -> None:
    services = play(Played([step]))
    run = await begun(services)
    with pytest.raises(APIError) as caught:
        await run.response()
    assert (caught.value.status, caught.value.code) == (500, "server_error")
    with pytest.raises(NotFoundError):
        await stored(services, run.id)


async def test_another_target_answers_when_the_first_cannot(play: Play) -> None:
    services = play(Played([[OVERLOADED]], name="first"), Played([HELLO], name="second"))
    run = await begun(services, stream=True)
    events = [event async for batch in run.events() for event in batch]
    check(events)
    assert (run.target, events[-1]["type"]) == ("second/m", "response.completed")


async def test_how_targets_did_is_told_where_targets_are_chosen(play: Play) -> None:
    services = play(Played([[OVERLOADED]], name="a"), Played([HELLO], name="b"))
    await plain(services)
    assert services.noted == [("a/m", 503), ("b/m", None)]
    refusing = play(Played([[Failed(InvalidRequestError("No."))]], name="a"))
    with pytest.raises(InvalidRequestError):
        await plain(refusing)
    assert refusing.noted == []


async def test_no_other_target_answers_once_the_first_has_spoken(play: Play) -> None:
    second = Played([HELLO], name="second")
    services = play(Played([[Text(0, "Hel"), UpstreamCutShort("gone")]]), second)
    events = await streamed(services)
    assert events[-1]["type"] == "response.failed"
    assert second.turns == []


async def test_no_other_target_is_asked_where_the_request_is_at_fault(play: Play) -> None:
    second = Played([HELLO], name="second")
    fault = Failed(InvalidRequestError("no", param="tools"))
    services = play(Played([[fault]]), second)
    with pytest.raises(InvalidRequestError):
        await plain(services)
    assert second.turns == []


async def test_a_pause_is_followed_by_a_step_that_shows_what_was_said(play: Play) -> None:
    provider = Played([[Text(0, "One"), Usage(usage(1, 1)), Stopped("pause")], HELLO])
    events = await streamed(play(provider))
    response = events[-1]["response"]
    assert [item["content"][0]["text"] for item in response["output"]] == ["One", "Hello"]
    assert [item["role"] for item in provider.turns[1].items] == ["user", "assistant"]
    assert response["usage"]["total_tokens"] == 7


async def test_pauses_end_at_the_bound(play: Play) -> None:
    provider = Played([[Text(0, "on"), Stopped("pause")]] * 5)
    events = await streamed(play(provider))
    assert (len(provider.turns), events[-1]["type"]) == (3, "response.incomplete")


async def test_an_unstored_response_leaves_nothing(play: Play) -> None:
    services = play(Played([HELLO]))
    response = await plain(services, store=False)
    with pytest.raises(NotFoundError):
        await stored(services, response["id"])
    with pytest.raises(InvalidRequestError) as caught:
        await plain(services, previous_response_id=response["id"])
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_a_chain_shows_the_model_all_turns_and_no_earlier_instructions(play: Play) -> None:
    provider = Played([HELLO, HELLO])
    services = play(provider)
    first = await plain(services, instructions="Be brief.")
    second = await plain(services, input="again", previous_response_id=first["id"])
    turn = provider.turns[1]
    said = [(item["role"], item["content"][0]["text"]) for item in turn.items]
    assert said == [("user", "hi"), ("assistant", "Hello"), ("user", "again")]
    assert "instructions" not in turn.request
    assert second["previous_response_id"] == first["id"]
    assert thread_of(second["id"]) == thread_of(first["id"])


async def test_an_item_can_be_named_wherever_it_was_kept(play: Play) -> None:
    provider = Played([HELLO] * 3)
    services = play(provider)
    first = await plain(services)
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    await plain(services, input=[reference, {"role": "user", "content": "more"}])
    assert [item["content"][0]["text"] for item in provider.turns[-1].items] == ["Hello", "more"]
    chained = [reference, {"role": "user", "content": "again"}]
    await plain(services, input=chained, previous_response_id=first["id"])
    said = [item["content"][0]["text"] for item in provider.turns[-1].items]
    assert said == ["hi", "Hello", "again"]


@pytest.mark.parametrize("who", ["a stranger", "nobody any more", "an unknown response"])
async def test_an_item_that_is_not_there_is_not_found(play: Play, who: str) -> None:
    provider = Played([HELLO])
    services = play(provider)
    first = await plain(services)
    item_id: str = first["output"][0]["id"]
    if who == "nobody any more":
        await delete_response(first["id"], principal=ME, using=services)
    if who == "an unknown response":
        item_id = item_id[:-9] + "0" + item_id[-8:]
    body = {"model": "m", "input": [{"type": "item_reference", "id": item_id}]}
    with pytest.raises(NotFoundError) as caught:
        await create_response(body, principal=YOU if who == "a stranger" else ME, using=services)
    assert caught.value.param == "input"
    assert len(provider.turns) == 1


async def test_two_answers_to_one_response_never_mix(play: Play) -> None:
    provider = Played([HELLO] * 4)
    services = play(provider)
    root = await plain(services)
    one, other = await asyncio.gather(
        *(plain(services, input=text, previous_response_id=root["id"]) for text in ("one", "other"))
    )
    await plain(services, input="after one", previous_response_id=one["id"])
    said = [item["content"][0]["text"] for item in provider.turns[-1].items]
    assert said == ["hi", "Hello", "one", "Hello", "after one"]
    assert thread_of(one["id"]) != thread_of(other["id"])


async def test_a_turn_that_came_to_nothing_gives_its_place_back(play: Play) -> None:
    services = play(Played([HELLO, [OVERLOADED], HELLO]))
    root = await plain(services)
    with pytest.raises(OverloadedError):
        await plain(services, previous_response_id=root["id"])
    second = await plain(services, previous_response_id=root["id"])
    assert thread_of(second["id"]) == thread_of(root["id"])


async def test_a_reader_who_leaves_closes_the_upstream_and_keeps_nothing(play: Play) -> None:
    provider = Played([[Text(0, "Hel"), asyncio.Event()]])
    services = play(provider)
    run = await begun(services, stream=True)
    events = run.events()
    await anext(events)
    assert provider.open_answers == 1
    await events.aclose()
    assert provider.open_answers == 0
    with pytest.raises(NotFoundError):
        await stored(services, run.id)


async def test_a_response_that_cannot_be_kept_is_not_called_completed(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = play(Played([HELLO, HELLO]))

    async def unavailable(*_: Any) -> None:
        raise StoreUnavailable("no disk")

    monkeypatch.setattr(services.responses, "commit", unavailable)
    events = await streamed(services)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert events[-1]["response"]["completed_at"] is None
    with pytest.raises(APIError) as caught:
        await plain(services)
    assert caught.value.status == 500


async def test_the_debug_switch_reports_the_first_event_out_of_order_once(play: Play) -> None:
    services = play(Played([HELLO]))
    checked = CheckedEvents(services.report, onward=Unkept())
    run = await begun(services, stream=True, bounds=RunBounds(sink=checked))
    events = [event async for batch in run.events() for event in batch]
    assert services.reported == []
    await checked.keep(events)
    await checked.keep(events)
    assert [type(error) for error in services.reported] == [OutOfOrder]


async def test_every_batch_is_kept_before_it_leaves(play: Play) -> None:
    kept: list[int] = []

    class Log:
        async def keep(self, events: Any, origins: Any = None) -> None:
            kept.extend(event["sequence_number"] for event in events)

    services = play(Played([HELLO]))
    run = await begun(services, stream=True, bounds=RunBounds(sink=Log()))
    async for batch in run.events():
        assert kept[-len(batch) :] == [event["sequence_number"] for event in batch]
    assert kept == list(range(len(kept)))


class Reached:
    """A deadline that passes, or a wish to stop that comes, once the test says so."""

    def __init__(self) -> None:
        self.now = asyncio.Event()

    def remaining(self) -> float:
        return 0.01

    async def requested(self) -> None:
        await self.now.wait()


@pytest.mark.parametrize("bound", ["deadline", "cancellation"])
async def test_a_bound_ends_the_response_in_good_order_however_silent_the_model(
    play: Play, bound: str
) -> None:
    reached, provider = Reached(), Played([[Text(0, "Hel"), asyncio.Event()]])
    services = play(provider)
    run = await begun(services, stream=True, bounds=RunBounds(**{bound: reached}))
    events: list[Any] = []
    async for batch in run.events():
        events += batch
        reached.now.set()
    check(events)
    assert events[-1]["type"] == "response.failed"
    assert (await stored(services, run.id))["status"] == "failed"
    assert provider.open_answers == 0
    assert services.reported == []


async def test_what_was_said_in_time_can_be_gone_on_from(play: Play) -> None:
    cut = [Text(0, "Let me look."), ToolCall(1, "call_1", "look"), ToolArguments(1, '{"a'), asyncio.Event()]
    provider = Played([cut, HELLO])
    services = play(provider)
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    run = await begun(services, stream=True, tools=tools, bounds=RunBounds(deadline=Reached()))
    events = [event async for batch in run.events() for event in batch]
    check(events)
    failed = events[-1]["response"]
    assert failed["error"]["message"].endswith(f"'previous_response_id': '{run.id}'.")
    assert [item["status"] for item in failed["output"]] == ["completed", "incomplete"]
    await plain(services, input="Go on.", previous_response_id=run.id)
    assert [item["type"] for item in provider.turns[1].items] == ["message"] * 3


async def test_a_plain_answer_that_takes_too_long_is_not_asked_for_again(play: Play) -> None:
    run = await begun(play(Played([[asyncio.Event()]])), bounds=RunBounds(deadline=Reached()))
    with pytest.raises(APIError) as caught:
        await run.response()
    assert caught.value.headers == {"x-should-retry": "false"}
    assert "previous_response_id" not in caught.value.message


async def test_a_reader_who_leaves_a_silent_upstream_closes_it(play: Play) -> None:
    provider = Played([[asyncio.Event()]])
    services = play(provider, first_event_wait=0.001)
    run = await begun(services, stream=True)
    events = run.events()
    await anext(events)
    await events.aclose()
    assert provider.open_answers == 0
    assert services.reported == []
    with pytest.raises(NotFoundError):
        await stored(services, run.id)


async def test_what_follows_the_end_of_an_answer_does_not_count(play: Play) -> None:
    services = play(Played([[*HELLO, UpstreamCutShort("gone")]]))
    assert (await plain(services))["status"] == "completed"


async def test_a_target_whose_format_cannot_carry_the_request_is_passed_over(play: Play) -> None:
    mute = Played([], name="mute", profile="unspeakable")
    services = play(Played([[OVERLOADED]], name="first"), mute, Played([HELLO], name="third"))
    run = await begun(services)
    assert (await run.response())["status"] == "completed"
    assert run.target == "third/m"


async def test_where_no_other_format_can_carry_it_the_first_fault_is_told(play: Play) -> None:
    mute = Played([], name="mute", profile="unspeakable")
    with pytest.raises(OverloadedError):
        await plain(play(Played([[OVERLOADED]], name="first"), mute))
    with pytest.raises(InvalidRequestError) as caught:
        await plain(play(mute))
    assert caught.value.param == "input"


async def test_what_a_failed_target_said_of_itself_is_forgotten(play: Play) -> None:
    said = [Envelope({"model": "other", "service_tier": "flex", "extra": 1}), UpstreamCutShort("gone")]
    services = play(Played([said], name="first"), Played([HELLO], name="second"))
    response = (await streamed(services))[-1]["response"]
    assert (response["model"], response["service_tier"], "extra" in response) == ("m", "default", False)


async def test_a_decoder_that_does_not_cope_is_a_bad_gateway_and_is_reported(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def feed(self: Identity, chunk: Any) -> Any:
        raise KeyError("what a model said")

    monkeypatch.setattr(Identity, "feed", feed)
    services = play(Played([HELLO]))
    with pytest.raises(APIError) as caught:
        await plain(services)
    assert (caught.value.status, len(services.reported)) == (502, 1)


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), StoreUnavailable("gone")])
async def test_any_fault_of_the_commit_ends_the_stream_in_good_order(
    play: Play, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    services = play(Played([HELLO]))

    async def broken(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(services.responses, "commit", broken)
    assert (await streamed(services))[-1]["type"] == "response.failed"
    assert services.reported == [fault]


@pytest.mark.parametrize("fails_at", [1, 2])
async def test_events_that_cannot_be_kept_do_not_leave(play: Play, fails_at: int) -> None:
    class Full:
        batches = 0

        async def keep(self, events: Any, origins: Any = None) -> None:
            self.batches += 1
            if self.batches == fails_at:
                raise OSError("full")

    services = play(Played([HELLO]))
    run = await begun(services, stream=True, bounds=RunBounds(sink=Full()))
    events = [event async for batch in run.events() for event in batch]
    check(events)
    assert events[-1]["type"] == "response.failed"


async def test_a_previous_response_deleted_meanwhile_is_a_fault_of_the_request(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = play(Played([HELLO, HELLO]))
    first = await plain(services)
    run = await begun(services, previous_response_id=first["id"])
    await delete_response(first["id"], principal=ME, using=services)
    with pytest.raises(InvalidRequestError) as caught:
        await run.response()
    assert caught.value.code == "previous_response_not_found"


async def test_a_run_cancelled_while_it_takes_its_place_gives_it_back(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = play(Played([HELLO, HELLO]))
    first = await plain(services)
    reserve, reserving, go_on = services.responses.reserve, asyncio.Event(), asyncio.Event()

    async def slowly(*args: Any, **options: Any) -> Any:
        reserving.set()
        await go_on.wait()
        return await reserve(*args, **options)

    monkeypatch.setattr(services.responses, "reserve", slowly)
    run = await begun(services, previous_response_id=first["id"])
    running = asyncio.ensure_future(run.response())
    await reserving.wait()
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    monkeypatch.undo()
    second = await plain(services, previous_response_id=first["id"])
    assert thread_of(second["id"]) == thread_of(first["id"])


async def test_a_strangers_response_does_not_exist(play: Play) -> None:
    services = play(Played([HELLO]))
    response = await plain(services)
    unknown = "resp_" + "0" * 48
    told: list[str] = []
    for response_id in (response["id"], unknown):
        for operation in (get_response, replay_response, delete_response):
            with pytest.raises(NotFoundError) as caught:
                await operation(response_id, principal=YOU, using=services)
            told.append(str(caught.value.body()).replace(response_id, ""))
    assert len(set(told)) == 1
    with pytest.raises(InvalidRequestError) as refused:
        await create_response(
            {"model": "m", "input": "hi", "previous_response_id": response["id"]},
            principal=YOU,
            using=services,
        )
    assert refused.value.code == "previous_response_not_found"


async def test_a_finished_stream_can_be_told_again_from_any_point(play: Play) -> None:
    step = [Text(0, "Hello"), ToolCall(1, "call_1", "f"), Stopped("tool_calls")]
    services = play(Played([step]))
    response = await plain(services)
    events = (await replay_response(response["id"], principal=ME, using=services)).events
    check(events)
    assert events[-1]["response"] == response
    for after in range(-1, len(events) + 1):
        again = await replay_response(response["id"], starting_after=after, principal=ME, using=services)
        assert again.events == events[max(after + 1, 0) :]


async def test_a_call_without_its_output_is_refused_before_a_model_is_asked(play: Play) -> None:
    provider = Played([[ToolCall(0, "call_1", "f"), Stopped("tool_calls")]])
    services = play(provider)
    first = await plain(services)
    with pytest.raises(InvalidRequestError) as caught:
        await plain(services, input="well?", previous_response_id=first["id"])
    assert (caught.value.param, len(provider.turns)) == ("input", 1)


async def test_an_upstream_out_of_reach_is_a_bad_gateway(play: Play) -> None:
    services = play(Played([[UpstreamUnreachable("no route")]]))
    with pytest.raises(APIError) as caught:
        await plain(services)
    assert caught.value.status == 502


async def test_a_fault_of_ours_ends_the_stream_in_good_order_and_is_reported(play: Play) -> None:
    services = play(Played([[Text(0, "Hel"), RuntimeError("a bug that quotes a secret")]]))
    events = await streamed(services)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    assert "secret" not in str(events)
    assert [type(error) for error in services.reported] == [RuntimeError]


async def test_silence_is_not_told_as_slowness_since_a_broken_connection_is_silent_too(play: Play) -> None:
    services = play(Played([[UpstreamSilent("ReadError before an answer")]]))
    with pytest.raises(APIError) as fault:
        await (await begun(services)).response()
    assert fault.value.status == 502
    assert fault.value.message == "The provider of played/m gave no answer."
