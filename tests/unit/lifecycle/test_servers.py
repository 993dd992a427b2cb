"""Which servers a request may use."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.lifecycle.servers import read_rights, render_rights, resolve_servers, upstream_runs
from lambda_responses.outbound.client import Outbound
from lambda_responses.outbound.policy import OutboundPolicy
from lambda_responses.tools.approvals import ALWAYS, NEVER
from lambda_responses.tools.filters import ToolFilter
from lambda_responses.tools.servers.registry import Limits, NamedServer, ServerRegistry
from lambda_responses.tools.servers.server import Http
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.mcp_tools import asks_for_servers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Json

URL = "https://dice.example/mcp"
ADDRESSED: Json = {"type": "mcp", "server_label": "d", "server_url": URL}
REGISTRY = ServerRegistry(
    {
        "dice": NamedServer("dice", Http(URL), headers={"x-team": "search"}, approval=NEVER),
        "wiki": NamedServer(
            "wiki", Http(URL), allowed=(ToolFilter(frozenset({"find"})),), description="Ours."
        ),
        "mine": NamedServer("mine", Http(URL), passthrough=True),
        "bank": NamedServer("bank", Http(URL), tenants=frozenset({"globex"})),
    },
    Limits(call_seconds=7, required=False),
)
ME = Principal("acme")
NATIVE: Any = SimpleNamespace(native=True, provider=SimpleNamespace(name="openai"))
BRIDGED: Any = SimpleNamespace(native=False, provider=SimpleNamespace(name="groq"))


def services(*, urls: bool = True, upstream: Sequence[str] = (), allow: Sequence[str] = ()) -> Any:
    return SimpleNamespace(
        mcp_servers=REGISTRY,
        mcp_urls=urls,
        mcp_upstream=frozenset(upstream),
        outbound=Outbound(OutboundPolicy(allow)),
    )


def resolved(
    *tools: Json, principal: Principal = ME, using: Any = None, target: Any = BRIDGED
) -> Sequence[Server]:
    request = {"input": [], "tools": [{"type": "mcp", **tool} for tool in tools]}
    return resolve_servers(request, targets=[target], principal=principal, using=using or services())


def refused(*tools: Json, **more: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as told:
        resolved(*tools, **more)
    assert "canary" not in told.value.message
    return told.value


def labels(*tools: Json, **more: Any) -> list[tuple[str, str | None]]:
    return [(server.label, server.named) for server in resolved(*tools, **more)]


@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ([{"server_url": "mcp://dice"}], [("dice", "dice")]),
        ([{"server_url": "mcp://dice", "server_label": "d"}], [("d", "dice")]),
        ([{"server_url": "litellm_proxy/mcp/wiki"}], [("wiki", "wiki")]),
        ([{"server_url": "litellm_proxy/mcp/wiki", "server_label": "litellm"}], [("litellm", "wiki")]),
        ([{"server_url": "litellm_proxy/mcp/wiki,dice"}], [("wiki", "wiki"), ("dice", "dice")]),
        (
            [{"server_url": "litellm_proxy", "server_label": "litellm"}],
            [("dice", "dice"), ("wiki", "wiki"), ("mine", "mine")],
        ),
        (
            [{"server_url": "litellm_proxy/mcp", "headers": {"x-mcp-servers": "wiki, dice"}}],
            [("wiki", "wiki"), ("dice", "dice")],
        ),
        (
            [
                {"server_url": "litellm_proxy/mcp/wiki", "server_label": "litellm"},
                {"server_url": "litellm_proxy/mcp/dice", "server_label": "litellm"},
            ],
            [("litellm", "wiki"), ("dice", "dice")],
        ),
        ([{"server_url": "mcp://dice"}, ADDRESSED], [("dice", "dice"), ("d", None)]),
        (
            [{"server_url": "mcp://dice"}, {"server_url": "mcp://dice", "server_label": "again"}],
            [("dice", "dice"), ("again", "dice")],
        ),
    ],
)
def test_servers_are_found_by_name_and_have_a_label_each(tools: list[Json], found: list[Any]):
    assert labels(*tools) == found


def test_a_request_without_such_tools_has_no_servers():
    request: Json = {"input": [{"type": "message"}], "tools": [{"type": "function", "name": "mcp"}]}
    assert resolve_servers(request, targets=[BRIDGED], principal=ME, using=services()) == []
    assert resolve_servers({"input": []}, targets=[NATIVE], principal=ME, using=services()) == []


def test_all_servers_are_those_that_the_caller_may_use():
    proxy = {"server_url": "litellm_proxy"}
    assert [name for name, _ in labels(proxy, principal=Principal("globex"))] == [
        "dice",
        "wiki",
        "mine",
        "bank",
    ]
    bound = Principal("acme", mcp_servers=frozenset({"wiki/find", "bank"}))
    assert labels({**proxy, "server_label": "litellm"}, principal=bound) == [("litellm", "wiki")]
    assert labels(proxy, principal=bound) == [("wiki", "wiki")]


@pytest.mark.parametrize(
    "url", ["mcp://gone", "mcp://bank", "mcp://", "mcp://dice,wiki", "litellm_proxy/mcp/gone"]
)
def test_a_server_that_others_may_use_is_not_told_from_one_that_is_not_there(url: str):
    fault = refused({"server_url": "mcp://dice"}, {"server_url": url})
    assert (fault.status, fault.param) == (400, "tools[1].server_url")
    name = url.rpartition("/")[2]
    named = "of that name" if name in ("", "dice,wiki") else f"named '{name}'"
    assert fault.message.endswith(f"there is no MCP server {named} that you may use.")


def test_of_several_servers_the_one_is_named_that_is_not_there():
    fault = refused({"server_url": "litellm_proxy/mcp/wiki,gone"})
    assert (fault.param, "'gone'" in fault.message) == ("tools[0].server_url", True)
    fault = refused({"server_url": "litellm_proxy", "headers": {"X-MCP-Servers": "wiki, gone"}})
    assert (fault.param, "'gone'" in fault.message) == ("tools[0].headers", True)


@pytest.mark.parametrize("header", ["", " ", ","])
def test_a_header_that_chooses_no_server_is_told_so(header: str):
    fault = refused({"server_url": "litellm_proxy", "headers": {"x-mcp-servers": header}})
    assert fault.message == "Invalid 'tools[0].headers': 'x-mcp-servers' names no MCP server."


def test_whoever_may_use_no_server_is_told_so():
    fault = refused({"server_url": "litellm_proxy"}, principal=Principal("acme", mcp_servers=frozenset()))
    assert (fault.status, fault.param) == (400, "tools[0].server_url")


@pytest.mark.parametrize(
    "tools",
    [
        [{"server_url": "mcp://dice"}, {"server_url": "mcp://dice"}],
        [{"server_url": "mcp://dice", "server_label": "d"}, ADDRESSED],
        [{"server_url": "litellm_proxy/mcp/dice"}, {"server_url": "litellm_proxy/mcp/dice"}],
        [ADDRESSED, {**ADDRESSED, "server_url": "https://other.example/mcp"}],
    ],
)
def test_two_servers_do_not_have_the_same_label(tools: list[Json]):
    fault = refused(*tools)
    assert (fault.code, fault.param) == ("invalid_value", "tools[1].server_label")


def test_a_named_server_has_what_the_operator_says_of_it():
    [server] = resolved({"server_url": "mcp://wiki"})
    assert (server.where, server.description, server.operators) == (Http(URL), "Ours.", True)
    assert server.allowed == (ToolFilter(frozenset({"find"})),)
    assert server.approval == (ALWAYS,)
    assert server.path == "tools[0]"


def test_a_request_narrows_what_the_operator_says():
    [server] = resolved(
        {
            "server_url": "mcp://wiki",
            "allowed_tools": ["find", "read"],
            "require_approval": "never",
            "server_description": "Theirs.",
            "defer_loading": True,
        }
    )
    assert server.allowed == (ToolFilter(frozenset({"find"})), ToolFilter(frozenset({"find", "read"})))
    assert (server.approval, server.description, server.deferred) == ((NEVER,), "Theirs.", True)


@pytest.mark.parametrize(
    ("asked", "policies"), [(None, (NEVER,)), ("never", (NEVER, NEVER)), ("always", (NEVER, ALWAYS))]
)
def test_the_operators_word_on_approvals_holds_with_the_requests(asked: Any, policies: Any):
    [server] = resolved({"server_url": "mcp://dice", "require_approval": asked})
    assert server.approval == policies


def test_clients_of_litellms_proxy_may_put_the_server_before_the_tool():
    [server] = resolved({"server_url": "litellm_proxy/mcp/dice", "allowed_tools": ["dice-roll"]})
    assert server.allowed == (ToolFilter(frozenset({"dice-roll", "roll"})),)


@pytest.mark.parametrize(
    ("brought", "param"),
    [
        ({"authorization": "canary"}, "tools[0].authorization"),
        ({"headers": {"Authorization": "canary"}}, "tools[0].headers"),
        ({"headers": {"x-team": "canary"}}, "tools[0].headers"),
    ],
)
@pytest.mark.parametrize("url", ["mcp://dice", "litellm_proxy", "litellm_proxy/mcp/mine,dice"])
def test_credentials_of_callers_go_to_no_server_that_does_not_take_them(brought: Json, param: str, url: str):
    assert refused({"server_url": url, **brought}).param == param


def test_credentials_of_callers_go_to_a_server_that_takes_them():
    [server] = resolved({"server_url": "mcp://mine", "authorization": "t0ken", "headers": {"X-Org": "o"}})
    assert server.headers == {"authorization": "Bearer t0ken", "x-org": "o"}


def test_what_is_for_litellms_proxy_itself_goes_nowhere():
    [server] = resolved(
        {
            "server_url": "litellm_proxy/mcp/dice",
            "headers": {"x-litellm-api-key": "Bearer sk", "X-Mcp-Servers": "x"},
        }
    )
    assert server.headers == {"x-team": "search"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"authorization": "t0ken"}, {"authorization": "Bearer t0ken"}),
        ({"authorization": " Bearer t0ken "}, {"authorization": "Bearer t0ken"}),
        ({"authorization": "Basic dTpw"}, {"authorization": "Basic dTpw"}),
        ({"authorization": ""}, {}),
        ({"headers": {"X-Key": "k", "Authorization": "Token t"}}, {"x-key": "k", "authorization": "Token t"}),
    ],
)
def test_a_server_that_a_client_addresses_gets_what_the_client_says(given: Json, sent: dict[str, str]):
    [server] = resolved({**ADDRESSED, **given})
    assert (server.headers, server.named, server.operators) == (sent, None, False)
    assert (server.call_seconds, server.list_ttl, server.required) == (7, 0.0, False)
    assert server.approval == (ALWAYS,)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"authorization": "canary\r\nx: y"}, "tools[0].authorization"),
        ({"headers": {"x": "canary\n"}}, "tools[0].headers"),
        ({"headers": {"canary x": "y"}}, "tools[0].headers"),
        ({"headers": {"Host": "canary"}}, "tools[0].headers"),
        ({"headers": {"X-A": "canary", "x-a": "canary"}}, "tools[0].headers"),
        ({"authorization": "canary", "headers": {"Authorization": "canary"}}, "tools[0]"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused(given: Json, param: str):
    assert refused({**ADDRESSED, **given}).param == param


CLOSED = (
    *("http://dice.example/mcp", "https://127.0.0.1/mcp", "https://localhost/mcp", "https://2130706433/"),
    *(
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
    ),
    *(
        "https://u:canary@dice.example/",
        "https://dice.example:8443/",
        "file:///etc/passwd",
        "dice",
        "https://",
    ),
    *("https://dice.internal/", "https://dice.example\\@127.0.0.1/", "http://127.0.0.1:9001/", "gopher://a/"),
)


@pytest.mark.parametrize("url", CLOSED)
def test_an_address_that_is_closed_or_not_secure_is_refused(url: str):
    fault = refused({**ADDRESSED, "server_url": url})
    assert (fault.status, fault.code, fault.param) == (400, "invalid_value", "tools[0].server_url")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9331/mcp", "http://dice.example/", "https://10.0.0.1/", "https://nobody.internal/"],
)
def test_of_a_closed_address_it_is_said_what_to_do(url: str):
    told = refused({**ADDRESSED, "server_url": url}).message
    assert told == refused({**ADDRESSED, "server_url": "https://127.0.0.1/mcp"}).message
    for way in ("'https'", "RESPONSES_OUTBOUND_ALLOW", "RESPONSES_MCP_SERVERS"):
        assert way in told


@pytest.mark.parametrize("url", ["not a url", "dice", "https://u:canary@dice.example/", "file:///etc/passwd"])
def test_what_is_no_address_is_told_how_one_looks(url: str):
    told = refused({**ADDRESSED, "server_url": url}).message
    assert told.endswith("expected an address such as 'https://mcp.example.com/mcp'.")


@pytest.mark.parametrize("url", [URL, "mcp://mine"])
def test_what_a_caller_sends_along_is_a_secret_of_its_own(url: str):
    headers = {"X-A": "hdrvalue1", "accept-language": "en-GB,en;q=0.5", "x-region": "eu-west-1"}
    [server] = resolved({**ADDRESSED, "server_url": url, "headers": headers})
    assert server.secrets == {"hdrvalue1"}


def test_what_the_operator_opened_may_be_addressed_without_tls():
    using = services(allow=["127.0.0.1:8000", "tools.corp"])
    for url in ("http://127.0.0.1:8000/mcp", "http://tools.corp/mcp", "https://tools.corp/mcp"):
        [server] = resolved({**ADDRESSED, "server_url": url}, using=using)
        assert server.where == Http(url)
    refused({**ADDRESSED, "server_url": "http://127.0.0.1:8001/mcp"}, using=using)


def test_only_those_address_servers_who_may():
    closed = services(urls=False)
    fault = refused(ADDRESSED, using=closed)
    assert (fault.status, fault.param) == (400, "tools[0].server_url")
    assert labels(ADDRESSED, using=closed, principal=Principal("acme", mcp_urls=True)) == [("d", None)]
    assert labels({"server_url": "mcp://dice"}, using=closed) == [("dice", "dice")]


@pytest.mark.parametrize("member", ["connector_id", "tunnel_id"])
@pytest.mark.parametrize("target", [BRIDGED, NATIVE])
def test_what_openai_alone_reaches_is_not_supported(member: str, target: Any):
    fault = refused({"server_label": "d", member: "connector_gmail"}, target=target)
    assert (fault.code, fault.param) == ("unsupported_parameter", f"tools[0].{member}")
    assert "not supported" in fault.message


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({"server_label": "d"}, "tools[0].server_url"),
        ({"server_url": URL}, "tools[0].server_label"),
        ({"server_label": 5, "server_url": URL}, "tools[0].server_label"),
        ({"server_label": "a b", "server_url": URL}, "tools[0].server_label"),
        ({"server_label": "d", "server_url": 5}, "tools[0].server_url"),
        ({**ADDRESSED, "headers": {"x": 5}}, "tools[0].headers.x"),
        ({**ADDRESSED, "require_approval": "sometimes"}, "tools[0].require_approval"),
        ({**ADDRESSED, "wat": 1}, "tools[0].wat"),
    ],
)
def test_tools_that_a_native_upstream_would_have_judged_are_judged_here(tool: Json, param: str):
    assert refused(tool, target=NATIVE).param == param


SPACE: Json = {"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}, ADDRESSED]}
FOUND: Json = {"type": "tool_search_output", "call_id": "c", "tools": [ADDRESSED]}


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ({"input": [{"type": "additional_tools", "tools": SPACE["tools"]}]}, "input[0].tools[1]"),
        ({"input": [{"type": "additional_tools", "tools": [SPACE]}]}, "input[0].tools[0].tools[1]"),
        ({"input": [{"type": "message"}, {**FOUND, "execution": "client"}]}, "input[1].tools[0]"),
        ({"input": [FOUND]}, "input[0].tools[0]"),
        ({"tools": [SPACE]}, "tools[0].tools[1]"),
        ({"tools": [{"type": "namespace", "tools": [SPACE]}]}, "tools[0].tools[0].tools[1]"),
        ({"tools": [{"type": "mcp", "server_url": "mcp://dice"}, SPACE]}, "tools[1].tools[1]"),
    ],
)
@pytest.mark.parametrize("target", [NATIVE, BRIDGED])
def test_servers_anywhere_else_are_refused(target: Any, asked: Json, place: str):
    request = {"input": [], **asked}
    assert asks_for_servers(request)
    with pytest.raises(InvalidRequestError) as told:
        resolve_servers(request, targets=[target], principal=ME, using=services())
    assert (told.value.status, told.value.param) == (400, place)


def test_what_an_upstreams_own_search_has_found_asks_for_nothing():
    request: Json = {"input": [{**FOUND, "execution": "server"}]}
    assert resolve_servers(request, targets=[BRIDGED], principal=ME, using=services()) == []


def test_what_a_server_says_is_searched_for_few_secrets():
    words = " ".join(f"canary-word-{number}" for number in range(65))
    told = refused({"server_label": "far", "server_url": "https://mcp.example.com/", "authorization": words})
    assert (told.status, told.param) == (400, "tools[0]")


def test_an_upstream_calls_servers_where_the_operator_says_so_of_all_targets():
    request: Json = {"input": [], "tools": [ADDRESSED]}
    using = services(upstream=["openai"])
    other: Any = SimpleNamespace(native=True, provider=SimpleNamespace(name="xai"))
    assert upstream_runs(request, [NATIVE], using)
    assert not upstream_runs(request, [NATIVE, other], using)
    assert not upstream_runs(request, [BRIDGED], services(upstream=["groq"]))
    assert not upstream_runs(request, [NATIVE], services())
    assert resolve_servers(request, targets=[NATIVE], principal=ME, using=using) == ()


def test_no_upstream_knows_the_operators_servers():
    using = services(upstream=["openai"])
    assert labels(ADDRESSED, {"server_url": "mcp://dice"}, using=using, target=NATIVE) == [
        ("d", None),
        ("dice", "dice"),
    ]


def test_an_upstream_is_given_what_it_alone_reaches():
    request: Json = {
        "input": [],
        "tools": [{"type": "mcp", "server_label": "d", "connector_id": "connector_gmail"}],
    }
    using = services(upstream=["openai"])
    assert resolve_servers(request, targets=[NATIVE], principal=ME, using=using) == ()


@pytest.mark.parametrize(
    "principal",
    [
        Principal("acme", key_id="key_1"),
        Principal("acme", key_id="key_1", mcp_servers=frozenset({"dice", "wiki/find"}), mcp_urls=True),
        Principal("acme", key_id="key_1", mcp_servers=frozenset()),
    ],
)
def test_what_a_caller_may_do_is_kept_for_when_it_is_gone(principal: Principal):
    assert read_rights("acme", "key_1", render_rights(principal)) == principal


def test_of_whom_nothing_was_kept_is_thought_little():
    assert read_rights("acme", None, {}) == Principal("acme", mcp_servers=frozenset(), mcp_urls=False)
