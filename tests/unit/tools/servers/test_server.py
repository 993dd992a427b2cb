"""What is known of a server tells it from others, and tells nobody its secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_responses.tools.servers.server import (
    ClientCredentials,
    Http,
    ListedTool,
    Server,
    SigV4,
    Stdio,
    ToolList,
)

CANARY = "canary-5e1f"
PLAIN = Server("a", Http("https://a.example/mcp"))
OTHERS = [
    replace(PLAIN, where=Http("https://b.example/mcp")),
    replace(PLAIN, headers={"authorization": f"Bearer {CANARY}"}),
    replace(PLAIN, headers={"authorization": "Bearer another"}),
    replace(PLAIN, headers={"x-team": f"Bearer {CANARY}"}),
    replace(PLAIN, auth=ClientCredentials("https://a.example/token", "us", CANARY)),
    replace(PLAIN, auth=ClientCredentials("https://a.example/token", "them", CANARY)),
    replace(PLAIN, auth=SigV4("lambda", "eu-central-1")),
    replace(PLAIN, where=Stdio("tools", ("--all",), {"KEY": CANARY})),
    replace(PLAIN, where=Stdio("tools", ("--all",))),
    replace(PLAIN, where=Stdio("tools")),
]


def test_a_digest_is_of_address_and_credentials() -> None:
    digests = [server.digest for server in (PLAIN, *OTHERS)]
    assert len(set(digests)) == len(digests)
    assert all(len(digest) == 32 and CANARY not in digest for digest in digests)


def test_a_digest_is_of_nothing_else() -> None:
    assert replace(PLAIN, label="b", named="b", call_seconds=1, path="tools[7]").digest == PLAIN.digest


def test_a_digest_stays_what_it_was() -> None:
    """It is kept in rows, and compared by other processes."""
    assert PLAIN.digest == "fcaaf483b266e9ba65321a67c77ac635"


@pytest.mark.parametrize("server", OTHERS)
def test_nothing_secret_is_seen_of_a_server(server: Server) -> None:
    assert CANARY not in repr(server)


def test_a_list_is_a_sequence_of_tools() -> None:
    tools = ToolList((ListedTool("a"), ListedTool("b")), 5.0)
    assert [tool.name for tool in tools] == ["a", "b"]
    assert (len(tools), tools[1].name, tools[:1]) == (2, "b", (ListedTool("a"),))
