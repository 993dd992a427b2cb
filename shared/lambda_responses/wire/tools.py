"""The sixteen kinds of tools, and how a request chooses among them.

Shapes after https://platform.openai.com/docs/api-reference/responses/create and the official SDK's types,
with the members that Codex sends besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip
from lambda_responses.wire.mcp_tools import CALLERS, MCP, check_mcp_tool, echoed_mcp_tool, label_of
from lambda_responses.wire.shapes import (
    FLAG,
    NAMED,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    Shape,
    by_kind,
    by_type,
    list_of,
    need,
    one_of,
    record,
    text,
    whole,
)
from lambda_responses.wire.strict_schema import check_strict_schema, strict_form
from lambda_responses.wire.tool_secrets import public_tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.wire.json import Json

TOOL_LIMIT = 128

NAME = text(least=1, most=128, pattern="^[a-zA-Z0-9_-]+$")

FUNCTION: dict[str, Shape] = {
    "name": need(NAME),
    "parameters": OBJECT,
    "strict": FLAG,
    "description": TEXT,
    "allowed_callers": CALLERS,
    "async": FLAG,
    "defer_loading": FLAG,
    "output_schema": OBJECT,
}

GRAMMAR = record(syntax=need(one_of("lark", "regex")), definition=need(TEXT))
CUSTOM: dict[str, Shape] = {
    "name": need(NAMED),
    "description": TEXT,
    "format": by_type({"text": record(), "grammar": GRAMMAR}),
    "allowed_callers": CALLERS,
    "async": FLAG,
    "defer_loading": FLAG,
}

PLACE: dict[str, Shape] = {"city": TEXT, "country": TEXT, "region": TEXT, "timezone": TEXT}
WEB_SEARCH = record(
    external_web_access=FLAG,
    filters=record(allowed_domains=list_of(TEXT), blocked_domains=list_of(TEXT)),
    search_context_size=one_of("low", "medium", "high"),
    search_content_types=list_of(one_of("text", "image")),
    user_location=record(PLACE),
)

FILE_SEARCH = record(
    vector_store_ids=need(list_of(TEXT)),
    filters=OBJECT,
    max_num_results=whole(least=1, most=50),
    ranking_options=record(
        ranker=TEXT,
        score_threshold=NUMBER,
        hybrid_search=record(embedding_weight=need(NUMBER), text_weight=need(NUMBER)),
    ),
)

NETWORK_POLICY = by_type(
    {
        "disabled": record(),
        "allowlist": record(allowed_domains=need(list_of(TEXT)), domain_secrets=list_of(OBJECT)),
    }
)
CONTAINER: dict[str, Shape] = {
    "file_ids": list_of(TEXT),
    "memory_limit": one_of("1g", "4g", "16g", "64g"),
    "network_policy": NETWORK_POLICY,
}
CODE_INTERPRETER = record(
    container=need(by_kind({str: TEXT, dict: by_type({"auto": record(CONTAINER)})})),
    allowed_callers=CALLERS,
)
SHELL = record(
    allowed_callers=CALLERS,
    environment=by_type(
        {
            "container_auto": record(CONTAINER, skills=list_of(OBJECT)),
            "local": record(skills=list_of(OBJECT)),
            "container_reference": record(container_id=need(TEXT)),
        }
    ),
)

IMAGE_GENERATION = record(
    action=one_of("generate", "edit", "auto"),
    background=one_of("transparent", "opaque", "auto"),
    complexity=one_of("low", "medium", "high"),
    frame_count=WHOLE,
    frame_duration_ms=WHOLE,
    input_fidelity=one_of("high", "low"),
    input_image_mask=record(file_id=TEXT, image_url=TEXT),
    model=TEXT,
    moderation=one_of("auto", "low"),
    n=WHOLE,
    output_compression=whole(least=0, most=100),
    output_format=one_of("png", "webp", "jpeg", "gif", "svg"),
    partial_images=whole(least=0, most=3),
    quality=one_of("low", "medium", "high", "xhigh", "max", "auto"),
    size=TEXT,
    svg=OBJECT,
)

CALLABLE_TOOLS: dict[str, Shape] = {"function": record(FUNCTION), "custom": record(CUSTOM)}
"""What the client itself runs, and what a namespace may hold."""

NAMESPACE = record(
    name=need(NAMED), description=TEXT, tools=need(list_of(by_type(CALLABLE_TOOLS), most=TOOL_LIMIT))
)

WEB_SEARCH_PREVIEW = WEB_SEARCH
COMPUTER_USE_PREVIEW = record(
    display_height=need(NUMBER),
    display_width=need(NUMBER),
    environment=need(one_of("windows", "mac", "linux", "ubuntu", "browser")),
)

TOOLS: dict[str, Shape] = {
    **CALLABLE_TOOLS,
    "namespace": NAMESPACE,
    "tool_search": record(execution=one_of("server", "client"), description=TEXT, parameters=OBJECT),
    "mcp": MCP,
    "web_search": WEB_SEARCH,
    "web_search_2025_08_26": WEB_SEARCH,
    "web_search_preview": WEB_SEARCH_PREVIEW,
    "web_search_preview_2025_03_11": WEB_SEARCH_PREVIEW,
    "file_search": FILE_SEARCH,
    "code_interpreter": CODE_INTERPRETER,
    "image_generation": IMAGE_GENERATION,
    "computer": record(),
    "computer_use_preview": COMPUTER_USE_PREVIEW,
    "programmatic_tool_calling": record(),
    "local_shell": record(),
    "shell": SHELL,
    "apply_patch": record(allowed_callers=CALLERS),
}
TOOL = by_type(TOOLS)
TOOL_LIST = list_of(TOOL, most=TOOL_LIMIT)

HOSTED_CHOICES = (
    "file_search",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "computer",
    "computer_use",
    "computer_use_preview",
    "image_generation",
    "code_interpreter",
    "programmatic_tool_calling",
    "local_shell",
    "shell",
    "apply_patch",
    "tool_search",
)
TOOL_CHOICE = by_kind(
    {
        str: one_of("none", "auto", "required"),
        dict: by_type(
            {
                "function": record(name=need(NAMED), namespace=TEXT),
                "custom": record(name=need(NAMED), namespace=TEXT),
                "mcp": record(server_label=need(NAMED), name=TEXT),
                "allowed_tools": record(mode=need(one_of("auto", "required")), tools=need(list_of(OBJECT))),
                **dict.fromkeys(HOSTED_CHOICES, record()),
            }
        ),
    }
)


def check_tools(tools: Iterable[Json], *, at: str = "tools") -> None:
    """Rules on tools that shapes cannot say. Raises `InvalidRequestError`."""
    for index, tool in enumerate(tools):
        path = f"{at}[{index}]"
        match tool:
            case {"type": "function", "strict": True, "parameters": dict(), "name": str(name)}:
                check_strict_schema(
                    tool["parameters"],
                    what=f"function '{name}'",
                    param=f"{path}.parameters",
                    code="invalid_function_parameters",
                )
            case {"type": "namespace"}:
                check_tools(tool["tools"], at=f"{path}.tools")
            case {"type": "mcp"}:
                check_mcp_tool(tool, path)
            case _:
                pass


FAMILIES: dict[str, str] = {
    "web_search_2025_08_26": "web_search",
    "web_search_preview": "web_search",
    "web_search_preview_2025_03_11": "web_search",
    "computer_use": "computer",
    "computer_use_preview": "computer",
}
"""Spellings of one hosted tool; a choice may use any of them."""


def check_tool_choice(choice: str | Json | None, tools: Iterable[Json]) -> None:
    """A choice must name a tool that is there. Raises `InvalidRequestError`, as the live API does."""
    if not isinstance(choice, dict):
        return
    wanted: list[Json] = choice["tools"] if choice["type"] == "allowed_tools" else [choice]
    offered = set(_keys_of(tools))
    for tool in wanted:
        if offered.isdisjoint(_keys_of([tool])):
            message = f"Tool choice '{clip(str(tool.get('type')))}' not found in 'tools' parameter."
            raise InvalidRequestError(message, param="tool_choice")


def _keys_of(tools: Iterable[Json]) -> Iterator[tuple[str, str]]:
    """What tells tools apart: their kind and, where the client names them, that name."""
    for tool in tools:
        match tool:
            case {"type": "function" | "custom" as kind, "name": str(name)}:
                yield kind, name
            case {"type": "mcp"}:
                yield "mcp", label_of(tool) or ""
            case {"type": "namespace"}:
                yield from _keys_of(tool.get("tools", ()))
            case {"type": str(kind)}:
                yield FAMILIES.get(kind, kind), ""
            case _:
                pass


def is_deferred(tool: Json) -> bool:
    """Whether models are told of that function or custom tool only once they have searched for it."""
    return tool.get("type") in CALLABLE_TOOLS and tool.get("defer_loading") is True


def is_search(tool: Json) -> bool:
    """Whether it is a search that is not the client's to make."""
    return tool.get("type") == "tool_search" and tool.get("execution") != "client"


def asks_for_search(tools: Iterable[Json]) -> bool:
    """Whether clients' functions among the tools are deferred, and the client does not search by itself."""
    given = list(tools)
    if any(tool.get("type") == "tool_search" and not is_search(tool) for tool in given):
        return False
    return any(is_deferred(inner) for tool in given for inner in tool.get("tools") or (tool,))


def echoed_tool(tool: Json) -> Json:
    """A tool as a response shows it: nothing secret, defaults filled in.

    A function whose schema can be made strict, and that does not say otherwise, is shown as strict.
    """
    match tool:
        case {"type": "function"}:
            return _echoed_function(tool)
        case {"type": "mcp"}:
            return echoed_mcp_tool(tool)
        case {"type": "custom"}:
            return {"description": None, "format": {"type": "text"}, **tool}
        case _:
            return public_tool(tool)


def _echoed_function(tool: Json) -> Json:
    shown: Json = {"description": None, "parameters": None, **tool}
    if shown.get("strict") is None:
        strict = strict_form(shown["parameters"] or {"type": "object", "properties": {}})
        shown["strict"] = strict is not None
        if strict is not None:
            shown["parameters"] = strict
    return shown
