"""Compaction in a run: on request, at a threshold, between steps; and what later turns see of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.compact import compact_response
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.input_items import list_input_items
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.retrieve import get_response, replay_response
from lambda_responses.providers.base import UpstreamRefused
from lambda_responses.stream.deltas import (
    BlockEnded,
    Failed,
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
from lambda_responses.wire.errors import APIError, InvalidRequestError, NotFoundError, ServerError
from lambda_responses.wire.queries import ListQuery
from lambda_responses.wire.usage import usage
from tests.kit import check
from tests.played import ME, YOU, Played, PlayedServices

if TYPE_CHECKING:
    from lambda_responses.lifecycle.run import ResponseRun
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

HELLO: list[Any] = [Text(0, "Hello"), Usage(usage(3, 2)), Stopped("end")]
SUMMARY: list[Any] = [
    Reasoning(0, "what to keep?"),
    Text(1, "They like "),
    Text(1, "tea."),
    Usage(usage(50, 7)),
    Stopped("end"),
]
PAUSE: list[Any] = [Text(0, "wait"), Usage(usage(5_000, 9)), Stopped("pause")]
OVERLOADED = UpstreamRefused(UpstreamFailure(529, {}, ""))
TRIGGER = {"type": "compaction_trigger"}
SMALL = [{"type": "compaction", "compact_threshold": 1000}]
LONG = "a word and another " * 600
TALK: list[Json] = [
    {"role": "developer", "content": "Answer in rhymes."},
    {"role": "user", "content": "I like tea."},
    {"role": "assistant", "content": "Noted."},
    {"role": "user", "content": "And cake."},
]


async def begun(
    services: PlayedServices, *, bounds: RunBounds | None = None, principal: Any = ME, **body: Any
) -> ResponseRun:
    request = {"model": "m", "input": "hi", **body}
    return await create_response(request, principal=principal, using=services, bounds=bounds)


async def streamed(services: PlayedServices, **body: Any) -> list[Json]:
    run = await begun(services, stream=True, **body)
    events = [event async for batch in run.events() for event in batch]
    check(events)
    return events


async def plain(services: PlayedServices, **body: Any) -> Json:
    return await (await begun(services, **body)).response()


def texts(items: Any) -> list[str]:
    return [
        part if isinstance(part, str) else part["text"]
        for item in items
        for part in ([item["content"]] if isinstance(item.get("content"), str) else item.get("content") or ())
    ]


async def test_a_trigger_makes_one_item_and_nothing_else(play: Play) -> None:
    maker = Played([SUMMARY])
    events = await streamed(play(maker), input=[*TALK, TRIGGER])
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.compaction.compacting",
        "response.output_item.done",
        "response.completed",
    ]
    (item,) = events[-1]["response"]["output"]
    assert events[3]["item_id"] == item["id"]
    assert item.keys() == {"id", "type", "encrypted_content"}
    assert item["id"].startswith("cmp_")
    assert item["encrypted_content"].startswith("lr1.")
    assert events[-1]["response"]["usage"]["total_tokens"] == 57
    (prompt,) = texts(maker.turns[0].items)
    for said in ("Answer in rhymes.", "I like tea.", "Noted.", "And cake."):
        assert said in prompt
    assert "compaction_trigger" not in prompt


async def test_who_compacted_is_who_answered(play: Play) -> None:
    services = play(Played([[OVERLOADED]], name="first"), Played([SUMMARY], name="second"))
    run = await begun(services, input=[*TALK, TRIGGER], stream=True)
    told: set[str] = set()
    async for _ in run.events():
        told.add(run.target)
    assert told == {"second/m"}
    assert (await services.responses.get(ME.tenant, run.id)).target == "second/m"


async def test_who_compacted_on_the_way_is_not_who_answered(play: Play) -> None:
    services = play(Played([[OVERLOADED], HELLO], name="first"), Played([SUMMARY], name="second"))
    run = await begun(services, input=[*TALK, {"role": "user", "content": LONG}], context_management=SMALL)
    await run.response()
    assert run.target == "first/m"
    assert (await services.responses.get(ME.tenant, run.id)).target == "first/m"


@pytest.mark.parametrize("store", [True, False])
async def test_what_was_compacted_goes_on(play: Play, store: bool) -> None:
    maker = Played([SUMMARY, HELLO])
    services = play(maker)
    first = await plain(services, input=[*TALK, TRIGGER], store=store)
    if store:
        await plain(services, previous_response_id=first["id"], input="What do I like?")
    else:
        item = {name: value for name, value in first["output"][0].items() if name != "id"}
        await plain(services, store=False, input=[item, {"role": "user", "content": "What do I like?"}])
    shown = maker.turns[1].items
    roles = [(item["role"], text) for item in shown for text in texts([item])]
    assert roles[:2] == [("developer", "Answer in rhymes."), ("user", "I like tea.")]
    role, told = roles[2]
    assert role == "user"
    assert told.endswith("They like tea.")
    assert roles[3:] == [("user", "And cake."), ("user", "What do I like?")]


async def test_nobody_reads_the_summary_but_the_model(play: Play) -> None:
    services = play(Played([SUMMARY, HELLO]))
    first = await plain(services, input=[*TALK, TRIGGER])
    second = await plain(services, previous_response_id=first["id"], input="x")
    listed = await list_input_items(second["id"], ListQuery(), principal=ME, using=services)
    assert [item["type"] for item in listed["data"]] == ["message", "compaction"]
    told = [listed, first, second, await get_response(first["id"], principal=ME, using=services)]
    assert "They like tea" not in str(told)
    assert await get_response(first["id"], principal=ME, using=services) == first
    check((await replay_response(first["id"], principal=ME, using=services)).events)
    own = await list_input_items(first["id"], ListQuery(), principal=ME, using=services)
    assert [item["type"] for item in own["data"]] == ["message"] * 4


async def test_an_envelope_is_good_for_its_tenant_as_it_is(play: Play) -> None:
    services = play(Played([SUMMARY]))
    (item,) = (await plain(services, input=[*TALK, TRIGGER]))["output"]
    envelope = item["encrypted_content"]
    altered = envelope[:-1] + ("A" if envelope[-1] != "A" else "B")
    asked = {"role": "user", "content": "x"}
    for principal, sealed in ((YOU, envelope), (ME, altered), (ME, "gAAAAAB")):
        with pytest.raises(InvalidRequestError) as refused:
            await begun(services, principal=principal, input=[{**item, "encrypted_content": sealed}, asked])
        assert refused.value.code == "invalid_encrypted_content"
        assert refused.value.param == "input[0].encrypted_content"


async def test_a_seal_of_another_purpose_is_none_of_a_compaction(play: Play) -> None:
    services = play(Played([[Opaque(0, {"encrypted_content": "s"}), *HELLO]]))
    first = await plain(services, store=False)
    sealed = first["output"][0]["encrypted_content"]
    with pytest.raises(InvalidRequestError, match="could not be verified"):
        await begun(services, input=[{"type": "compaction", "encrypted_content": sealed}, *TALK])


async def test_past_its_threshold_a_context_is_compacted_first(play: Play) -> None:
    maker = Played([SUMMARY, HELLO])
    services = play(maker)
    events = await streamed(
        services, input=[*TALK, {"role": "user", "content": LONG}], context_management=SMALL
    )
    response = events[-1]["response"]
    assert [item["type"] for item in response["output"]] == ["compaction", "message"]
    assert response["usage"]["total_tokens"] == 62
    compacted, asked = maker.turns
    assert "context_management" not in asked.request
    assert "tools" not in compacted.request
    assert texts(asked.items)[-1] == LONG
    assert any(text.endswith("They like tea.") for text in texts(asked.items))
    assert "Noted." not in texts(asked.items)


async def test_below_its_threshold_nothing_is_compacted(play: Play) -> None:
    maker = Played([HELLO, HELLO])
    for management in (SMALL, [{"type": "compaction"}]):
        response = await plain(play(maker), input=TALK, context_management=management)
        assert [item["type"] for item in response["output"]] == ["message"]


async def test_a_context_that_grows_between_steps_is_compacted_there(play: Play) -> None:
    maker = Played([PAUSE, SUMMARY, HELLO])
    response = await plain(play(maker), input=TALK, context_management=SMALL)
    assert [item["type"] for item in response["output"]] == ["message", "compaction", "message"]
    assert "wait" in texts(maker.turns[1].items)[0]
    assert "wait" not in texts(maker.turns[2].items)
    assert response["usage"]["total_tokens"] == 5_009 + 57 + 5


async def test_a_compaction_counts_as_a_step(play: Play) -> None:
    services = play(Played([SUMMARY]))
    services.max_steps = 1
    run = await begun(services, input=LONG, context_management=SMALL)
    response = await run.response()
    assert response["status"] == "incomplete"
    assert run.bound == "max_steps"
    assert [item["type"] for item in response["output"]] == ["compaction"]


@pytest.mark.parametrize(
    "summary",
    [
        [OVERLOADED],
        [Text(0, "They "), Failed(ServerError("no"))],
        [Text(0, "They ")],
        [Text(0, "They "), Stopped("content_filter")],
        [Reasoning(0, "hm"), Stopped("end")],
    ],
    ids=["refused", "fault", "cut", "withheld", "nothing"],
)
async def test_a_compaction_that_fails_leaves_no_item(play: Play, summary: list[Any]) -> None:
    services = play(Played([summary, summary]), first_event_wait=0.0)
    with pytest.raises(APIError):
        await plain(services, input=[*TALK, TRIGGER])
    try:
        events = await streamed(services, input=[*TALK, TRIGGER])
    except APIError:
        return
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["output"] == []


async def test_another_target_sums_up_where_the_first_cannot(play: Play) -> None:
    services = play(Played([[OVERLOADED]], name="first"), Played([SUMMARY], name="second"))
    response = await plain(services, input=[*TALK, TRIGGER])
    assert response["status"] == "completed"
    assert services.failed == [("first/m", "UpstreamRefused")]


async def test_another_target_may_answer_after_a_compaction(play: Play) -> None:
    first = Played([SUMMARY, [OVERLOADED]], name="first")
    services = play(first, Played([HELLO], name="second"))
    response = await plain(services, input=LONG, context_management=SMALL)
    assert [item["type"] for item in response["output"]] == ["compaction", "message"]


async def test_whoever_wants_it_to_stop_stops_a_compaction(play: Play) -> None:
    class Stop:
        async def requested(self) -> None:
            return

    maker = Played([[asyncio.Event()]])
    with pytest.raises(ServerError, match="cancelled"):
        await (
            await begun(play(maker), input=[*TALK, TRIGGER], bounds=RunBounds(cancellation=Stop()))
        ).response()
    assert maker.open_answers == 0


async def test_a_deadline_holds_for_a_compaction(play: Play) -> None:
    class Passed(Unbounded):
        def remaining(self) -> float:
            return 0.0

    services = play(Played([[asyncio.Event()]]))
    run = await begun(services, input=[*TALK, TRIGGER], bounds=RunBounds(deadline=Passed()))
    with pytest.raises(ServerError, match="longer than this server lets"):
        await run.response()


async def test_what_was_compacted_is_not_needed_any_more(play: Play) -> None:
    """A chain whose history is gone goes on, and its later turns are read without it."""
    maker = Played([HELLO, SUMMARY, HELLO, HELLO, HELLO])
    services = play(maker)
    first = await plain(services, input=TALK)
    second = await plain(services, previous_response_id=first["id"], input=[TRIGGER])
    third = await plain(services, previous_response_id=second["id"], input="3")
    fork = await plain(services, previous_response_id=second["id"], input="fork")
    await plain(services, previous_response_id=third["id"], input="4")
    assert texts(maker.turns[-1].items)[-3:] == ["3", "Hello", "4"]
    assert "Noted." not in texts(maker.turns[-1].items)
    place = (await services.responses.context(ME.tenant, third["id"])).chain.place
    assert place.low == 1
    place = (await services.responses.context(ME.tenant, fork["id"])).chain.place
    assert [(each.low, each.high) for each in place.segments] == [(1, 1)]


async def test_a_trigger_needs_something_to_compact(play: Play) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await begun(play(Played([])), input=[TRIGGER])
    assert refused.value.code == "missing_required_parameter"


async def test_calls_and_what_came_of_them_are_told(play: Play) -> None:
    maker = Played([SUMMARY])
    call = {"type": "function_call", "call_id": "c", "name": "look_up", "arguments": '{"what": "key"}'}
    output = {"type": "function_call_output", "call_id": "c", "output": "the key is 4711"}
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    asked = {"role": "user", "content": [{"type": "input_text", "text": "Look"}, picture]}
    await plain(play(maker), input=[asked, call, output, TRIGGER])
    (prompt,) = texts(maker.turns[0].items)
    assert "[2] assistant calls look_up" in prompt
    assert "[3] look_up answers: the key is 4711" in prompt
    assert "[image]" in prompt
    assert "base64" not in prompt


async def test_the_picture_that_is_asked_about_is_still_seen(play: Play) -> None:
    maker = Played([SUMMARY, HELLO])
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    asked = {"role": "user", "content": [{"type": "input_text", "text": LONG}, picture]}
    await plain(play(maker), input=[*TALK, asked], context_management=SMALL)
    assert picture in maker.turns[1].items[-1]["content"]


async def test_compacting_twice_keeps_the_first_summary_in_the_second(play: Play) -> None:
    again = [Text(0, "All of it."), Stopped("end")]
    maker = Played([SUMMARY, HELLO, again, HELLO])
    services = play(maker)
    first = await plain(services, input=[*TALK, TRIGGER])
    second = await plain(services, previous_response_id=first["id"], input="Go on")
    third = await plain(services, previous_response_id=second["id"], input=[TRIGGER])
    assert "They like tea." in texts(maker.turns[2].items)[0]
    await plain(services, previous_response_id=third["id"], input="Still there?")
    shown = texts(maker.turns[3].items)
    assert [text for text in shown if "summary" not in text] == [
        "Answer in rhymes.",
        "I like tea.",
        "And cake.",
        "Go on",
        "Still there?",
    ]


async def test_compacting_again_at_once_keeps_the_order(play: Play) -> None:
    maker = Played([HELLO, SUMMARY, SUMMARY, HELLO, SUMMARY, HELLO])
    services = play(maker)
    first = await plain(services, input="I like tea.")
    second = await plain(services, previous_response_id=first["id"], input=[TRIGGER])
    third = await plain(services, previous_response_id=second["id"], input=[TRIGGER])
    await plain(services, previous_response_id=third["id"], input="Go on")
    shown = texts(maker.turns[3].items)
    assert (shown[0], shown[2]) == ("I like tea.", "Go on")
    asking = [{"role": "user", "content": "Open question"}, TRIGGER]
    fourth = await plain(services, previous_response_id=third["id"], input=asking)
    await plain(services, previous_response_id=fourth["id"], input="Well?")
    shown = texts(maker.turns[5].items)
    assert (shown[0], *shown[2:]) == ("I like tea.", "Open question", "Well?")


def compacting(blob: str) -> list[Any]:
    item = {"type": "compaction", "encrypted_content": ""}
    return [ItemOpened(0, item), Opaque(0, {"id": "cmp_up", "encrypted_content": blob}), BlockEnded(0, item)]


async def test_a_maker_gets_its_own_compaction_back_and_others_are_told_what_it_was(play: Play) -> None:
    native = Played([[*compacting("blob"), *HELLO], HELLO], profile="native")
    services = play(native)
    first = await plain(services, input=TALK, context_management=SMALL)
    assert native.turns[0].request["context_management"] == SMALL
    assert first["output"][0]["encrypted_content"].startswith("lr1.")
    await plain(services, previous_response_id=first["id"], input="x")
    turn = native.turns[1]
    assert [item["type"] for item in turn.items] == ["compaction", "message", "message"]
    assert turn.origins[turn.items[0]["id"]]["encrypted_content"] == "blob"
    other = Played([HELLO, HELLO], name="other")
    elsewhere = play(other)
    await plain(elsewhere, previous_response_id=first["id"], input="y")
    carried = first["output"]
    await plain(elsewhere, input=[*carried, {"role": "user", "content": "y"}])
    for turn in other.turns:
        assert texts(turn.items) == [*texts(TALK), "Hello", "y"]
        assert "blob" not in str(turn.origins)


async def test_the_endpoint_gives_the_users_messages_and_one_item(play: Play) -> None:
    maker = Played([HELLO, SUMMARY, HELLO])
    services = play(maker)
    first = await plain(services, input=TALK)
    body = {"model": "m", "previous_response_id": first["id"], "input": "More", "instructions": "Be brief"}
    compacted = (await compact_response(body, principal=ME, using=services)).response
    assert compacted["object"] == "response.compaction"
    assert [item["type"] for item in compacted["output"]] == ["message"] * 3 + ["compaction"]
    assert texts(compacted["output"]) == ["I like tea.", "And cake.", "More"]
    assert all(item["id"] for item in compacted["output"])
    assert compacted["usage"]["total_tokens"] == 57
    prompt = texts(maker.turns[1].items)[0]
    assert "Be brief" in prompt
    assert "Hello" in prompt
    with pytest.raises(NotFoundError):
        await get_response(compacted["id"], principal=ME, using=services)
    await plain(services, input=[*compacted["output"], {"role": "user", "content": "And?"}])
    shown = texts(maker.turns[2].items)
    assert shown[:4] == ["I like tea.", "And cake.", "More", "Answer in rhymes."]
    assert shown[4].endswith("They like tea.")
    assert shown[5:] == ["And?"]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"input": "x"}, "missing_required_parameter", "model"),
        ({"model": None, "input": "x"}, "invalid_type", "model"),
        ({"model": "m", "input": "x", "tools": []}, "unknown_parameter", "tools"),
        ({"model": "m", "input": "x", "previous_response_id": "resp_x"}, "previous_response_not_found", None),
        ({"model": "m", "input": "x", "service_tier": "no"}, "invalid_value", "service_tier"),
        ({"model": "m"}, "missing_required_parameter", None),
    ],
)
async def test_what_the_endpoint_refuses(play: Play, body: Json, code: str, param: str | None) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await compact_response(body, principal=ME, using=play(Played([])))
    assert refused.value.code == code
    assert param is None or refused.value.param == param


async def test_a_transcript_that_is_too_long_is_told_more_shortly(play: Play) -> None:
    too_long = InvalidRequestError("too long", code="context_length_exceeded", param="input")
    maker = Played([[Failed(too_long)], [Failed(too_long)], SUMMARY])
    response = await plain(play(maker), input=[{"role": "user", "content": LONG * 20}, *TALK, TRIGGER])
    assert response["status"] == "completed"
    lengths = [len(texts(turn.items)[0]) for turn in maker.turns]
    assert lengths[0] > 2 * lengths[1] * 0.9 > 3 * lengths[2] * 0.9
    assert all("And cake." in texts(turn.items)[0] for turn in maker.turns)


async def test_instructions_that_a_client_gives_before_the_item_still_hold(play: Play) -> None:
    maker = Played([SUMMARY, HELLO])
    services = play(maker)
    (item,) = (await plain(services, input=[*TALK, TRIGGER]))["output"]
    fresh = {"role": "developer", "content": "Answer in prose."}
    await plain(services, input=[TALK[0], fresh, *TALK[1:], item, {"role": "user", "content": "Go"}])
    shown = texts(maker.turns[1].items)
    assert shown.count("Answer in rhymes.") == 1
    assert shown[0] == "Answer in prose."
    assert "Noted." not in shown


async def test_a_call_and_its_output_stay_together_after_a_compaction(play: Play) -> None:
    call = [ToolCall(0, "c", "f"), ToolArguments(0, "{}"), BlockEnded(0), Stopped("tool_calls")]
    maker = Played([SUMMARY, call, HELLO])
    services = play(maker)
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}]
    first = await plain(services, input=LONG, context_management=SMALL, tools=tools)
    assert [item["type"] for item in first["output"]] == ["compaction", "function_call"]
    answer = {"type": "function_call_output", "call_id": "c", "output": "done"}
    await plain(services, previous_response_id=first["id"], input=[answer], tools=tools)
    kinds = [item["type"] for item in maker.turns[-1].items]
    assert kinds[-2:] == ["function_call", "function_call_output"]


async def test_a_summary_that_was_cut_at_its_length_is_kept_and_says_so(play: Play) -> None:
    cut = [Text(0, "They like t"), Usage(usage(50, 7)), Stopped("max_output_tokens")]
    services = play(maker := Played([cut, HELLO]))
    compacted = await plain(services, input=[*TALK, TRIGGER])
    assert compacted["status"] == "completed"
    assert compacted["usage"]["total_tokens"] == 57
    await plain(services, input="What do I like?", previous_response_id=compacted["id"])
    (summary,) = [said for said in texts(maker.turns[-1].items) if "They like t" in said]
    assert summary.endswith("They like t\n\n[The summary ends here: it became too long for its writer.]")
    assert "I like tea." in texts(maker.turns[-1].items)


@pytest.mark.parametrize(
    "said",
    [
        [Reasoning(0, "so much"), Stopped("max_output_tokens")],
        [Text(0, " \n"), Stopped("max_output_tokens")],
        [Stopped("end")],
        [Text(0, "They like "), Stopped("content_filter")],
    ],
    ids=["thought alone", "cut blank", "empty", "withheld"],
)
async def test_no_summary_is_a_fault_that_nobody_is_to_pay_for_again(play: Play, said: list[Any]) -> None:
    services = play(Played([said]))
    with pytest.raises(ServerError) as refused:
        await plain(services, input=[*TALK, TRIGGER])
    assert refused.value.headers == {"x-should-retry": "false"}
