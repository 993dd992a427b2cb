"""What a response shows to whom: `include` when it is made, when it is read, and what models see of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.input_items import list_input_items
from lambda_responses.lifecycle.retrieve import get_response, replay_response
from lambda_responses.stream.deltas import BlockEnded, ItemOpened, Stopped, Text
from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.queries import ListQuery
from tests.kit import check
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

SOURCES: Json = {"type": "search", "query": "x", "sources": [{"type": "url", "url": "https://a.example"}]}
LOGS = [{"type": "logs", "logs": "1.0"}]

HOSTED: dict[str, tuple[Json, str, str]] = {
    "web_search_call.action.sources": (
        {"type": "web_search_call", "status": "completed", "action": SOURCES},
        "action",
        "sources",
    ),
    "web_search_call.results": (
        {"type": "web_search_call", "status": "completed", "action": {"type": "search"}, "results": [{}]},
        "results",
        "",
    ),
    "file_search_call.results": (
        {"type": "file_search_call", "status": "completed", "queries": ["q"], "results": [{"score": 1.0}]},
        "results",
        "",
    ),
    "code_interpreter_call.outputs": (
        {"type": "code_interpreter_call", "status": "completed", "code": "1", "outputs": LOGS},
        "outputs",
        "",
    ),
}


def saying(item: Json) -> list[Any]:
    opened = {"type": item["type"], "status": "in_progress"}
    return [ItemOpened(0, opened), BlockEnded(0, item), Text(1, "Done."), Stopped("end")]


def holds(item: Json, member: str, inner: str) -> bool:
    held = item.get(member)
    return bool(held and (not inner or held.get(inner)))


async def made(services: PlayedServices, **body: Any) -> tuple[Json, list[Json]]:
    request = {"model": "m", "input": "x", "stream": True, **body}
    run = await create_response(request, principal=ME, using=services)
    events = [event async for batch in run.events() for event in batch]
    check(events)
    return events[-1]["response"], events


async def read(services: PlayedServices, id: str, *include: str) -> Json:
    return await get_response(id, include=include, principal=ME, using=services)


@pytest.mark.parametrize("name", HOSTED)
async def test_what_was_not_included_is_shown_later_to_who_includes_it(play: Play, name: str) -> None:
    item, member, inner = HOSTED[name]
    services = play(Played([saying(item)]))
    response, events = await made(services)
    said = [event["item"] for event in events if event["type"] == "response.output_item.done"]

    assert not holds(response["output"][0], member, inner)
    assert response["output"] == said
    assert to_bytes(await read(services, response["id"])) == to_bytes(response)
    shown = await read(services, response["id"], name)
    assert holds(shown["output"][0], member, inner)
    assert shown["output"][0] == {"id": said[0]["id"], **item}
    others = [each for each in HOSTED if each != name]
    assert to_bytes(await read(services, response["id"], *others)) == to_bytes(response)
    replayed = await replay_response(response["id"], include=[name], principal=ME, using=services)
    assert replayed.events[-1]["response"] == shown


@pytest.mark.parametrize("name", HOSTED)
async def test_what_was_included_is_shown_from_the_start_and_for_good(play: Play, name: str) -> None:
    item, member, inner = HOSTED[name]
    services = play(Played([saying(item)]))
    response, _ = await made(services, include=[name])

    assert holds(response["output"][0], member, inner)
    for include in ([], [name], list(HOSTED)):
        assert to_bytes(await read(services, response["id"], *include)) == to_bytes(response)


@pytest.mark.parametrize("name", HOSTED)
async def test_a_native_upstream_shows_what_it_sees_fit(play: Play, name: str) -> None:
    item, member, inner = HOSTED[name]
    services = play(Played([saying(item)], profile="native"))
    response, _ = await made(services)

    assert holds(response["output"][0], member, inner)
    assert to_bytes(await read(services, response["id"])) == to_bytes(response)


@pytest.mark.parametrize("name", HOSTED)
async def test_the_next_turns_model_sees_what_its_client_does_not(play: Play, name: str) -> None:
    item, member, inner = HOSTED[name]
    played = Played([saying(item), [Text(0, "Yes."), Stopped("end")]])
    services = play(played)
    response, _ = await made(services)
    await made(services, previous_response_id=response["id"])
    [shown] = [each for each in played.turns[-1].items if each["type"] == item["type"]]

    assert holds(shown, member, inner)
    assert response["output"][0]["id"] not in played.turns[-1].origins  # its maker said nothing of it


@pytest.mark.parametrize("name", HOSTED)
async def test_a_listed_item_shows_what_is_included(play: Play, name: str) -> None:
    item, member, inner = HOSTED[name]
    services = play(Played([saying(item), [Text(0, "Yes."), Stopped("end")]]))
    first, _ = await made(services)
    second, _ = await made(services, previous_response_id=first["id"])

    for include in (frozenset[str](), frozenset({name})):
        query = ListQuery(include=include)
        listed = await list_input_items(second["id"], query, principal=ME, using=services)
        [found] = [each for each in listed["data"] if each["type"] == item["type"]]
        assert holds(found, member, inner) == bool(include)
