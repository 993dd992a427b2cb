"""How a response ends whose bound is reached, where its model does not simply answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.stream.deltas import BlockEnded, Stopped, Text, ToolCall
from lambda_responses.tools.servers.server import ServerFault
from lambda_responses.wire.errors import FailedDependencyError, InvalidRequestError, response_error_code
from tests.fakes.dice import DICE, Dice
from tests.interrupted import SEARCH, drained, queued
from tests.played import ME, Played

if TYPE_CHECKING:
    from lambda_responses.tools.servers.server import Server
    from tests.played import Play

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


def calls(*names: str) -> list[Any]:
    said = [
        delta for at, name in enumerate(names, 1) for delta in (ToolCall(at, f"c{at}", name), BlockEnded(at))
    ]
    return [*said, Stopped("tool_calls")]


async def made(play: Play, *steps: list[Any], **body: Any) -> Json:
    using = play(Played([*steps]))
    Dice().known_to(using)
    body = {"model": "m", "input": "hi", "tools": [SEARCH, DICE], **body}
    return await (await create_response(body, principal=ME, using=using)).response()


async def test_a_last_turn_that_only_calls_leaves_the_response_incomplete(play: Play) -> None:
    response = await made(play, calls("dice__roll"), calls("dice__look"), max_tool_calls=1)
    assert [item["type"] for item in response["output"]] == ["mcp_list_tools", "mcp_call"]
    assert (response["status"], response["incomplete_details"]) == (
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert response["bound"] == "max_tool_calls"


async def test_a_last_turn_that_answers_and_calls_is_an_answer(play: Play) -> None:
    last = [Text(0, "Six."), *calls("dice__look")]
    response = await made(play, calls("dice__roll"), last, max_tool_calls=1)
    assert [item["type"] for item in response["output"]] == ["mcp_list_tools", "mcp_call", "message"]
    assert (response["status"], response["bound"]) == ("completed", "max_tool_calls")


@pytest.mark.parametrize(("most", "bound"), [(1, "max_tool_calls"), (2, None)])
async def test_a_bound_is_named_that_passed_calls_over_before_the_clients_turn(
    play: Play, most: int, bound: str | None
) -> None:
    response = await made(play, calls("dice__roll", "dice__look", "search"), max_tool_calls=most)
    types = [item["type"] for item in response["output"]]
    assert types == ["mcp_list_tools", "function_call", *most * ["mcp_call"]]
    assert (response["status"], response.get("bound")) == ("completed", bound)


class Gone(Dice):
    async def list_tools(self, server: Server) -> Any:
        raise ServerFault("Http status code: 401 (Unauthorized)", 401)


async def test_a_server_that_fails_a_background_response_is_not_the_requests_fault(play: Play) -> None:
    using = play(Played([]))
    Gone().known_to(using)
    kept = await queued(using, tools=[DICE])
    await drained(kept.run(using))
    failed = kept.events[-1]
    assert failed["response"]["error"]["code"] == "server_error"
    assert "401 (Unauthorized)" in failed["response"]["error"]["message"]


def test_a_fault_of_the_request_remains_one() -> None:
    assert response_error_code(InvalidRequestError("No.", code="other")) == "invalid_prompt"
    assert response_error_code(InvalidRequestError("No.", code="invalid_image")) == "invalid_image"
    assert response_error_code(FailedDependencyError("Gone.", code="http_error")) == "server_error"
