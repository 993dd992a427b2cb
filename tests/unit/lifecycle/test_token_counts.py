"""Who counts a request's tokens, and what happens where nobody can."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from lambda_responses.lifecycle import token_counts
from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.token_counts import TokenCount, count_input_tokens
from lambda_responses.providers.base import (
    UpstreamCutShort,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from lambda_responses.stream.deltas import BlockEnded, Stopped, Text, ToolArguments, ToolCall
from lambda_responses.tools.catalog import ServerList
from lambda_responses.tools.servers.server import ListedTool, ServerFault
from lambda_responses.transformers.base import Rendered, Turn, UpstreamFailure
from lambda_responses.transformers.failures import map_failure
from lambda_responses.wire.errors import APIError, InvalidRequestError, NotFoundError
from lambda_responses.wire.mcp_names import function_name_apart
from lambda_responses.wire.token_estimates import estimated_tokens
from tests.played import ME, YOU, Identity, Played

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.tools.servers.server import Server
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

HELLO = [Text(0, "Hello"), Stopped("end")]


@dataclass
class Counting(Identity):
    """A format whose upstream counts, and says `{"n": …}`."""

    turns: list[Turn] = field(default_factory=list[Turn])
    absent: bool = False

    def render_count(self, turn: Turn, profile: Any) -> Rendered | None:
        self.turns.append(turn)
        return None if self.absent else Rendered("count", {"turn": turn})

    def read_count(self, body: Json) -> int:
        if "n" not in body:
            raise ValueError("no n")
        return body["n"]

    def map_error(self, failure: UpstreamFailure) -> APIError:
        return map_failure(failure)


def counting(play: Play, *steps: Any, **options: Any) -> tuple[PlayedServices, Counting]:
    format = Counting(**options)
    services = play(Played(list(steps)))
    services.speak(format)
    return services, format


async def counted(services: PlayedServices, **body: Any) -> TokenCount:
    return await count_input_tokens({"model": "m", "input": "hi", **body}, principal=ME, using=services)


def refused(status: int, message: str = "No.", **more: Any) -> UpstreamRefused:
    return UpstreamRefused(UpstreamFailure(status, {}, json.dumps({"error": {"message": message, **more}})))


async def test_a_provider_that_counts_is_believed(play: Play) -> None:
    services, _ = counting(play, [{"n": 42}])

    assert await counted(services) == TokenCount(42, "provider", "played/m")
    assert services.failed == []


async def test_what_runs_in_this_process_counts_with_its_own_tokenizer(play: Play) -> None:
    services, _ = counting(play)
    services._targets[0].provider.name = "local"
    services._targets[0].provider.steps.append([{"n": 7}])

    assert (await counted(services)).counter == "tokenizer"


async def test_where_no_format_or_no_place_counts_the_tokens_are_estimated(play: Play) -> None:
    plain = play(Played([]))
    absent, _ = counting(play, absent=True)
    expected = estimated_tokens({"model": "m"}, [{"type": "message", "role": "user", "content": "hi"}])

    for services in (plain, absent):
        assert await counted(services) == TokenCount(expected, "estimate", "played/m")


OUTAGES: dict[str, UpstreamError] = {
    "no such endpoint": refused(404, "Not Found"),
    "no such method": refused(405, "Method Not Allowed"),
    "not implemented": refused(501, "Not here"),
    "a model that cannot be counted": refused(400, "The provided model doesn't support counting tokens."),
    "too long": refused(400, "prompt is too long: 250000 tokens > 200000 maximum"),
    "too fast": refused(429, "Slow down."),
    "no money": refused(402, "Pay."),
    "credentials for answers alone": refused(403, "not authorized to perform: CountTokens"),
    "a wrong key": refused(401, "invalid x-api-key"),
    "overloaded": refused(529, "Overloaded"),
    "broken": refused(500, ""),
    "unreachable": UpstreamUnreachable("x"),
    "silent": UpstreamSilent("x"),
    "cut": UpstreamCutShort("x"),
    "HTML": UpstreamUnreadable("x"),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES)
async def test_a_provider_that_cannot_count_is_stood_in_for(play: Play, error: UpstreamError) -> None:
    services, _ = counting(play, [error])
    count = await counted(services)

    assert count.counter == "estimate"
    assert count.tokens > 0


@pytest.mark.parametrize("name", ["a wrong key", "overloaded", "unreachable", "HTML"])
async def test_the_operator_hears_of_a_provider_that_failed(play: Play, name: str) -> None:
    services, _ = counting(play, [OUTAGES[name]])
    await counted(services)

    assert services.failed == [("played/m", type(OUTAGES[name]).__name__)]
    assert services.noted == []  # it may answer all the same


@pytest.mark.parametrize("name", ["no such endpoint", "no such method", "a model that cannot be counted"])
async def test_nobody_is_told_that_a_provider_has_no_such_endpoint(play: Play, name: str) -> None:
    services, _ = counting(play, [OUTAGES[name]])
    await counted(services)

    assert services.failed == []


@pytest.mark.parametrize("answer", [[{"m": 1}], [{"n": "x"}, {"n": 3}], []])
async def test_an_answer_that_is_no_count_is_not_taken_for_one(play: Play, answer: list[Json]) -> None:
    class Strict(Counting):
        def read_count(self, body: Json) -> int:
            if not isinstance(body.get("n"), int):
                raise ValueError("no n")
            return body["n"]

    services = play(Played([answer]))
    services.speak(Strict())

    assert (await counted(services)).counter == "estimate"


async def test_a_provider_that_keeps_silent_is_not_waited_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_counts, "PATIENCE", 0.01)
    services, _ = counting(play, [asyncio.Event(), {"n": 1}])

    assert (await counted(services)).counter == "estimate"
    assert services.failed == [("played/m", "UpstreamSilent")]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refused(400, "Image does not match its media type.", code="invalid_image"), "invalid_image"),
        (refused(404, "The model `m` does not exist", code="model_not_found"), "model_not_found"),
        (refused(413, "Too many bytes."), None),
    ],
)
async def test_a_fault_of_the_request_is_told(play: Play, error: UpstreamRefused, code: str | None) -> None:
    services, _ = counting(play, [error])
    with pytest.raises(InvalidRequestError) as caught:
        await counted(services)

    assert caught.value.code == code


async def test_a_fault_tells_nothing_that_the_request_proves_itself_with(play: Play) -> None:
    services, _ = counting(play, [refused(400, "Bad header: tok-0123456789abcdef")])
    services._targets[0] = replace(services._targets[0], profile="native")
    services.mcp_upstream = frozenset({"played"})
    tool = {
        "type": "mcp",
        "server_label": "s",
        "server_url": "https://mcp.example.com",
        "authorization": "tok-0123456789abcdef",
    }
    with pytest.raises(InvalidRequestError) as caught:
        await counted(services, tools=[tool])

    assert "tok-0123456789abcdef" not in caught.value.message


async def test_history_is_counted_with_the_request(play: Play) -> None:
    services, format = counting(play, HELLO, [{"n": 9}])
    run = await create_response({"model": "m", "input": "Good morning to you"}, principal=ME, using=services)
    first = await run.response()
    count = await counted(services, input="And now?", previous_response_id=first["id"])

    assert count.tokens == 9
    said = [part["text"] for item in format.turns[-1].items for part in item["content"]]
    assert said == ["Good morning to you", "Hello", "And now?"]


async def test_a_response_may_be_counted_by_itself(play: Play) -> None:
    services, format = counting(play, HELLO, [{"n": 9}])
    run = await create_response({"model": "m", "input": "Hi"}, principal=ME, using=services)
    first = await run.response()
    body = {"model": "m", "previous_response_id": first["id"]}

    assert (await count_input_tokens(body, principal=ME, using=services)).tokens == 9
    assert len(format.turns[-1].items) == 2
    with pytest.raises(InvalidRequestError) as caught:
        await count_input_tokens(body, principal=YOU, using=services)
    assert caught.value.code == "previous_response_not_found"


async def test_what_a_compaction_stands_for_is_no_fault_of_what_follows_it(play: Play) -> None:
    call = [ToolCall(0, "lookup", "c1"), ToolArguments(0, "{}"), BlockEnded(0), Stopped("end")]
    services = play(Played([call, HELLO, HELLO]))
    tools = [{"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {}}}]
    body: Json = {"model": "m", "input": "look it up", "tools": tools}
    run = await create_response(body, principal=ME, using=services)
    first = await run.response()
    call_id = first["output"][0]["call_id"]
    body |= {
        "input": [{"type": "function_call_output", "call_id": call_id, "output": "a word and so on " * 600}],
        "previous_response_id": first["id"],
        "context_management": [{"type": "compaction", "compact_threshold": 1000}],
    }
    run = await create_response(body, principal=ME, using=services)
    second = await run.response()
    assert [item["type"] for item in second["output"]] == ["compaction", "message"]
    count = await counted(services, input="And now?", previous_response_id=second["id"])

    assert 0 < count.tokens < 1000


async def test_an_item_reference_is_counted_as_what_it_names(play: Play) -> None:
    services, format = counting(play, HELLO, [{"n": 1}])
    run = await create_response({"model": "m", "input": "Hi"}, principal=ME, using=services)
    said = (await run.response())["output"][0]
    await counted(services, input=[{"id": said["id"]}, {"role": "user", "content": "x"}])

    assert format.turns[-1].items[0]["content"] == said["content"]
    with pytest.raises(NotFoundError):
        await counted(services, input=[{"type": "item_reference", "id": "msg_" + "0" * 48}])


class Told:
    """The listing of servers that all have one tool."""

    async def lists(self, servers: Sequence[Server], **_: Any) -> list[ServerList]:
        tool = ListedTool("roll", "Roll a die.", {"type": "object", "properties": {}})
        return [ServerList(server, (tool,)) for server in servers]


class Silent:
    """The listing of servers that do not answer."""

    async def lists(self, servers: Sequence[Server], **_: Any) -> list[ServerList]:
        return [ServerList(server, fault=ServerFault("No.", 401)) for server in servers]


DICE = {
    "type": "mcp",
    "server_label": "dice",
    "server_url": "https://dice.example/",
    "authorization": "canary",
}


async def test_the_tools_of_servers_are_counted_as_models_are_offered_them(play: Play) -> None:
    services, format = counting(play, [{"n": 42}])
    services.listing = cast("Any", Told())
    choice = {"type": "mcp", "server_label": "dice"}

    assert await counted(services, tools=[DICE], tool_choice=choice) == TokenCount(42, "provider", "played/m")
    [turn] = format.turns
    [tool] = turn.request["tools"]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "dice__roll", "Roll a die.")
    assert turn.request["tool_choice"] == {"type": "function", "name": "dice__roll"}
    assert "canary" not in str(turn)


async def test_servers_that_do_not_tell_their_tools_cannot_be_counted(play: Play) -> None:
    services, format = counting(play, [{"n": 42}])
    services.listing = cast("Any", Silent())
    with pytest.raises(APIError) as told:
        await counted(services, tools=[DICE])
    assert (told.value.status, told.value.code, told.value.param) == (424, "http_error", "tools")
    assert format.turns == []


async def test_servers_that_may_not_be_named_are_not_counted(play: Play) -> None:
    services, _ = counting(play)
    with pytest.raises(InvalidRequestError) as told:
        await counted(services, tools=[{"type": "mcp", "server_url": "mcp://dice"}])
    assert told.value.param == "tools[0].server_url"


def function(name: str, **more: Any) -> Json:
    return {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}, **more}


def offered(format: Counting) -> list[str]:
    """The names of what a model would be offered that was asked last."""
    return [tool["name"] for tool in format.turns[-1].request["tools"]]


async def test_functions_that_are_to_be_searched_for_are_counted_once_they_were_found(play: Play) -> None:
    services, format = counting(play, [{"n": 7}], [{"n": 9}])
    tools = [function("now"), function("late", defer_loading=True), {"type": "tool_search"}]
    await counted(services, tools=tools)
    assert offered(format) == ["now", "tool_search"]

    call: Json = {"call_id": "c1", "execution": "server", "status": "completed"}
    searched = [
        {"type": "tool_search_call", **call, "arguments": {"query": "late"}},
        {"type": "tool_search_output", **call, "tools": [function("late", defer_loading=True)]},
        {"role": "user", "content": "Go on"},
    ]
    await counted(services, tools=tools, input=searched)
    assert offered(format) == ["now", "tool_search", "late"]


async def test_no_tool_of_a_server_is_counted_by_a_name_that_has_arrived(play: Play) -> None:
    services, format = counting(play, [{"n": 7}])
    services.listing = cast("Any", Told())
    arrived = {"type": "additional_tools", "role": "developer", "tools": [function("dice__roll")]}
    await counted(services, tools=[DICE], input=[arrived, {"role": "user", "content": "Roll"}])
    assert offered(format) == [function_name_apart("dice", "roll")]
