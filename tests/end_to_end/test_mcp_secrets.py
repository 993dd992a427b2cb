"""Credentials around tools of servers go where they belong, and into no row, line, answer or prompt."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.canaries import Canaries, everything_in
from tests.fakes.formats.every import FORMATS
from tests.fakes.mcp_servers.serving import serving
from tests.fakes.operator import Operator
from tests.fakes.plans import Plan
from tests.fakes.tooled import WIRES, client_of, ended, of_type, tooled_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.fakes.mcp_servers.serving import ToolServer
    from tests.fakes.upstream import Upstream

Json = dict[str, Any]

PROVIDER_KEYS = (
    "GROQ_API_KEY",
    "XAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "AWS_BEARER_TOKEN_BEDROCK",
)


@dataclass
class Evidence:
    """What is left of a server where everything was done with credentials that can be found again."""

    secrets: Canaries
    answers: list[str] = field(default_factory=list[str])
    plans: list[Plan] = field(default_factory=list[Plan])
    stored: bytes = b""
    printed: str = ""
    seen: dict[str, str] = field(default_factory=dict[str, str])
    """By label, the headers that a server of tools saw."""


@pytest.fixture(scope="module")
def evidence(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, tools: ToolServer
) -> Iterator[Evidence]:
    folder = tmp_path_factory.mktemp("secret")
    found = Evidence(Canaries())
    seed = found.secrets.seed
    token, wrong, header = seed("token"), seed("wrong token"), seed("header")
    with serving(token=token) as walled, closing(Operator(folder / "responses.db")) as operator:
        named: dict[str, Json] = {
            "tools": {"url": tools.url, "headers": {"X-Team": "${TEAM}"}},
            "walled": {"url": walled.url, "auth": {"type": "bearer", "token": "${WALLED}"}},
            "wrong": {"url": walled.url, "auth": {"type": "bearer", "token": "${WRONG}"}},
            "lent": {"url": tools.url, "auth": {"type": "passthrough"}},
        }
        key = operator.key("acme", mcp_urls=True)
        found.secrets.watch("gateway key", key)
        environment = {
            "RESPONSES_AUTH": "keys",
            "RESPONSES_LOG_LEVEL": "DEBUG",
            "RESPONSES_OUTBOUND_ALLOW": tools.url.split("/")[2],
            "WALLED": token,
            "WRONG": wrong,
            "TEAM": header,
            **{name: seed("provider's key") for name in PROVIDER_KEYS},
        }
        with tooled_server(folder, upstream, named, **environment) as server:
            lent = (
                seed("lent token"),
                seed("tenant's token"),
                seed("tenant's header"),
                seed("tenant's query"),
            )
            asyncio.run(visit(client_of(server, key), found, upstream, tools, lent))
        assert server.complaints == []
        found.printed = server.log
        found.stored = everything_in(folder / "responses.db")
        yield found


async def visit(
    http: httpx.AsyncClient,
    found: Evidence,
    upstream: Upstream,
    tools: ToolServer,
    lent: tuple[str, str, str, str],
) -> None:
    """Use every server in every way, on every format."""
    borrowed, authorization, header, query = lent
    own = {"headers": {"X-Own": header, "X-Api-Key": header}, "authorization": authorization}
    every: dict[str, Json] = {
        "tools": {"server_url": "mcp://tools"},
        "walled": {"server_url": "litellm_proxy/mcp/walled"},
        "lent": {"server_url": "mcp://lent", "authorization": borrowed},
        "own": {"server_url": f"{tools.url}?api_key={query}", **own},
        "wrong": {"server_url": "mcp://wrong"},
    }
    async with http:
        for label, tool in every.items():
            asked = {**tool, "type": "mcp", "server_label": label, "require_approval": "never"}
            for name in WIRES if label == "own" else ["chat"]:
                steps = ([(f"{label}__echo_headers", {}), (f"{label}__fail", {"reason": "no"})], "So.")
                for way in ("plain", "streamed", "background"):
                    plan = Plan(name, FORMATS[name], steps)
                    found.plans.append(plan)
                    body = {"model": plan.served(upstream), "input": "Do it", "tools": [asked]}
                    told = await answer(http, way, body)
                    found.answers.append(json.dumps(told))
                    for response in told:
                        for call in of_type(response, "mcp_call") if "output" in response else ():
                            if call["output"]:
                                found.seen[label] = call["output"]


async def answer(http: httpx.AsyncClient, way: str, body: Json) -> list[Json]:
    """All that a client is told of that."""
    if way == "streamed":
        answered = await http.post("/responses", json={**body, "stream": True})
        events = [json.loads(line[6:]) for line in answered.text.splitlines() if line.startswith("data: ")]
        return [*events, *(event["response"] for event in events[-1:])] if events else [answered.json()]
    answered = (await http.post("/responses", json={**body, "background": way == "background"})).json()
    if "error" in answered and "id" not in answered:
        return [answered]
    response = await ended(http, answered["id"])
    return [answered, response, (await http.get(f"/responses/{answered['id']}/input_items")).json()]


def test_everything_was_done(evidence: Evidence):
    """Or there would be nothing to find anywhere."""
    assert evidence.seen.keys() == {"tools", "walled", "lent", "own"}
    assert len([answer for answer in evidence.answers if '"So."' in answer]) == len(evidence.plans) - 3
    assert len([answer for answer in evidence.answers if "external_connector_error" in answer]) >= 1
    assert "401" in "".join(evidence.answers)


def test_no_credential_is_stored(evidence: Evidence):
    assert evidence.secrets.found_in(evidence.stored) == set()


def test_no_credential_is_in_a_line_of_the_log(evidence: Evidence):
    assert evidence.secrets.found_in(evidence.printed) == set()


def test_no_credential_is_in_an_answer(evidence: Evidence):
    assert [
        evidence.secrets.found_in(answer) for answer in evidence.answers if evidence.secrets.found_in(answer)
    ] == []


def test_no_model_is_shown_a_credential(evidence: Evidence):
    for plan in evidence.plans:
        for exchange in plan.exchanges:
            assert evidence.secrets.found_in(json.dumps(exchange.body)) == set()
            assert evidence.secrets.found_in(json.dumps(exchange.headers)) == {"provider's key"}


def test_a_server_of_tools_gets_what_is_meant_for_it_alone(evidence: Evidence):
    ours = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type"}
    for label, more in {
        "tools": {"x-team"},
        "walled": {"authorization"},
        "lent": {"authorization"},
        "own": {"authorization", "x-own", "x-api-key"},
    }.items():
        headers = json.loads(evidence.seen[label])
        sent = {name for name in headers if not name.startswith("mcp-")} - ours
        assert sent == more, label
