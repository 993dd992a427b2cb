"""Which servers of tools a request may use: its `mcp` tools, by name or by address, for this caller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.known import upstream_may_run_servers
from lambda_responses.lifecycle.ports import Principal
from lambda_responses.outbound.faults import Refused
from lambda_responses.outbound.policy import check_url
from lambda_responses.tools.approvals import approval_policies
from lambda_responses.tools.filters import read_filter
from lambda_responses.tools.servers.headers import is_field
from lambda_responses.tools.servers.server import Http, Server
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError
from lambda_responses.wire.mcp_tools import is_proxys, judge_mcp_tool, names_in
from lambda_responses.wire.tool_places import tools_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.providers.base import Target
    from lambda_responses.tools.servers.registry import NamedServer
    from lambda_responses.wire.json import Json

_TO_THE_PROXY = "x-litellm-"
_CHOSEN = "x-mcp-servers"
"""Headers that clients of LiteLLM's proxy put into a tool for the proxy itself. They are not passed on."""


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
    told = [{} if item.get("execution") == "server" else item for item in request["input"]]
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
    if is_proxys(url) and not names:
        names = [name.strip() for name in headers.get(_CHOSEN, "").split(",") if name.strip()]
    registry = using.mcp_servers
    if names or not is_proxys(url):
        servers = [registry.open_to(name, principal) for name in names]
    else:
        servers = list(registry.all_for(principal)) or [None]
    # Clients of LiteLLM's proxy give the same label to whatever they have behind it.
    label = tool.get("server_label") if len(servers) == 1 else None
    if is_proxys(url) and label in taken:
        label = None
    return [_named(server, label, tool, headers, path) for server in servers]


def _named(
    server: NamedServer | None, label: str | None, tool: Json, headers: Mapping[str, str], path: str
) -> Server:
    if server is None:  # whether there is one that others may use is not for everybody to know
        message = f"Invalid '{path}.server_url': there is no MCP server of that name that you may use."
        raise _fault(message, f"{path}.server_url")
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
    return Server(
        tool["server_label"],
        Http(_open_address(tool["server_url"], f"{path}.server_url", using)),
        headers=_headers(tool, path),
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


def _open_address(url: str, param: str, using: Services) -> str:
    """The address, plainly written. What it leads to is looked at again when that is known."""
    policy = using.outbound.policy
    try:
        place = check_url(url, policy)
    except Refused:
        message = f"Invalid '{param}': it is not the address of an MCP server that can be reached from here."
        raise _fault(message, param) from None
    if place.scheme != "https" and not policy.opens_for_us_alone(place):
        raise _fault(f"Invalid '{param}': expected an address that begins with 'https://'.", param)
    return place.url


def _headers(tool: Json, path: str) -> dict[str, str]:
    """What the client wants sent along, its authorization included; names in lower case."""
    headers: dict[str, str] = {}
    given: Mapping[str, str] = tool.get("headers") or {}
    for name, value in given.items():
        if not is_field(name, value) or name.lower() in headers:
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
