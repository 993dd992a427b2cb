"""The MCP tool of a request: its shape, the ways in which it says where its server is, where it may stand.

    {"server_url": "https://mcp.example.com/mcp"}     an address
    {"server_url": "mcp://dice"}                      one of the operator's servers, by name
    {"server_url": "litellm_proxy/mcp/dice,search"}   several of them, as LiteLLM's clients name them
    {"server_url": "litellm_proxy"}                   all of them that the caller may use

An address needs a `server_label`; of the others the name is one. Tools are among a request's own, in items
that bring some, and in namespaces of either. A native upstream's requests are not judged before that is
looked at, so nothing is taken for granted of what stands there.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import ValidationError

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import first_fault, missing
from lambda_responses.wire.shapes import (
    FLAG,
    TEXT,
    by_kind,
    list_of,
    map_of,
    one_of,
    record,
    text,
    validator,
)
from lambda_responses.wire.tool_secrets import BRINGING, public_tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pydantic_core import SchemaValidator

    from lambda_responses.wire.json import Json

LABEL = text(pattern="^[A-Za-z0-9_-]{1,64}$")
CALLERS = list_of(one_of("direct", "programmatic"))
TOOL_FILTER = record(tool_names=list_of(TEXT), read_only=FLAG)
ALLOWED_TOOLS = by_kind({list: list_of(TEXT), dict: TOOL_FILTER})
REQUIRE_APPROVAL = by_kind(
    {str: one_of("always", "never"), dict: record(always=TOOL_FILTER, never=TOOL_FILTER)}
)
MCP = record(
    server_label=LABEL,
    server_url=TEXT,
    connector_id=TEXT,
    tunnel_id=TEXT,
    server_description=TEXT,
    authorization=TEXT,
    headers=map_of(TEXT),
    allowed_tools=ALLOWED_TOOLS,
    require_approval=REQUIRE_APPROVAL,
    allowed_callers=CALLERS,
    defer_loading=FLAG,
)
_PLACES = ("server_url", "connector_id", "tunnel_id")
_NAMED = "mcp://"
_PROXY = "litellm_proxy"


def asks_for_servers(request: Json) -> bool:
    """Whether a checked request has such tools, wherever they stand."""
    return any(tool.get("type") == "mcp" for _, tool in tools_in(request))


def tools_in(request: Json) -> Iterator[tuple[str, Json]]:
    """Every tool in a checked request, with the path at which it stands; a namespace before what it holds."""
    yield from _placed(request.get("tools"), "tools")
    for place, item in enumerate(request["input"]):
        if item.get("type") in BRINGING:
            yield from _placed(item.get("tools"), f"input[{place}].tools")


def without_servers(items: Iterable[Json]) -> list[Json]:
    """The items, without the MCP tools that some of them bring."""
    return [_without_servers(item) if item.get("type") in BRINGING else item for item in items]


def names_in(url: str) -> Sequence[str] | None:
    """The operator's servers that a `server_url` names; empty for all of them, None for an address."""
    if url.startswith(_NAMED):
        return [url.removeprefix(_NAMED)]
    root, _, rest = url.partition("/")
    if root != _PROXY:
        return None
    rest = rest.strip("/")
    named = rest.removeprefix("mcp").removeprefix("/") if rest == "mcp" or rest.startswith("mcp/") else rest
    return list(dict.fromkeys(name for name in named.split(",") if name))


def is_proxys(url: str) -> bool:
    """Whether it names servers in the way of LiteLLM's clients, who label them all alike."""
    return not url.startswith(_NAMED) and names_in(url) is not None


def label_of(tool: Json) -> str | None:
    """Its `server_label`, or what stands for one; None where that is missing."""
    if tool.get("server_label"):
        return tool["server_label"]
    names = names_in(tool.get("server_url") or "")
    if names is None:
        return None
    return names[0] if len(names) == 1 else _PROXY


def judge_mcp_tool(tool: Json, path: str) -> None:
    """All that can be wrong with one that nobody has looked at. Raises `InvalidRequestError`."""
    try:
        _judge().validate_python(tool)
    except ValidationError as error:
        raise first_fault(path, error) from None
    check_mcp_tool(tool, path)


@cache
def _judge() -> SchemaValidator:
    return validator(MCP)


def check_mcp_tool(tool: Json, path: str) -> None:
    """What is wrong with one although every member is well formed. Raises `InvalidRequestError`."""
    if label_of(tool) is None:
        raise missing(f"{path}.server_label")
    given = [name for name in _PLACES if tool.get(name)]
    if not given:
        raise missing(f"{path}.server_url")
    if len(given) > 1:
        message = f"Mutually exclusive parameters: '{path}.{given[0]}' and '{path}.{given[1]}'."
        raise InvalidRequestError(message, code="mutually_exclusive_parameters", param=path)


def echoed_mcp_tool(tool: Json) -> Json:
    """One as a response shows it. What asks for approvals at one of the operator's servers is his to say."""
    shown: Json = {"server_label": label_of(tool), "require_approval": "always"}
    if names_in(tool.get("server_url") or "") is not None:
        shown["require_approval"] = None
    return {**shown, **public_tool(tool)}


def _placed(tools: Any, at: str) -> Iterator[tuple[str, Json]]:
    for index, tool in enumerate(cast("list[Any]", tools) if isinstance(tools, list) else ()):
        if isinstance(tool, dict):
            found = cast("Json", tool)
            yield f"{at}[{index}]", found
            yield from _placed(found.get("tools"), f"{at}[{index}].tools")


def _without_servers(holder: Json) -> Json:
    """An item, or a namespace: the same one where it holds none."""
    if all(tool.get("type") != "mcp" for _, tool in _placed(holder.get("tools"), "")):
        return holder
    held = (cast("Json", tool) for tool in holder["tools"] if isinstance(tool, dict))
    return {**holder, "tools": [_without_servers(tool) for tool in held if tool.get("type") != "mcp"]}
