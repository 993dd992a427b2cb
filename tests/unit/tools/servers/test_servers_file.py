"""What an operator tells of servers of tools."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.tools.approvals import ALWAYS, ApprovalPolicy
from lambda_responses.tools.filters import ToolFilter
from lambda_responses.tools.servers.registry import Limits, NamedServer
from lambda_responses.tools.servers.server import ClientCredentials, Http, SigV4, Stdio
from lambda_responses.tools.servers.servers_file import ServersFileError, read_servers_file

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = {
    "TOKEN": "canary-1234",
    "TEAM": "search",
    "BROKEN": "canary\n1234",
    "EMPTY": "",
    "WHERE": "in.example",
}
LIMITS = Limits(call_seconds=7, list_ttl=11)
URL = "https://dice.example/mcp"
PIN = "0" * 64


def read(content: Any, *, programs: bool = True) -> Mapping[str, NamedServer]:
    return read_servers_file(content, secrets=SECRETS, limits=LIMITS, programs=programs)


def server(**members: Any) -> NamedServer:
    return read({"mcpServers": {"dice": {"url": URL, **members}}})["dice"]


def refusal(content: Any, *, programs: bool = True) -> str:
    with pytest.raises(ServersFileError) as told:
        read(content, programs=programs)
    return str(told.value)


def test_a_server_needs_no_more_than_its_address():
    assert server() == NamedServer("dice", Http(URL), LIMITS)


@pytest.mark.parametrize("content", [{}, {"mcpServers": {}}, {"mcpServers": None}])
def test_there_may_be_no_servers(content: Any):
    assert read(content) == {}


def test_servers_come_in_the_order_of_the_file():
    assert list(read({"mcpServers": {name: {"url": URL} for name in ("wiki", "dice", "maps")}})) == [
        "wiki",
        "dice",
        "maps",
    ]


def test_everything_that_may_be_said_of_a_server_is_read():
    read_only = ToolFilter(read_only=True)
    assert server(
        type="sse",
        headers={"X-Team": "${TEAM}"},
        auth={"type": "passthrough"},
        description="Dice.",
        allowed_tools=["roll"],
        require_approval={"never": {"read_only": True}},
        trusts_hints=True,
        pins={"roll": PIN},
        defer_loading=True,
        call_seconds=300,
        list_seconds=5,
        list_ttl=0,
        result_bytes=4096,
        context_bytes=2048,
        on_list_failure="degrade",
        tenants=["acme"],
        keys=["key_1"],
    ) == NamedServer(
        "dice",
        Http(URL, "sse"),
        Limits(300, 5, 4096, 2048, 0, required=False),
        headers={"x-team": "search"},
        secrets=frozenset({"search"}),
        passthrough=True,
        description="Dice.",
        allowed=(ToolFilter(frozenset({"roll"})),),
        approval=ApprovalPolicy(never=read_only),
        deferred=True,
        pins={"roll": PIN},
        trusts_hints=True,
        tenants=frozenset({"acme"}),
        keys=frozenset({"key_1"}),
    )


def test_what_the_file_leaves_out_is_the_settings_to_say():
    assert server(call_seconds=300).limits == replace(LIMITS, call_seconds=300)


@pytest.mark.parametrize(
    ("said", "policy"), [("always", ALWAYS), ("never", ApprovalPolicy(never=ToolFilter())), (None, None)]
)
def test_an_operator_may_say_which_calls_wait(said: Any, policy: Any):
    assert server(require_approval=said).approval == policy


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        ({"type": "bearer", "token": "${TOKEN}"}, {"authorization": "Bearer canary-1234"}),
        ({"type": "bearer", "token": "plain"}, {"authorization": "Bearer plain"}),
        ({"type": "header", "name": "X-Key", "value": "k=${TOKEN}"}, {"x-key": "k=canary-1234"}),
        ({"type": "passthrough"}, {}),
        (None, {}),
    ],
)
def test_credentials_that_are_headers_are_headers(auth: Any, headers: dict[str, str]):
    named = server(auth=auth)
    assert (named.headers, named.auth) == (headers, None)


def test_a_token_endpoint_is_told_who_asks():
    given = {
        "type": "oauth_client_credentials",
        "token_url": "https://id.example/token",
        "client_id": "us",
        "client_secret": "${TOKEN}",
        "scope": "tools",
        "in_body": True,
    }
    assert server(auth=given).auth == ClientCredentials(
        "https://id.example/token", "us", "canary-1234", "tools", None, in_body=True
    )


def test_requests_may_be_signed_for_aws():
    given = {"type": "sigv4", "service": "lambda", "region": "eu-central-1"}
    assert server(auth=given).auth == SigV4("lambda", "eu-central-1")


def test_an_address_may_have_a_secret():
    assert server(url="https://${WHERE}/mcp?key=${TOKEN}").where == Http(
        "https://in.example/mcp?key=canary-1234"
    )


def test_a_program_may_be_started_where_there_is_a_machine():
    entry = {"command": "mcp-files", "args": [".", "--team=${TEAM}"], "env": {"TOKEN": "${TOKEN}"}}
    for kind in ({}, {"type": "stdio"}):
        named = read({"mcpServers": {"files": {**entry, **kind}}})["files"]
        assert named.where == Stdio("mcp-files", (".", "--team=search"), {"TOKEN": "canary-1234"})


def test_no_function_starts_a_program():
    said = refusal({"mcpServers": {"files": {"command": "mcp-files"}}}, programs=False)
    assert said.startswith("mcpServers.files is a program to start")


def test_a_server_remembers_what_was_filled_in():
    headers = {"x-team": "${TEAM}", "x-plain": "plain"}
    made = server(headers=headers, auth={"type": "bearer", "token": "${TOKEN}"})
    assert made.secrets == made.as_server().secrets == {"search", "canary-1234"}


def test_no_secret_is_printed():
    named = server(
        headers={"x-pass": "${TOKEN}"},
        auth={
            "type": "oauth_client_credentials",
            "token_url": "https://id.example/token",
            "client_id": "us",
            "client_secret": "${TOKEN}",
        },
    )
    assert "canary" not in repr(named)
    assert "canary" not in repr(named.as_server())


WRONG: dict[str, tuple[Any, str]] = {
    "a list": ([], "the file"),
    "a text": ("x", "the file"),
    "another member": ({"servers": {}}, "the file has no member 'servers'"),
    "servers in a list": ({"mcpServers": []}, "mcpServers"),
    "a server that is a text": ({"mcpServers": {"dice": URL}}, "mcpServers.dice"),
    "a name with a slash": ({"mcpServers": {"a/b": {"url": URL}}}, "mcpServers holds a name"),
    "no name": ({"mcpServers": {"": {"url": URL}}}, "mcpServers holds a name"),
}
WRONG_MEMBERS: dict[str, tuple[Any, str]] = {
    "neither": ({}, "mcpServers.dice has to have either 'url' or 'command'"),
    "both": ({"url": URL, "command": "x"}, "mcpServers.dice has to have either 'url' or 'command'"),
    "a misspelt member": ({"url": URL, "tokn": "canary-1"}, "mcpServers.dice has no member 'tokn'"),
    "a number for an address": ({"url": 5}, "mcpServers.dice.url: "),
    "no address": ({"url": "dice"}, "mcpServers.dice.url is not a plain http or https address"),
    "a password": ({"url": "https://u:canary@dice.example/"}, "mcpServers.dice.url is not a plain"),
    "another scheme": ({"url": "file:///etc/passwd"}, "mcpServers.dice.url is not a plain"),
    "a type that is none": ({"url": URL, "type": "smoke"}, "mcpServers.dice.type: "),
    "a program with an address": ({"url": URL, "type": "stdio"}, "mcpServers.dice has a 'url'"),
    "an address with arguments": ({"url": URL, "args": ["x"]}, "mcpServers.dice.args is not for"),
    "an address with variables": ({"url": URL, "env": {}}, "mcpServers.dice.env is not for"),
    "a program with headers": ({"command": "x", "headers": {}}, "mcpServers.dice.headers is not for"),
    "a program with credentials": (
        {"command": "x", "auth": {"type": "bearer", "token": "canary-1"}},
        "mcpServers.dice.auth is not for",
    ),
    "a program of another type": ({"command": "x", "type": "sse"}, "mcpServers.dice has a 'command'"),
    "a secret that is not set": (
        {"url": URL, "headers": {"x-a": "${NOWHERE}"}},
        "mcpServers.dice.headers.x-a needs NOWHERE, which is not set",
    ),
    "a variable that is not set": (
        {"command": "x", "env": {"A": "${NOWHERE}"}},
        "mcpServers.dice.env.A needs",
    ),
    "an argument that is not set": (
        {"command": "x", "args": ["", "${NOWHERE}"]},
        "mcpServers.dice.args[1] needs",
    ),
    "a secret of two lines": (
        {"url": URL, "auth": {"type": "bearer", "token": "${BROKEN}"}},
        "mcpServers.dice.auth.token is no header that can be sent",
    ),
    "a header of the protocol": (
        {"url": URL, "headers": {"Mcp-Session-Id": "canary-1"}},
        "mcpServers.dice.headers.Mcp-Session-Id is no header",
    ),
    "a header twice": (
        {
            "url": URL,
            "headers": {"Authorization": "canary-1"},
            "auth": {"type": "bearer", "token": "canary-2"},
        },
        "mcpServers.dice.auth.token is a header that it has already",
    ),
    "no kind of credentials": ({"url": URL, "auth": {}}, "mcpServers.dice.auth"),
    "an unknown kind of credentials": (
        {"url": URL, "auth": {"type": "magic"}},
        "mcpServers.dice.auth is none of",
    ),
    "half of the credentials": (
        {"url": URL, "auth": {"type": "header", "name": "x-a"}},
        "mcpServers.dice.auth has no 'value'",
    ),
    "too much of them": (
        {"url": URL, "auth": {"type": "passthrough", "token": "canary-1"}},
        "mcpServers.dice.auth has no member 'token'",
    ),
    "a token endpoint that is none": (
        {
            "url": URL,
            "auth": {
                "type": "oauth_client_credentials",
                "token_url": "id",
                "client_id": "us",
                "client_secret": "canary-1",
            },
        },
        "mcpServers.dice.auth.token_url is not a plain",
    ),
    "a pin that is none": ({"url": URL, "pins": {"roll": "abc"}}, "mcpServers.dice.pins.roll: "),
    "a call that takes too long": ({"url": URL, "call_seconds": 301}, "mcpServers.dice.call_seconds: "),
    "a call that takes no time": ({"url": URL, "call_seconds": 0}, "mcpServers.dice.call_seconds: "),
    "tools that are a text": (
        {"url": URL, "allowed_tools": "roll"},
        "mcpServers.dice.allowed_tools is none of",
    ),
    "an approval that is none": (
        {"url": URL, "require_approval": "sometimes"},
        "mcpServers.dice.require_approval: ",
    ),
    "a failure that is none": (
        {"url": URL, "on_list_failure": "ignore"},
        "mcpServers.dice.on_list_failure: ",
    ),
    "keys that are a text": ({"url": URL, "keys": "key_1"}, "mcpServers.dice.keys: "),
}
WRONG |= {name: ({"mcpServers": {"dice": entry}}, said) for name, (entry, said) in WRONG_MEMBERS.items()}


@pytest.mark.parametrize(("content", "begins"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_used_is_said_by_its_place_and_without_a_value(content: Any, begins: str):
    said = refusal(content)
    assert said.startswith(begins)
    assert "canary" not in said
    assert not said.endswith(".")
