"""Responses in conversations, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import conversing
from lambda_responses.lifecycle.conversations import (
    create_conversation,
    create_items,
    delete_conversation,
    get_item,
    list_items,
)
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.storage.conversations.leases import LEASE
from lambda_responses.storage.keyed.port import Key, Range, StoreUnavailable
from lambda_responses.stream.deltas import Failed, Opaque, Reasoning, Stopped, Text, ToolArguments, ToolCall
from lambda_responses.wire.errors import APIError, InvalidRequestError, NotFoundError, OverloadedError
from lambda_responses.wire.ids import thread_of
from lambda_responses.wire.queries import ListQuery
from tests.kit import check
from tests.played import ME, YOU, Played, PlayedServices

if TYPE_CHECKING:
    from lambda_responses.lifecycle.run import ResponseRun
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
HELLO: list[Any] = [Text(0, "Hello"), Stopped("end")]


async def made(services: PlayedServices, *texts: str) -> str:
    body = {"items": [{"role": "user", "content": text} for text in texts]}
    return (await create_conversation(body, principal=ME, using=services))["id"]


async def begun(services: PlayedServices, conversation: str, **body: Any) -> ResponseRun:
    request = {"model": "m", "input": "hi", "conversation": conversation, **body}
    return await create_response(request, principal=ME, using=services)


async def said(services: PlayedServices, conversation: str) -> list[str]:
    listed = await list_items(conversation, ListQuery(limit=100, order="asc"), principal=ME, using=services)
    return [item["content"][0]["text"] for item in listed["data"]]


async def locked(services: PlayedServices, conversation: str) -> bool:
    key = conversation.removeprefix("conv_")
    row = await services.store.get(Key(f"me#V#{key}", "H"))
    return row is not None and "owner" in row.values


async def test_the_items_are_there_when_the_end_is_told(play: Play) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    run = await begun(services, conversation, stream=True)
    events: list[Json] = []
    async for batch in run.events():
        for event in batch:
            events.append(event)
            if event["type"] == "response.completed":
                assert await said(services, conversation) == ["one", "hi", "Hello"]
                assert not await locked(services, conversation)
        if events[-1]["type"] != "response.completed":
            assert await locked(services, conversation)
    check(events)
    assert all(
        event["response"]["conversation"] == {"id": conversation} for event in events if "response" in event
    )


async def test_the_model_is_shown_all_that_was_said(play: Play) -> None:
    played = Played([HELLO, HELLO])
    services = play(played)
    conversation = await made(services, "one", "two")
    for _ in range(2):
        await (await begun(services, conversation)).response()
    shown = [item["content"][0]["text"] for item in played.turns[-1].items]
    assert shown == ["one", "two", "hi", "Hello", "hi"]


@pytest.mark.parametrize("input", ["", []])
async def test_a_conversation_stands_in_for_input(play: Play, input: Any) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    await (await begun(services, conversation, input=input)).response()
    assert await said(services, conversation) == ["one", "Hello"]


async def test_a_client_that_goes_leaves_no_lease_and_no_item(play: Play) -> None:
    services = play(Played([[Text(0, "Hel"), asyncio.Event()]]))
    conversation = await made(services, "one")
    run = await begun(services, conversation, stream=True)
    async with aclosing(run.events()) as events:
        await anext(events)
        assert await locked(services, conversation)
    assert not await locked(services, conversation)
    assert await said(services, conversation) == ["one"]


async def test_a_plain_answer_that_fails_leaves_no_lease_and_no_item(play: Play) -> None:
    services = play(Played([[Failed(OverloadedError("No room."))], HELLO]))
    conversation = await made(services, "one")
    with pytest.raises(OverloadedError):
        await (await begun(services, conversation)).response()
    assert not await locked(services, conversation)
    await (await begun(services, conversation)).response()
    assert await said(services, conversation) == ["one", "hi", "Hello"]


async def test_a_stream_that_fails_is_kept_and_adds_nothing(play: Play) -> None:
    services = play(Played([[Text(0, "Hel"), Failed(OverloadedError("No room."))]]))
    conversation = await made(services, "one")
    run = await begun(services, conversation, stream=True)
    events = [event async for batch in run.events() for event in batch]
    assert events[-1]["type"] == "response.failed"
    assert (await get_response(run.id, principal=ME, using=services))["status"] == "failed"
    assert await said(services, conversation) == ["one"]
    assert not await locked(services, conversation)


async def test_a_call_that_was_cut_is_no_hindrance(play: Play) -> None:
    cut = [ToolCall(0, "call_1", "look_up"), ToolArguments(0, '{"wor'), Stopped("length")]
    played = Played([cut, HELLO])
    services = play(played)
    conversation = await made(services)
    tool = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
    incomplete = await (await begun(services, conversation, tools=[tool])).response()
    assert incomplete["status"] == "incomplete"
    await (await begun(services, conversation)).response()
    assert [item["type"] for item in played.turns[-1].items] == ["message", "message"]


async def test_what_a_maker_wants_back_is_kept_in_the_conversation(play: Play) -> None:
    thought = [Reasoning(0, "hm"), Opaque(0, {"encrypted_content": "their seal"}), *HELLO]
    played = Played([thought, HELLO])
    services = play(played)
    conversation = await made(services)
    for _ in range(2):
        await (await begun(services, conversation)).response()
    [origin] = [each for each in played.turns[-1].origins.values() if "encrypted_content" in each]
    assert origin["encrypted_content"] == "their seal"


async def test_what_was_sealed_is_kept_as_what_it_is_and_shown_on_request(play: Play) -> None:
    thought = [Reasoning(0, "hm"), Opaque(0, {"encrypted_content": "their seal"}), *HELLO]
    played = Played([thought, HELLO])
    services = play(played)
    include = ["reasoning.encrypted_content"]
    request = {"model": "m", "input": "hi", "include": include}
    response = await (await create_response(request, principal=ME, using=services)).response()
    conversation = await made(services)
    brought = {"items": response["output"]}
    plain = await create_items(conversation, brought, principal=ME, using=services)
    assert "encrypted_content" not in plain["data"][0]
    id = plain["data"][0]["id"]
    shown = await get_item(conversation, id, include, principal=ME, using=services)
    assert shown["encrypted_content"].startswith("lr1.")
    await (await begun(services, conversation)).response()
    assert played.turns[-1].origins[id]["encrypted_content"] == "their seal"


@pytest.mark.parametrize("type", ["compaction", "reasoning"])
async def test_no_conversation_takes_what_no_model_could_be_told(play: Play, type: str) -> None:
    """A compaction that somebody else sealed says nothing to other providers, whose answers it would end."""
    services = play(Played([]))
    conversation = await made(services, "one")
    envelope = {"compaction": "gAAAA-theirs", "reasoning": "lr1.broken"}[type]
    item = {"type": type, "encrypted_content": envelope, **({"summary": []} if type == "reasoning" else {})}
    body = {"items": [{"role": "user", "content": "two"}, item]}
    for adding in (
        create_items(conversation, body, principal=ME, using=services),
        create_conversation(body, principal=ME, using=services),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            await adding
        assert (refused.value.code, refused.value.param) == (
            "invalid_encrypted_content",
            "items[1].encrypted_content",
        )
    assert await said(services, conversation) == ["one"]


async def test_a_store_that_fails_at_the_end_is_told_and_leaves_all_as_it_was(play: Play) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    run = await begun(services, conversation, stream=True)
    transact = services.store.transact

    async def fail(*_: Any) -> None:
        raise StoreUnavailable("not now")

    services.store.transact = fail  # type: ignore[method-assign]
    events = [event async for batch in run.events() for event in batch]
    services.store.transact = transact  # type: ignore[method-assign]
    assert events[-1]["type"] == "response.failed"
    assert await said(services, conversation) == ["one"]
    assert not await locked(services, conversation)
    with pytest.raises(NotFoundError):
        await get_response(run.id, principal=ME, using=services)


async def test_what_was_added_between_reading_and_running_is_not_passed_over(play: Play) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    run = await begun(services, conversation)
    body = {"items": [{"role": "user", "content": "two"}]}
    await create_items(conversation, body, principal=ME, using=services)
    with pytest.raises(InvalidRequestError) as refused:
        await run.response()
    assert refused.value.code == "conversation_locked"


async def test_a_conversation_that_is_deleted_between_reading_and_running_is_not_found(play: Play) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    run = await begun(services, conversation)
    await delete_conversation(conversation, principal=ME, using=services)
    with pytest.raises(NotFoundError):
        await run.response()


class Meanwhile(asyncio.Event):
    """What happens while a model takes a breath."""

    def __init__(self, happening: Any) -> None:
        super().__init__()
        self._happening = happening

    async def wait(self) -> Any:
        await self._happening()


async def gone(services: PlayedServices, conversation: str) -> None:
    await delete_conversation(conversation, principal=ME, using=services)


async def anothers(services: PlayedServices, conversation: str) -> None:
    """What a run finds whose lease ran out while its process stood still."""
    head = Key(f"me#V#{conversation.removeprefix('conv_')}", "H")
    await services.store.update(head, set={"owner": "resp_another"})


UNDER_IT = pytest.mark.parametrize(
    ("happens", "fault", "code"),
    [(gone, NotFoundError, None), (anothers, InvalidRequestError, "conversation_locked")],
    ids=["deleted", "taken over"],
)
MANY = [{"role": "user", "content": f"{number}"} for number in range(120)]
"""Too many for one transaction."""


@UNDER_IT
@pytest.mark.parametrize("input", ["hi", MANY], ids=["one transaction", "several"])
async def test_a_conversation_that_is_lost_under_a_response_is_told(
    play: Play, happens: Any, fault: type[APIError], code: str | None, input: Any
) -> None:
    played = Played([])
    services = play(played)
    conversation = await made(services, "one")
    played.steps.append([Text(0, "Hel"), Meanwhile(partial(happens, services, conversation)), *HELLO])
    run = await begun(services, conversation, input=input)
    with pytest.raises(fault) as told:
        await run.response()
    assert told.value.code == code
    assert services.reported == []
    with pytest.raises(NotFoundError):
        await get_response(run.id, principal=ME, using=services)
    assert await services.store.query(Range(f"me#T#{thread_of(run.id)}", "", "~")) == []


@UNDER_IT
async def test_a_stream_whose_conversation_is_lost_says_so_at_its_end(
    play: Play, happens: Any, fault: type[APIError], code: str | None
) -> None:
    played = Played([])
    services = play(played)
    conversation = await made(services, "one")
    played.steps.append([Text(0, "Hel"), Meanwhile(partial(happens, services, conversation)), *HELLO])
    run = await begun(services, conversation, stream=True)
    events = [event async for batch in run.events() for event in batch]
    check(events)
    assert [event["type"] for event in events[-2:]] == ["error", "response.failed"]
    said = events[-1]["response"]["error"]["message"]
    assert said == events[-2]["message"]
    assert said.startswith("Another process" if code else f"Conversation with id '{conversation}' not found.")
    assert services.reported == []


async def test_a_long_run_keeps_its_lease(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    time = [1_700_000_000.0]
    gate = asyncio.Event()
    played = Played([[Text(0, "Hel"), gate, Text(0, "lo"), Stopped("end")]])
    services = PlayedServices(tmp_path, played, now=lambda: time[0])
    monkeypatch.setattr(conversing, "RENEWED_EVERY", 0.001)
    renewed = asyncio.Event()
    renew = services.conversations.renew

    async def noted(hold: Any) -> None:
        await renew(hold)
        renewed.set()

    monkeypatch.setattr(services.conversations, "renew", noted)
    conversation = await made(services, "one")
    run = await begun(services, conversation, stream=True)
    async with aclosing(run.events()) as events:
        await anext(events)
        for _ in range(5):
            time[0] += LEASE - 1
            renewed.clear()
            await renewed.wait()
        with pytest.raises(InvalidRequestError) as refused:
            await (await begun(services, conversation)).response()
        assert refused.value.code == "conversation_locked"
        gate.set()
        last = [event async for batch in events for event in batch][-1]
    assert last["type"] == "response.completed"
    services.store.close()


async def test_others_do_not_find_it(play: Play) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    for body in ({"conversation": conversation}, {"conversation": {"id": conversation}}):
        with pytest.raises(NotFoundError) as missing:
            await create_response({"model": "m", "input": "x", **body}, principal=YOU, using=services)
        assert missing.value.message == f"Conversation with id '{conversation}' not found."


async def test_a_bad_body_costs_no_request(play: Play) -> None:
    services = play(Played([]))

    async def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("asked the store")

    for verb in ("get", "query", "put", "update", "transact"):
        setattr(services.store, verb, refuse)
    for body in ({"items": [{"type": "bogus"}]}, {"metadata": 1}, {"items": [{"role": "user"}]}):
        with pytest.raises(APIError):
            await create_conversation(body, principal=ME, using=services)
    with pytest.raises(APIError):
        await create_items("conv_x", {}, principal=ME, using=services)


async def test_secrets_of_tools_are_not_kept(play: Play) -> None:
    services = play(Played([]))
    tool = {
        "type": "mcp",
        "server_label": "s",
        "server_url": "https://mcp.example",
        "authorization": "s3cret",
    }
    item = {"type": "additional_tools", "role": "developer", "tools": [tool]}
    conversation = await create_conversation({"items": [item]}, principal=ME, using=services)
    listed = await list_items(conversation["id"], ListQuery(), principal=ME, using=services)
    assert listed["data"][0]["tools"] == [{k: v for k, v in tool.items() if k != "authorization"}]


async def test_a_long_addition_whose_last_answer_was_lost_is_there_and_told_so(play: Play) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services)
    run = await begun(services, conversation, input=MANY)
    transact, calls = services.store.transact, 0

    async def lose(writes: Any) -> None:
        nonlocal calls
        await transact(writes)
        calls += 1
        if calls == 2:
            raise StoreUnavailable("the answer was lost")

    services.store.transact = lose  # type: ignore[method-assign]
    assert (await run.response())["status"] == "completed"
    assert (await get_response(run.id, principal=ME, using=services))["status"] == "completed"
    assert services.reported == []


async def test_a_reference_to_what_is_in_the_conversation_already_adds_nothing_and_is_told(
    play: Play,
) -> None:
    services = play(Played([HELLO]))
    conversation = await made(services, "one")
    [there] = (await list_items(conversation, ListQuery(), principal=ME, using=services))["data"]
    body = {"items": [{"role": "user", "content": "two"}, {"type": "item_reference", "id": there["id"]}]}
    with pytest.raises(InvalidRequestError) as refused:
        await create_items(conversation, body, principal=ME, using=services)
    assert refused.value.param == "items[1]"
    assert there["id"] in refused.value.message
    assert await said(services, conversation) == ["one"]
    response = await (await begun(services, conversation, input="what?")).response()
    elsewhere = await made(services, "three")
    body = {"items": [{"type": "item_reference", "id": response["output"][0]["id"]}]}
    added = await create_items(elsewhere, body, principal=ME, using=services)
    assert [item["content"][0]["text"] for item in added["data"]] == ["Hello"]
