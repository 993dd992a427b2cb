"""Which servers of tools a request may use: its `mcp` tools, by name or by address, for this caller."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.known import upstream_may_run_servers
from lambda_responses.lifecycle.ports import Principal
from lambda_responses.outbound.faults import Refused
from lambda_responses.outbound.urls import read_url
from lambda_responses.tools.approvals import approval_policies
from lambda_responses.tools.filters import read_filter
from lambda_responses.tools.servers.credentials import secrets_of
from lambda_responses.tools.servers.headers import is_field
from lambda_responses.tools.servers.server import Http, Server
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError
from lambda_responses.wire.mcp_tools import is_proxys, judge_mcp_tool, names_in, tools_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.providers.base import Target
    from lambda_responses.tools.servers.registry import NamedServer
    from lambda_responses.wire.json import Json

_TO_THE_PROXY = "x-litellm-"
_CHOSEN = "x-mcp-servers"
"""Headers that clients of LiteLLM's proxy put into a tool for the proxy itself. They are not passed on."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PLAIN = ("agent", "format", "language", "locale", "region", "timezone", "toolset", "trace", "version")
"""Parts of the names of headers whose values are no secrets."""
MOST_SECRETS = 64
"""Of one server, by the word: all that it says is searched for each of them (`wire.redaction` knows 128)."""
_CLOSED = (
    "an MCP server that a request names by its address is called at public 'https' addresses alone. "
    "Whoever operates this server can open others with RESPONSES_OUTBOUND_ALLOW, or name the server in "
    "RESPONSES_MCP_SERVERS."
)


def upstream_runs(request: Json, targets: Sequence[Target], using: Services) -> bool:
    """Whether the request's `mcp` tools go to the upstream, which calls their servers by itself.

    The operator has to have said so of each of the targets' providers, and nobody else knows the servers
    that the operator has named.
    """
    if not upstream_may_run_servers(targets, using):
        return False
    return all(names_in(_url(tool)) is None for _, tool in _asked(request))


def resolve_servers(
    request: Json, *, targets: Sequence[Target], principal: Principal, using: Services
) -> Sequence[Server]:
    """The servers of a checked request, each under a label of its own, in the order of its tools.

    Empty where it has no `mcp` tools or the upstream runs them, and never otherwise. Raises
    `InvalidRequestError` for what cannot be used, by this caller or at all.
    """
    if upstream_runs(request, targets, using):
        return ()
    _refuse_elsewhere(request)
    found: dict[str, Server] = {}
    for path, tool in _asked(request):
        _check(tool, path)
        for server in _servers(tool, path, principal, using, taken=found):
            _check_secrets(server)
            if server.label in found:
                message = f"Duplicate MCP server label: '{server.label}' is in 'tools' more than once."
                raise _fault(message, f"{path}.server_label")
            found[server.label] = server
    return list(found.values())


def render_rights(principal: Principal) -> Json:
    """What a caller may do with servers, to be kept with a response that is made when they are gone."""
    servers = principal.mcp_servers
    return {"servers": None if servers is None else sorted(servers), "urls": principal.mcp_urls}


def read_rights(tenant: str, key_id: str | None, rights: Json) -> Principal:
    """The caller again, as far as servers are concerned."""
    servers: list[str] | None = rights.get("servers", [])  # what was not kept is not allowed
    return Principal(
        tenant,
        key_id=key_id,
        mcp_servers=None if servers is None else frozenset(servers),
        mcp_urls=rights.get("urls", False),
    )


def _asked(request: Json) -> Iterator[tuple[str, Json]]:
    for index, tool in enumerate(request.get("tools") or ()):
        if tool.get("type") == "mcp":
            yield f"tools[{index}]", tool


def _url(tool: Json) -> str:
    url = tool.get("server_url")
    return url if isinstance(url, str) else ""


def _refuse_elsewhere(request: Json) -> None:
    """Servers come with the request itself: nobody could run those that its items or namespaces hold.

    What an upstream's own search has found is history, of which those that may not know it are not told.
    """
    history: Json = {}  # in whose place the next item keeps its own
    told = [history if item.get("execution") == "server" else item for item in request["input"]]
    asked = {path for path, _ in _asked(request)}
    for path, tool in tools_in({**request, "input": told}):
        if tool.get("type") == "mcp" and path not in asked:
            message = f"'{path}' is not supported: this server takes MCP tools in 'tools' alone."
            raise UnsupportedError(message, param=path)


def _check(tool: Json, path: str) -> None:
    """A tool for a native upstream has not been looked at before."""
    judge_mcp_tool(tool, path)
    for member in ("connector_id", "tunnel_id"):
        if tool.get(member):
            message = f"'{path}.{member}' is not supported: this server reaches no servers of OpenAI's."
            raise UnsupportedError(message, param=f"{path}.{member}")


def _servers(
    tool: Json, path: str, principal: Principal, using: Services, *, taken: Mapping[str, Server]
) -> Sequence[Server]:
    """Those of one tool."""
    url = tool["server_url"]
    names = names_in(url)
    if names is None:
        return [_addressed(tool, path, principal, using)]
    headers = _headers(tool, path)
    param = f"{path}.server_url"
    if is_proxys(url) and not names and _CHOSEN in headers:
        names, param = _chosen(headers[_CHOSEN], path), f"{path}.headers"
    registry = using.mcp_servers
    if names or not is_proxys(url):
        servers = [_open(registry.open_to(name, principal), name, param) for name in names]
    else:
        servers = registry.all_for(principal)
        if not servers:
            raise _fault(f"Invalid '{param}': there is no MCP server that you may use.", param)
    # Clients of LiteLLM's proxy give the same label to whatever they have behind it.
    label = tool.get("server_label") if len(servers) == 1 else None
    if is_proxys(url) and label in taken:
        label = None
    return [_named(server, label, tool, headers, path) for server in servers]


