"""What a request's tools have to prove themselves with elsewhere is sent there, and neither kept nor told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle import conversations, create, input_items
from lambda_responses.providers.base import UpstreamRefused
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.transformers.base import UpstreamFailure
from lambda_responses.wire.errors import APIError, ServerError
from lambda_responses.wire.queries import ListQuery
from tests.played import ME, Identity, Played

if TYPE_CHECKING:
    from lambda_responses.lifecycle.run import ResponseRun
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

TOKEN, HEADER = "mcp-token-0123456789", "mcp-header-0123456789"
MCP = {
    "type": "mcp",
    "server_label": "deep",
    "server_url": "https://mcp.example",
    "authorization": TOKEN,
    "headers": {"X-Key": f"Bearer {HEADER}"},
}
LATER = {"type": "additional_tools", "role": "developer", "tools": [MCP]}
SAID = f"The server refused {TOKEN} and {HEADER[:16]}..."


class Quoting(Identity):
    """Tells the client what the upstream said."""

    def map_error(self, failure: UpstreamFailure) -> APIError:
        return ServerError(failure.body, code=TOKEN, param=HEADER)


async def begun(services: PlayedServices, **body: Any) -> ResponseRun:
    services.mcp_upstream = frozenset({"played"})
    body = {"model": "m", "input": [LATER, {"role": "user", "content": "hi"}], **body}
    return await create.create_response(body, principal=ME, using=services)


async def test_they_are_sent_and_not_kept(play: Play):
    played = Played([[Text(0, "Hello"), Stopped("end")]], profile="native")
    services = play(played)
    response = await (await begun(services, tools=[MCP])).response()
    [turn] = played.turns
    assert TOKEN in str(turn.request["tools"])
    assert TOKEN in str(turn.items)
    stored = await services.responses.get(ME.tenant, response["id"])
    listed = await input_items.list_input_items(response["id"], ListQuery(), principal=ME, using=services)
    for kept in (response, stored, listed):
        assert "https://mcp.example" in str(kept)
        assert TOKEN not in str(kept)
        assert HEADER not in str(kept)


async def test_an_upstream_that_may_call_no_servers_is_not_told_of_those_in_a_conversation(play: Play):
    found = {"type": "tool_search_output", "execution": "client", "call_id": "c", "tools": [MCP]}
    asked = {"type": "tool_search_call", "execution": "client", "call_id": "c", "arguments": {}}
    played = Played([[Text(0, "Hello"), Stopped("end")]], profile="native")
    services = play(played)
    items = {"items": [{"role": "user", "content": "hi"}, LATER, asked, found]}
    conversation = await conversations.create_conversation(items, principal=ME, using=services)
    body = {"model": "m", "input": "so?", "conversation": conversation["id"]}
    run = await create.create_response(body, principal=ME, using=services)
    await run.response()
    [turn] = played.turns
    assert [item["tools"] for item in turn.items if "tools" in item] == [[], []]
    assert "mcp.example" not in str(turn)


@pytest.mark.parametrize(
    "step",
    [
        [UpstreamRefused(UpstreamFailure(400, {}, SAID))],
        [Failed(ServerError(SAID, code=TOKEN, param=HEADER))],
    ],
    ids=["in a refusal", "in mid-stream"],
)
async def test_an_upstream_that_quotes_them_is_not_quoted(play: Play, step: list[Any]):
    services = play(Played([step], profile="native"))
    services.speak(Quoting())
    with pytest.raises(APIError) as raised:
        await (await begun(services, tools=[MCP])).response()
    assert raised.value.message == "The server refused [redacted] and [redacted]..."
    assert (raised.value.code, raised.value.param) == ("[redacted]", "[redacted]")
