"""Recorded Messages requests, lifted into the Responses requests that would have caused them. For tests."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from lambda_responses.transformers.anthropic_messages.replay import origin_of
from lambda_responses.transformers.base import Turn

Json = dict[str, Any]


class CannotLift(Exception):
    """The Responses API has no words for this."""


INEXPRESSIBLE: dict[str, str] = {
    "stop_sequences": "the Responses API has no stop sequences",
    "top_k": "the Responses API has no top-k",
    "context_management": "compaction is this server's own",
    "mcp_servers": "MCP servers are called by this server itself",
}
"""Members of recorded requests that no Responses request can ask for, and why that is no loss here."""

BUDGETS = {1_024: "minimal", 3_000: "low", 4_000: "low", 4_096: "low", 6_400: "medium", 16_384: "high"}
"""The efforts that come nearest to recorded budgets."""

HOSTED = {"web_search": "web_search", "code_execution": "code_interpreter"}
"""Hosted tools that the API has too, whichever version was asked for."""

VENDORS = ("web_fetch", "tool_search", "advisor", "memory", "computer", "mcp_toolset")
"""Hosted tools that the API does not have: they are lifted to nothing."""


@dataclass
class _Lifted:
    request: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    origins: dict[str, Json] = field(default_factory=dict)

    def add(self, item: Json, *blocks: tuple[int, Json]) -> None:
        """Take an item; `blocks` are kept for its maker under those numbers."""
        item["id"] = f"item_{len(self.items)}"
        self.items.append(item)
        if blocks:
            self.origins[item["id"]] = origin_of(f"msg_{len(self.items)}", blocks)


def lift(body: Json, model: str) -> Turn:
    """The turn whose rendering should be that body. Raises `CannotLift`."""
    if "messages" not in body or not all(isinstance(message, dict) for message in body["messages"]):
        raise CannotLift("what is no Messages request")
    lifted = _Lifted()
    system = body.get("system") or []
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    if len(texts) == 1:
        lifted.request["instructions"] = texts[0]
    for text in texts if len(texts) > 1 else ():
        lifted.add({"type": "message", "role": "system", "content": text})
    for message in body["messages"]:
        _lift_message(message, lifted)
    _lift_tools(body, lifted.request)
    _lift_settings(body, lifted.request)
    return Turn(model=model, request=lifted.request, items=lifted.items, origins=lifted.origins)


def _lift_message(message: Json, lifted: _Lifted) -> None:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if message["role"] == "assistant":
        for number, block in enumerate(blocks):
            _lift_said(number, block, lifted)
        return
    parts: list[Json] = []
    for block in blocks:
        if block["type"] == "tool_result":
            lifted.add(_lift_result(block))
        else:
            parts.append(_lift_part(block))
    if parts:
        lifted.add({"type": "message", "role": "user", "content": parts})


def _lift_said(number: int, block: Json, lifted: _Lifted) -> None:
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    match bare:
        case {"type": "text", "text": text, "citations": [_, *_]}:
            said = {"type": "output_text", "text": text, "annotations": []}
            lifted.add({"type": "message", "role": "assistant", "content": [said]}, (number, bare))
        case {"type": "text", "text": text}:
            said = {"type": "output_text", "text": text, "annotations": []}
            lifted.add({"type": "message", "role": "assistant", "content": [said]})
        case {"type": "tool_use", "id": id, "name": name, "input": asked}:
            call = {"type": "function_call", "call_id": id, "name": name, "arguments": json.dumps(asked)}
            lifted.add(call)
        case _:  # thoughts, hosted tools and whatever else only their maker understands
            lifted.add({"type": "reasoning", "summary": []}, (number, bare))


def _lift_result(block: Json) -> Json:
    content = block.get("content") or ""
    output = content if isinstance(content, str) else [_lift_part(part) for part in content]
    result = {"type": "function_call_output", "call_id": block["tool_use_id"], "output": output}
    return {**result, "status": "incomplete"} if block.get("is_error") else result


def _lift_part(block: Json) -> Json:
    match block:
        case {"type": "text", "text": text}:
            return {"type": "input_text", "text": text}
        case {"type": "image", "source": source}:
            return {"type": "input_image", "image_url": _lift_source(source)}
        case {"type": "document", "source": {"type": "url", "url": url}}:
            return {"type": "input_file", "file_url": url}
        case {"type": "document", "source": source}:
            named = {"filename": block["title"]} if block.get("title") else {}
            return {"type": "input_file", "file_data": _lift_source(source), **named}
        case _:
            raise CannotLift(f"a block of type {block['type']}")


def _lift_source(source: Json) -> str:
    match source:
        case {"type": "url", "url": url}:
            return url
        case {"type": "base64", "media_type": type, "data": data}:
            return f"data:{type};base64,{data}"
        case {"type": "text", "data": text}:
            return f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}"
        case _:
            raise CannotLift(f"a source of type {source['type']}")


def _lift_tools(body: Json, request: Json) -> None:
    tools: list[Json] = []
    for tool in body.get("tools") or ():
        kind = tool.get("type") or "custom"
        name = tool.get("name") or ""
        if kind == "custom":
            known = {"description": tool["description"]} if "description" in tool else {}
            parameters = {"parameters": tool["input_schema"], "strict": bool(tool.get("strict"))}
            tools.append({"type": "function", "name": name, **known, **parameters})
        elif name in HOSTED:
            tools.append({"type": HOSTED[name], **_lift_search(tool)})
        elif not kind.startswith(VENDORS):
            raise CannotLift(f"a vendor's own tool, {kind}")
    if tools:
        request["tools"] = tools
    if body.get("container"):
        code = next(tool for tool in tools if tool["type"] == "code_interpreter")
        code["container"] = body["container"]
    match body.get("tool_choice"):
        case {"type": "tool", "name": name}:
            request["tool_choice"] = {"type": "function", "name": name}
        case {"type": "any"}:
            request["tool_choice"] = "required"
        case {"type": "none"}:
            request["tool_choice"] = "none"
        case _:
            pass
    if (body.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        request["parallel_tool_calls"] = False


def _lift_search(tool: Json) -> Json:
    filters = {name: tool[name] for name in ("allowed_domains", "blocked_domains") if tool.get(name)}
    lifted: Json = {"filters": filters} if filters else {}
    if tool.get("user_location"):
        lifted["user_location"] = tool["user_location"]
    return lifted


def _lift_settings(body: Json, request: Json) -> None:
    request["max_output_tokens"] = body["max_tokens"]
    for name in ("temperature", "top_p"):
        if body.get(name) is not None:
            request[name] = body[name]
    for tool in body.get("tools") or ():
        if tool.get("name") == "web_search" and tool.get("max_uses"):
            request["max_tool_calls"] = tool["max_uses"]
    if body.get("service_tier") == "standard_only":
        request["service_tier"] = "default"
    if body.get("cache_control"):
        request["prompt_cache_key"] = "some"
    config = body.get("output_config") or {}
    form = config.get("format") or body.get("output_format")
    if form and not form["schema"].get("properties"):
        request["text"] = {"format": {"type": "json_object"}}
    elif form:
        request["text"] = {
            "format": {"type": "json_schema", "name": "schema", "schema": form["schema"], "strict": True}
        }
    match body.get("thinking"):
        case {"type": "enabled", "budget_tokens": budget}:
            request["reasoning"] = {"effort": BUDGETS[budget]}
        case {"type": "disabled"}:
            request["reasoning"] = {"effort": "none"}
        case {"type": "adaptive", "display": "summarized"}:
            request["reasoning"] = {"summary": "auto"}
        case _:
            pass