def _chosen(header: str, path: str) -> Sequence[str]:
    """The servers that a header for LiteLLM's proxy names."""
    names = [name.strip() for name in header.split(",") if name.strip()]
    if not names:
        raise _fault(f"Invalid '{path}.headers': '{_CHOSEN}' names no MCP server.", f"{path}.headers")
    return names


def _open(server: NamedServer | None, name: str, param: str) -> NamedServer:
    """It, if this caller may use it. Whether others may use such a one is not for everybody to know."""
    if server is None:
        named = f"named '{name}'" if _NAME.fullmatch(name) else "of that name"
        raise _fault(f"Invalid '{param}': there is no MCP server {named} that you may use.", param)
    return server


def _named(
    server: NamedServer, label: str | None, tool: Json, headers: Mapping[str, str], path: str
) -> Server:
    brought = {
        name: value
        for name, value in headers.items()
        if name != _CHOSEN and not name.startswith(_TO_THE_PROXY)
    }
    if brought and not server.passthrough:
        member = "authorization" if tool.get("authorization") else "headers"
        message = f"Invalid '{path}.{member}': this MCP server is not one that takes credentials of callers."
        raise _fault(message, f"{path}.{member}")
    prefix = server.name if is_proxys(tool["server_url"]) else None
    asked = tool.get("allowed_tools")
    return replace(
        server.as_server(label),
        headers={**brought, **server.headers},
        secrets=server.secrets | _secrets_in(brought),
        allowed=server.allowed if asked is None else (*server.allowed, read_filter(asked, server=prefix)),
        approval=approval_policies(tool.get("require_approval"), server.approval, server=prefix),
        deferred=server.deferred or bool(tool.get("defer_loading")),
        description=tool.get("server_description") or server.description,
        path=path,
    )


def _addressed(tool: Json, path: str, principal: Principal, using: Services) -> Server:
    """A server that only the client knows."""
    if not (principal.mcp_urls or using.mcp_urls):
        message = (
            f"Invalid '{path}.server_url': you may not name MCP servers by their addresses. "
            "Name one of this server's own, as 'mcp://<name>'."
        )
        raise _fault(message, f"{path}.server_url")
    asked = tool.get("allowed_tools")
    limits = using.mcp_servers.limits
    headers = _headers(tool, path)
    return Server(
        tool["server_label"],
        Http(_open_address(tool["server_url"], f"{path}.server_url", using)),
        headers=headers,
        secrets=_secrets_in(headers),
        allowed=() if asked is None else (read_filter(asked),),
        approval=approval_policies(tool.get("require_approval")),
        deferred=bool(tool.get("defer_loading")),
        description=tool.get("server_description"),
        call_seconds=limits.call_seconds,
        list_seconds=limits.list_seconds,
        result_bytes=limits.result_bytes,
        context_bytes=limits.context_bytes,
        required=limits.required,
        path=path,
    )


def _check_secrets(server: Server) -> None:
    """What a server says is searched for all of them."""
    if len(set(secrets_of(server))) > MOST_SECRETS:
        message = f"Invalid '{server.path}': the headers of an MCP server have {MOST_SECRETS} values at most."
        raise _fault(message, server.path)


def _open_address(url: str, param: str, using: Services) -> str:
    """The address, plainly written. What it leads to is looked at again when that is known."""
    policy = using.outbound.policy
    try:
        place = read_url(url)
    except Refused:
        message = f"Invalid '{param}': expected an address such as 'https://mcp.example.com/mcp'."
        raise _fault(message, param) from None
    try:
        policy.check(place)
    except Refused:
        raise _fault(f"Invalid '{param}': {_CLOSED}", param) from None
    if place.scheme != "https" and not policy.opens_for_us_alone(place):
        raise _fault(f"Invalid '{param}': {_CLOSED}", param)
    return place.url


def _secrets_in(headers: Mapping[str, str]) -> frozenset[str]:
    """What the client sends along, which is its own to know; words that results may well have are none."""
    return frozenset(value for name, value in headers.items() if not any(word in name for word in _PLAIN))


def _headers(tool: Json, path: str) -> dict[str, str]:
    """What the client wants sent along, its authorization included; names in lower case."""
    headers: dict[str, str] = {}
    given: Mapping[str, str] = tool.get("headers") or {}
    for name, value in given.items():
        chooses = name.lower() == _CHOSEN  # which goes nowhere, and says itself what it lacks
        if not (chooses or is_field(name, value)) or name.lower() in headers:
            raise _fault(
                f"Invalid '{path}.headers': it holds a header that cannot be sent.", f"{path}.headers"
            )
        headers[name.lower()] = value
    token: str | None = tool.get("authorization")
    if not token:
        return headers
    if "authorization" in headers:
        message = f"Mutually exclusive parameters: '{path}.authorization' and '{path}.headers.Authorization'."
        raise InvalidRequestError(message, code="mutually_exclusive_parameters", param=path)
    scheme, _, rest = token.strip().partition(" ")
    value = token.strip() if rest and scheme.isalpha() else f"Bearer {token.strip()}"
    if not is_field("authorization", value):
        raise _fault(f"Invalid '{path}.authorization': it cannot be sent.", f"{path}.authorization")
    return {**headers, "authorization": value}


def _fault(message: str, param: str) -> InvalidRequestError:
    return InvalidRequestError(message, code="invalid_value", param=param)
