"""Recorded Converse requests, lifted into the Responses requests that would have caused them, for tests."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from lambda_responses.transformers.base import Turn

Json = dict[str, Any]

MEDIA_TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "pdf": "application/pdf",
    "txt": "text/plain",
}
EFFORTS = {1024: "minimal", 4000: "low"}
"""The efforts whose budgets come nearest to the recorded ones."""


class CannotLift(Exception):
    """The Responses API has no words for this."""


@dataclass
class _Lifted:
    request: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    origins: dict[str, Json] = field(default_factory=dict)

    def own(self, item: Json, blocks: list[Json]) -> None:
        """An item that this very maker made of those blocks."""
        id = f"item_{len(self.items)}"
        self.items.append({"id": id, **item})
        self.origins[id] = {"content": blocks}


def lift(model: str, body: Json) -> Turn:
    """The turn whose rendering should be that body. Raises `CannotLift`."""
    lifted = _Lifted()
    for block in body.get("system") or ():
        if "text" in block:
            message = {"type": "message", "role": "system", "content": block["text"]}
            if "instructions" in lifted.request:
                lifted.items.append(message)
            else:
                lifted.request["instructions"] = block["text"]
    for message in body["messages"]:
        _lift_message(message, lifted)
    _lift_tools(body.get("toolConfig") or {}, lifted.request)
    _lift_settings(body, lifted.request)
    return Turn(model=model, request=lifted.request, items=lifted.items, origins=lifted.origins)


def lift_user(message: Json) -> list[Json]:
    """A user message, as items."""
    lifted = _Lifted()
    _lift_message(message, lifted)
    return lifted.items


def _lift_message(message: Json, lifted: _Lifted) -> None:
    content: list[Json] = message["content"]
    if message["role"] == "assistant":
        _lift_assistant(content, lifted)
        return
    said: list[Json] = []
    for block in content:
        match block:
            case {"toolResult": result}:
                lifted.items.append(_lift_result(result))
            case {"cachePoint": point}:
                said[-1]["prompt_cache_breakpoint"] = {
                    "mode": "explicit",
                    **({"ttl": "12h"} if "ttl" in point else {}),
                }
            case _:
                said.append(_lift_part(block))
    if said:
        lifted.items.append({"type": "message", "role": "user", "content": said})


def _lift_assistant(content: list[Json], lifted: _Lifted) -> None:
    run: list[Json] = []
    for block in [*content, {}]:
        if block.keys() & {"text", "citationsContent"}:
            run.append(block)
            continue
        if run:
            text = "".join(_text_of(one) for one in run)
            said = {"type": "message", "role": "assistant", "content": text}
            if len(run) == 1 and "text" in run[0]:
                lifted.items.append(said)
            else:
                lifted.own(said, run)
            run = []
        match block:
            case {"reasoningContent": _}:
                lifted.own({"type": "reasoning", "summary": []}, [block])
            case {"toolUse": {"toolUseId": id, "name": name, "input": arguments}}:
                call = {"call_id": id, "name": name, "arguments": json.dumps(arguments)}
                lifted.items.append({"type": "function_call", **call})
            case _ if block:
                raise CannotLift(f"a block {sorted(block)}")
            case _:
                pass


def _text_of(block: Json) -> str:
    cited = block.get("citationsContent", {}).get("content") or [block]
    return "".join(part["text"] for part in cited)


def _lift_result(result: Json) -> Json:
    content: list[Json] = result["content"]
    match content:
        case [{"text": text}]:
            output: Any = text
        case [{"json": value}]:
            output = json.dumps(value)
        case _:
            output = [_lift_part(block) for block in content]
    return {"type": "function_call_output", "call_id": result["toolUseId"], "output": output}


def _lift_part(block: Json) -> Json:
    match block:
        case {"text": text}:
            return {"type": "input_text", "text": text}
        case {"image": {"format": format_name, "source": {"bytes": data}}}:
            return {"type": "input_image", "image_url": f"data:{MEDIA_TYPES[format_name]};base64,{data}"}
        case {"document": {"format": format_name, "name": name, "source": source}}:
            data = source.get("bytes") or base64.b64encode(source["text"].encode()).decode()
            address = f"data:{MEDIA_TYPES[format_name]};base64,{data}"
            return {"type": "input_file", "file_data": address, "filename": f"{name}.{format_name}"}
        case {"video": {"source": {"s3Location": {"uri": uri}}}}:
            return {"type": "input_file", "file_url": uri}
        case _:
            raise CannotLift(f"a block {sorted(block)}")


def _lift_tools(config: Json, request: Json) -> None:
    tools: list[Json] = []
    for tool in config.get("tools") or ():
        match tool:
            case {"toolSpec": {"name": name, "inputSchema": {"json": schema}, **rest}}:
                about = {"name": name, "parameters": schema, "strict": bool(rest.get("strict"))}
                described = {"description": rest["description"]} if "description" in rest else {}
                tools.append({"type": "function", **about, **described})
            case {"systemTool": {"name": "nova_grounding"}}:
                tools.append({"type": "web_search"})
            case {"cachePoint": _}:
                pass
            case _:
                raise CannotLift(f"a tool {sorted(tool)}")
    if tools:
        request["tools"] = tools
    match config.get("toolChoice"):
        case {"any": _}:
            request["tool_choice"] = "required"
        case {"tool": {"name": name}}:
            request["tool_choice"] = {"type": "function", "name": name}
        case _:
            pass


def _lift_settings(body: Json, request: Json) -> None:
    inference = body.get("inferenceConfig") or {}
    for theirs, ours in (
        ("maxTokens", "max_output_tokens"),
        ("temperature", "temperature"),
        ("topP", "top_p"),
    ):
        if theirs in inference:
            request[ours] = inference[theirs]
    match body.get("additionalModelRequestFields"):
        case {"thinking": {"budget_tokens": budget}} | {"reasoning_config": {"budget_tokens": budget}}:
            request["reasoning"] = {"effort": EFFORTS[budget]}
        case {"reasoning_config": str(effort)}:
            request["reasoning"] = {"effort": effort}
        case None:
            pass
        case fields:
            raise CannotLift(f"fields {sorted(fields)}")
    match body.get("outputConfig"):
        case {"textFormat": {"structure": {"jsonSchema": {"schema": schema, **rest}}}}:
            wanted = {"type": "json_schema", "schema": json.loads(schema), **rest}
            request["text"] = {"format": wanted}
        case _:
            pass
