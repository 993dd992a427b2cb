"""Recorded requests to Cohere, as the Responses requests that would have caused them. For tests alone."""

from __future__ import annotations

import base64
from typing import Any

from lambda_responses.transformers.base import Turn

Json = dict[str, Any]


class CannotLift(Exception):
    """The Responses API has no words for this."""


def lift(body: Json) -> Turn:
    """The turn whose rendering should be that body. Raises `CannotLift`."""
    items: list[Json] = []
    origins: dict[str, Json] = {}
    for message in body["messages"]:
        _lift_message(message, items, origins)
    if body.get("documents"):
        files = [_lift_document(document["data"]) for document in body["documents"]]
        asked = next(item for item in reversed(items) if item.get("role") == "user")
        asked["content"] = [*asked["content"], *files]
    request = _lift_settings(body)
    return Turn(model=body["model"], request=request, items=items, origins=origins)


def _lift_message(message: Json, items: list[Json], origins: dict[str, Json]) -> None:
    content = message.get("content")
    match message["role"]:
        case "system" | "user" as role:
            items.append({"type": "message", "role": role, "content": _lift_content(content)})
        case "tool":
            call_id = message["tool_call_id"]
            output = content if isinstance(content, str) else [_lift_part(part) for part in content]
            items.append({"type": "function_call_output", "call_id": call_id, "output": output})
        case "assistant":
            _lift_assistant(message, items, origins)
        case other:
            raise CannotLift(f"a message of role {other}")


def _lift_assistant(message: Json, items: list[Json], origins: dict[str, Json]) -> None:
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    thoughts = [("thinking", part["thinking"]) for part in parts if part["type"] == "thinking"]
    if message.get("tool_plan"):
        thoughts.append(("tool_plan", message["tool_plan"]))
    for kind, thought in thoughts:
        id = f"rs_{len(items)}"
        told = [{"type": "reasoning_text", "text": thought}]
        items.append({"type": "reasoning", "id": id, "summary": [], "content": told})
        origins[id] = {"cohere": kind}
    if text := "".join(part["text"] for part in parts if part["type"] == "text"):
        items.append({"type": "message", "role": "assistant", "content": text})
    for call in message.get("tool_calls") or ():
        items.append({"type": "function_call", "call_id": call["id"], **call["function"]})


def _lift_content(content: Any) -> list[Json]:
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [_lift_part(part) for part in parts]


def _lift_part(part: Json) -> Json:
    match part:
        case {"type": "text", "text": text}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": url}}:
            return {"type": "input_image", "image_url": url}
        case {"type": "document", "document": {"data": data}}:
            return _lift_document(data)
        case {"type": kind}:
            raise CannotLift(f"a part of type {kind}")
        case _:
            raise CannotLift("a part without a type")


def _lift_document(data: Json) -> Json:
    text = base64.b64encode(data["text"].encode()).decode()
    return {
        "type": "input_file",
        "filename": data["title"],
        "file_data": f"data:text/plain;base64,{text}",
    }


def _lift_settings(body: Json) -> Json:
    request: Json = {}
    if tools := body.get("tools"):
        strict = bool(body.get("strict_tools"))
        request["tools"] = [{"type": "function", **tool["function"], "strict": strict} for tool in tools]
    if choice := body.get("tool_choice"):
        request["tool_choice"] = choice.lower()
    names = {"max_tokens": "max_output_tokens", "temperature": "temperature", "p": "top_p"}
    for theirs, ours in names.items():
        if theirs in body:
            request[ours] = body[theirs]
    if body.get("logprobs"):
        request["include"] = ["message.output_text.logprobs"]
    match body.get("response_format"):
        case None:
            pass
        case {"type": "json_object", "json_schema": schema}:
            request["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": schema}}
        case wanted:
            request["text"] = {"format": wanted}
    return request
