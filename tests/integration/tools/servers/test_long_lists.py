"""A server that lists more than anybody can use is a fault before it is a burden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.tools.servers.questions import MOST_TOOLS
from lambda_responses.tools.servers.server import ServerFault
from tests.integration.tools.servers.test_misbehaviour import CACHED, listed, modern, result

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


def pages(tools: Callable[[int], list[Json]], asked: list[int]) -> Callable[[Json], bytes | None]:
    """A server whose list has a next page for ever."""

    def page(message: Json) -> bytes:
        asked.append(number := int(message["params"].get("cursor", 0)))
        return result(message, tools=tools(number), nextCursor=str(number + 1), **CACHED)

    return modern(tools_list=page)


async def test_a_list_may_take_as_many_bytes_as_one_answer() -> None:
    asked: list[int] = []

    def tools(number: int) -> list[Json]:
        return [{"name": f"t{number}", "inputSchema": {"type": "object", "title": "x" * 50_000}}]

    with pytest.raises(ServerFault, match="larger than 200000 bytes"):
        await listed(pages(tools, asked), result_bytes=200_000)
    assert asked == [0, 1, 2, 3]


async def test_a_list_may_have_so_many_tools_and_no_more() -> None:
    asked: list[int] = []

    def tools(number: int) -> list[Json]:
        return [
            {"name": f"t{number}_{each}", "inputSchema": {"type": "object"}}
            for each in range(MOST_TOOLS // 2)
        ]

    with pytest.raises(ServerFault, match="more than 1000 tools"):
        await listed(pages(tools, asked))
    assert asked == [0, 1, 2]


async def test_the_longest_list_is_told_whole_with_what_it_weighs() -> None:
    def most(message: Json) -> bytes:
        tools = [
            {"name": f"t{each}", "inputSchema": {"type": "object", "default": None}}
            for each in range(MOST_TOOLS)
        ]
        return result(message, tools=tools, **CACHED)

    tools = await listed(modern(tools_list=most))
    assert len(tools) == MOST_TOOLS
    assert tools[0].input_schema == {"type": "object", "default": None}
    assert len(most({"id": 1})) * 0.8 < tools.weight < len(most({"id": 1}))
