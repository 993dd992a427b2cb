"""A chat-completions model that echoes, calls tools and obeys schemas, plainly and as a stream."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.scripted.example import example

if TYPE_CHECKING:
    from tests.fakes.upstream import Exchange

Json = dict[str, Any]

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


async def chat_model(exchange: Exchange) -> None:
    """Answer as the request's own last message, tools and format ask for."""
    message = _message(exchange.body)
    finish = "tool_calls" if "tool_calls" in message else "stop"
    if not exchange.body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        await exchange.answer(200, {**_envelope("chat.completion", [choice]), "usage": USAGE})
        return
    await exchange.begin()
    for delta in _deltas(message):
        await exchange.event(chunk(delta))
    await exchange.event(chunk({}, finish))
    await exchange.event({**_envelope("chat.completion.chunk", []), "usage": USAGE})
    await exchange.event("[DONE]")
    await exchange.end()


def chunk(delta: Json, finish: str | None = None) -> Json:
    """One piece of a streamed answer."""
    return _envelope("chat.completion.chunk", [{"index": 0, "delta": delta, "finish_reason": finish}])


def _envelope(kind: str, choices: list[Json]) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "demo", "choices": choices}


def _message(body: Json) -> Json:
    last: Json = body["messages"][-1]
    said = _text(last)
    if last["role"] == "tool":
        return {"content": f"The tool says: {said}"}
    wanted = [tool["function"] for tool in body.get("tools") or () if _is_meant(tool, said)]
    if wanted and body.get("tool_choice") != "none":
        return {"content": None, "tool_calls": [_call(n, function) for n, function in enumerate(wanted)]}
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return {"content": json.dumps(example(schema))}
        case _:
            return {"content": said}


def _is_meant(tool: Json, said: str) -> bool:
    words = re.findall(r"[a-z]+", tool["function"]["name"].lower())
    return any(word in said.lower() for word in words if len(word) > 3)


def _call(number: int, function: Json) -> Json:
    arguments = json.dumps(example(function["parameters"]))
    called = {"name": function["name"], "arguments": arguments}
    return {"id": f"call_{number}{'x' * 12}", "type": "function", "function": called}


def _deltas(message: Json) -> list[Json]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for index, call in enumerate(message.get("tool_calls") or ()):
        arguments = call["function"]["arguments"]
        deltas += [
            {"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]},
            {"tool_calls": [{"index": index, "function": {"arguments": arguments[:5]}}]},
            {"tool_calls": [{"index": index, "function": {"arguments": arguments[5:]}}]},
        ]
    return deltas + [{"content": piece} for piece in re.findall(r"\s*\S+", message["content"] or "")]


def _text(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
