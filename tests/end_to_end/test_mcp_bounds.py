"""How long a response goes on: every bound ends it with an answer of its model, and is named."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.events import streamed, text_of
from tests.fakes.formats.base import READ, WRITTEN
from tests.fakes.formats.every import CHAT, FORMATS
from tests.fakes.plans import Plan, is_withheld
from tests.fakes.tooled import TOOLS, WAYS, WIRES, client_of, made, of_type, tooled_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.plans import Step
    from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

AS_SAID = 0.9
"""Seconds that four calls of half a second may take when they are made at once."""


def adds(number: int) -> list[Step]:
    """So many steps with a call each, no two of them the same."""
    return [[("tools__add", {"a": n, "b": 1})] for n in range(number)]


async def asked(http: httpx.AsyncClient, plan: Plan, upstream: Upstream, **settings: Any) -> httpx.Response:
    body = {"model": plan.served(upstream), "input": "Do it", "tools": [TOOLS], **settings}
    answered = await http.post("/responses", json=body)
    assert answered.status_code == 200, answered.text
    return answered


def check_bound(answered: httpx.Response, plan: Plan, bound: str, *, calls: int) -> Json:
    """It is named, there are so many calls, and the model has had the last word."""
    response = answered.json()
    assert (response["status"], response["incomplete_details"]) == ("completed", None)
    assert response["bound"] == answered.headers["x-responses-bound"] == bound
    assert len(of_type(response, "mcp_call")) == calls
    assert text_of(response) == plan.last
    *before, last = plan.asked
    assert is_withheld(last)
    assert not any(map(is_withheld, before))
    plan.check()
    return response


@pytest.mark.parametrize("parallel", [True, False])
async def test_four_calls_of_half_a_second_are_made_at_once_unless_the_client_wants_them_in_turn(
    tooled_http: httpx.AsyncClient, upstream: Upstream, parallel: bool
):
    plan = Plan(
        "chat",
        CHAT,
        ([("tools__add", {"a": 1, "b": 1})], [("tools__sleep", {"ms": 500 + n}) for n in range(4)]),
    )
    body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [TOOLS]}
    times: dict[str, float] = {}
    async with streamed(tooled_http, {**body, "parallel_tool_calls": parallel}) as events:
        async for event in events:
            if event.get("item", {}).get("name") == "sleep":
                times.setdefault("begun", time.monotonic())
                times["ended"] = time.monotonic()
    taken = times["ended"] - times["begun"]
    assert taken < AS_SAID if parallel else taken >= 2.0


@pytest.mark.parametrize("name", WIRES)
async def test_a_response_makes_no_more_calls_than_its_client_allows(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer, name: str
):
    steps: list[Step] = [[("tools__count", {"by": f"{name} {n}"}) for n in range(4)]]
    plan = Plan(name, FORMATS[name], steps, last="No more.")
    before = tools.counts["count"]
    answered = await asked(tooled_http, plan, upstream, max_tool_calls=2)
    response = check_bound(answered, plan, "max_tool_calls", calls=2)
    assert response["max_tool_calls"] == 2
    assert tools.counts["count"] == before + 2
    assert len(plan.exchanges) == 2


STEP = READ + WRITTEN
BOUNDS: dict[str, tuple[Json, int]] = {
    "max_steps": ({"max_steps": 2}, 2),
    "max_tool_calls": ({"max_tool_calls": 3}, 3),
    "max_tokens": ({"max_tokens": 2 * STEP}, 2),
    "max_cost": ({"max_cost": 2 * STEP / 1e6}, 2),
}
"""By its name, a bound that a request asks for, and how many calls are made under it."""


@pytest.mark.parametrize("way", ["streamed", "background"])
@pytest.mark.parametrize("bound", BOUNDS)
async def test_a_request_may_lower_every_bound(
    tooled_http: httpx.AsyncClient, upstream: Upstream, bound: str, way: str
):
    lowered, calls = BOUNDS[bound]
    plan = Plan("chat", CHAT, adds(9), last="Enough.")
    check_bound(await asked(tooled_http, plan, upstream, bounds=lowered), plan, bound, calls=calls)
    again = Plan("chat", CHAT, adds(9), last="Enough.")
    body: Json = {"model": again.served(upstream), "input": "Do it", "tools": [TOOLS], "bounds": lowered}
    response = await made(tooled_http, way, **body)
    assert (response["bound"], text_of(response)) == (bound, "Enough.")
    assert len(of_type(response, "mcp_call")) == calls


async def test_a_response_that_has_taken_as_long_as_it_may_ends_with_an_answer(
    tooled_http: httpx.AsyncClient, upstream: Upstream
):
    steps: list[Step] = [[("tools__sleep", {"ms": 600 + n})] for n in range(9)]
    plan = Plan("chat", CHAT, steps, last="Out of time.")
    begun = time.monotonic()
    answered = await asked(tooled_http, plan, upstream, bounds={"max_seconds": 1})
    assert time.monotonic() - begun < 3.0
    check_bound(answered, plan, "max_seconds", calls=2)


async def test_the_same_call_again_and_again_is_answered_here_and_then_ends_the_loop(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer
):
    calling = ("tools__count", {"by": "the same"})
    plan = Plan("chat", CHAT, [[calling] for _ in range(9)], last="I give up.")
    before = tools.counts["count"]
    response = check_bound(await asked(tooled_http, plan, upstream), plan, "repeated_calls", calls=5)
    assert tools.counts["count"] == before + 2
    assert "not made again" in of_type(response, "mcp_call")[2]["output"]


async def test_a_server_that_fails_three_times_is_left_alone(
    tooled_http: httpx.AsyncClient, upstream: Upstream, tools: ToolServer
):
    steps: list[Step] = [[("tools__fail", {"reason": f"No. {n}"})] for n in range(4)]
    plan = Plan("chat", CHAT, [*steps, "It does not work."])
    before = tools.counts["fail"]
    response = (await asked(tooled_http, plan, upstream)).json()
    assert "bound" not in response
    assert text_of(response) == "It does not work."
    assert tools.counts["fail"] == before + 3
    assert [call["status"] for call in of_type(response, "mcp_call")] == ["failed"] * 4
    plan.check()


async def test_a_response_that_reaches_no_bound_names_none(
    tooled_http: httpx.AsyncClient, upstream: Upstream
):
    plan = Plan("chat", CHAT, [*adds(3), "Done."])
    answered = await asked(tooled_http, plan, upstream, max_tool_calls=4, bounds={"max_steps": 9})
    assert "bound" not in answered.json()
    assert "x-responses-bound" not in answered.headers


@pytest.mark.parametrize("way", WAYS)
async def test_a_bound_is_named_without_any_tools_too_and_remains_named(
    tooled_http: httpx.AsyncClient, way: str
):
    body = {"model": "scripted/echo", "input": "[[steps:5]] [[words:2]]", "bounds": {"max_steps": 2}}
    response = await made(tooled_http, way, **body)
    assert (response["bound"], len(response["output"])) == ("max_steps", 2)
    path = f"/responses/{response['id']}"
    assert (await tooled_http.get(path)).json()["bound"] == "max_steps"
    told = await tooled_http.get(path, params={"stream": "true"})
    last = [json.loads(line[6:]) for line in told.text.splitlines() if line.startswith("data: ")][-1]
    assert last["response"]["bound"] == "max_steps"


@pytest.mark.parametrize(
    "bounds", [{"max_step": 1}, {"max_steps": 0}, {"max_cost": -1}, {"max_seconds": "1"}, []]
)
async def test_a_bound_that_is_none_is_refused(tooled_http: httpx.AsyncClient, bounds: Any):
    refused = await tooled_http.post("/responses", json={"model": "groq/x", "input": "x", "bounds": bounds})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"].startswith("bounds")


@pytest.fixture(scope="module")
async def strict(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, tools: ToolServer
) -> AsyncIterator[httpx.AsyncClient]:
    """A server whose operator allows little."""
    server = tooled_server(
        tmp_path_factory.mktemp("strict"),
        upstream,
        {"tools": {"url": tools.url}},
        RESPONSES_MAX_STEPS="3",
        RESPONSES_MAX_BACKGROUND_STEPS="3",
        RESPONSES_MAX_TOOL_CALLS="4",
        RESPONSES_MCP_CONTEXT_BYTES="2048",
        RESPONSES_MCP_CALL_SECONDS="1",
    )
    with server:
        async with client_of(server) as http:
            yield http


@pytest.mark.slow
@pytest.mark.parametrize("way", ["plain", "background"])
async def test_a_request_cannot_raise_what_an_operator_allows(
    strict: httpx.AsyncClient, upstream: Upstream, way: str
):
    plan = Plan("chat", CHAT, adds(9))
    body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [TOOLS]}
    response = await made(strict, way, **body, bounds={"max_steps": 9, "max_tool_calls": 99})
    assert (response["bound"], len(of_type(response, "mcp_call"))) == ("max_steps", 3)
    assert text_of(response) == plan.last
    many = Plan("chat", CHAT, [[("tools__add", {"a": n, "b": 2}) for n in range(9)]])
    body = {**body, "model": many.served(upstream), "max_tool_calls": 99}
    response = await made(strict, way, **body)
    assert (response["bound"], len(of_type(response, "mcp_call"))) == ("max_tool_calls", 4)


@pytest.mark.slow
async def test_a_call_that_never_ends_and_a_result_that_is_long_are_cut(
    strict: httpx.AsyncClient, upstream: Upstream
):
    plan = Plan("chat", CHAT, ([("tools__hang", {}), ("tools__big", {"size": 50_000})], "So."))
    body: Json = {"model": plan.served(upstream), "input": "Do it", "tools": [TOOLS]}
    begun = time.monotonic()
    response = await made(strict, "plain", **body)
    assert time.monotonic() - begun < 4.0
    hung, long = of_type(response, "mcp_call")
    assert (hung["status"], hung["output"]) == ("failed", None)
    assert len(long["output"].encode()) < 2_500
    assert plan.results[1] == long["output"]
    assert text_of(response) == "So."
