"""Anthropic's Messages API, at Anthropic and as Bedrock invokes it."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from tests.fakes.formats import aws_frames
from tests.fakes.formats.base import MODEL, READ, WRITTEN, Asked, Call, Heard, Thought, Words
from tests.fakes.formats.lines import EVENT_STREAM, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.formats.base import Chunk, Fault, Json, Said, Trouble

_STOPS: dict[str, str] = {
    "end": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "filter": "refusal",
}
_FAULTS: dict[Fault, tuple[str, str]] = {
    "rate_limit_exceeded": ("rate_limit_error", ""),
    "server_error": ("api_error", ""),
    "context_length_exceeded": ("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"),
}


def _error(kind: str, message: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


_TROUBLES: dict[Trouble, tuple[int, Json, dict[str, str]]] = {
    "invalid": (400, _error("invalid_request_error", "messages.0: No such thing"), {}),
    "too long": (400, _error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), {}),
    "bad key": (401, _error("authentication_error", "invalid x-api-key {key}"), {}),
    "no money": (402, _error("billing_error", "Pay first"), {}),
    "forbidden": (403, _error("permission_error", "Not you"), {}),
    "no model": (404, _error("not_found_error", "model: x"), {}),
    "too fast": (429, _error("rate_limit_error", "Slow down"), {"retry-after": "30"}),
    "broken": (500, _error("api_error", "Oh no"), {}),
    "full": (529, _error("overloaded_error", "Overloaded"), {}),
}


class AnthropicVoice:
    """One streamed answer."""

    def __init__(self) -> None:
        self._index = -1
        self._speaking = False

    def begin(self) -> list[Chunk]:
        usage = {"input_tokens": READ, "output_tokens": 1}
        message = {**_envelope([]), "stop_reason": None, "stop_sequence": None, "usage": usage}
        return [{"type": "message_start", "message": message}, {"type": "ping"}]

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        opened = self._open({"type": "thinking", "thinking": "", "signature": ""})
        deltas = [self._delta("thinking_delta", thinking=text)]
        if secret:
            deltas.append(self._delta("signature_delta", signature=secret))
        return [*opened, *deltas, self._stop_block()]

    def say(self, text: str) -> list[Chunk]:
        opened: list[Chunk] = []
        if not self._speaking:
            opened = self._open({"type": "text", "text": ""})
            self._speaking = True
        return [*opened, self._delta("text_delta", text=text)]

    def call(self, call: Call) -> list[Chunk]:
        opened = self._open({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        pieces = ("", call.arguments[:5], call.arguments[5:])
        deltas = [self._delta("input_json_delta", partial_json=piece) for piece in pieces]
        return [*opened, *deltas, self._stop_block()]

    def stop(self, reason: str = "end") -> list[Chunk]:
        delta = {"stop_reason": _STOPS.get(reason, reason), "stop_sequence": None}
        usage = {"input_tokens": READ, "output_tokens": WRITTEN}
        return [
            *self._close(),
            {"type": "message_delta", "delta": delta, "usage": usage},
            {"type": "message_stop"},
        ]

    def _open(self, block: Json) -> list[Chunk]:
        closed = self._close()
        self._index += 1
        return [*closed, {"type": "content_block_start", "index": self._index, "content_block": block}]

    def _close(self) -> list[Chunk]:
        speaking, self._speaking = self._speaking, False
        return [self._stop_block()] if speaking else []

    def _stop_block(self) -> Json:
        return {"type": "content_block_stop", "index": self._index}

    def _delta(self, kind: str, **said: str) -> Json:
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": kind, **said}}


class Anthropic:
    """The format, as Anthropic speaks it."""

    wire = "anthropic_messages"
    provider = "anthropic"
    model = "claude-sonnet-4-5"
    kind = EVENT_STREAM
    faults: tuple[Fault, ...] = tuple(_FAULTS)
    troubles = _TROUBLES

    def voice(self) -> AnthropicVoice:
        return AnthropicVoice()

    def frame(self, chunk: Chunk) -> bytes:
        return named(chunk)

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        kind, wording = _FAULTS[code]
        return [_error(kind, wording or message)]

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        usage = {"input_tokens": READ, "output_tokens": WRITTEN}
        content = [_block(each) for each in said]
        return {
            **_envelope(content),
            "stop_reason": _STOPS.get(stop, stop),
            "stop_sequence": None,
            "usage": usage,
        }

    def asked(self, body: Json) -> Asked:
        tools = {tool["name"]: tool for tool in body.get("tools") or () if "input_schema" in tool}
        choice: Json = body.get("tool_choice") or {"type": "auto"}
        match choice:
            case {"type": "none"}:
                tools = {}
            case {"type": "tool", "name": name}:
                tools = {name: tools[name]}
            case _:
                pass
        match body.get("output_config"):
            case {"format": {"schema": schema}}:
                pass
            case _:
                schema = None
        system = [Heard("system", part["text"]) for part in _parts(body.get("system") or [])]
        return Asked(
            context=[*system, *(heard for message in body["messages"] for heard in _heard(message))],
            tools={name: tool["input_schema"] for name, tool in tools.items()},
            must=choice["type"] in ("any", "tool"),
            schema=schema,
        )

    def credential(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}


class Invoked(Anthropic):
    """The same inside AWS's frames."""

    provider = "bedrock/invoke"
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    kind = aws_frames.AWS_EVENT_STREAM

    def frame(self, chunk: Chunk) -> bytes:
        return aws_frames.event("chunk", {"bytes": b64encode(json.dumps(chunk).encode()).decode()})

    def credential(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}


def _heard(message: Json) -> Iterator[Heard]:
    for part in _parts(message["content"]):
        match part:
            case {"type": "text", "text": text}:
                yield Heard(message["role"], text)
            case {"type": "image" | "document" as kind, "source": source}:
                kind = "image" if kind == "image" else "file"
                yield Heard(kind, source.get("data") or source["url"])
            case {"type": "thinking", "thinking": text, "signature": secret}:
                yield Heard("thought", text, secret=secret)
            case {"type": "redacted_thinking", "data": secret}:
                yield Heard("thought", "", secret=secret)
            case {"type": "server_tool_use" | "web_search_tool_result"}:
                pass
            case {"type": "tool_use", "id": id, "name": name, "input": arguments}:
                yield Heard("call", json.dumps(arguments), id=id, name=name)
            case {"type": "tool_result", "tool_use_id": id}:
                for inner in _parts(part.get("content") or []):
                    kind = "result" if inner["type"] == "text" else "image"
                    yield Heard(kind, inner.get("text") or inner["source"]["data"], id=id)
            case _:
                raise AssertionError(f"no such part: {part}")


def _parts(content: Any) -> list[Json]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _block(said: Said) -> Json:
    match said:
        case Thought():
            return {"type": "thinking", "thinking": said.text, "signature": said.secret}
        case Words():
            return {"type": "text", "text": said.text}
        case Call():
            arguments = json.loads(said.arguments)
            return {"type": "tool_use", "id": said.id, "name": said.name, "input": arguments}


def _envelope(content: list[Json]) -> Json:
    return {"id": "msg_up", "type": "message", "role": "assistant", "model": MODEL, "content": content}
