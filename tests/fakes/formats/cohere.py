"""Cohere's Chat API, version 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.formats.base import READ, WRITTEN, Asked, Call, Heard, Thought, Words
from tests.fakes.formats.lines import EVENT_STREAM, named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.formats.base import Chunk, Fault, Json, Said, Trouble

USAGE = {
    "billed_units": {"input_tokens": 1, "output_tokens": 1},
    "tokens": {"input_tokens": READ, "output_tokens": WRITTEN},
}

_FINISHES: dict[str, str] = {
    "end": "COMPLETE",
    "calls": "TOOL_CALL",
    "length": "MAX_TOKENS",
    "filter": "ERROR_TOXIC",
}
_TOO_LONG = "too many tokens: size limit exceeded by 1 tokens. The limit for this model is 8 tokens."


def _error(message: str, **more: str) -> Json:
    return {"id": "up", "message": message, **more}


_TROUBLES: dict[Trouble, tuple[int, Json, dict[str, str]]] = {
    "invalid": (400, _error("invalid request: No such thing"), {}),
    "too long": (400, _error(_TOO_LONG, error_type="TOO_MANY_TOKENS"), {}),
    "bad key": (401, _error("Incorrect API key provided: {key}."), {}),
    "no money": (402, _error("Pay first"), {}),
    "forbidden": (403, _error("Not you"), {}),
    "no model": (404, _error("model 'x' not found, make sure the correct model ID was used"), {}),
    "too fast": (429, _error("You are past the rate limit"), {"retry-after": "30"}),
    "broken": (500, _error("Oh no"), {}),
    "full": (503, _error("Full"), {}),
}


class CohereVoice:
    """One streamed answer. Contents and calls are counted apart."""

    def __init__(self) -> None:
        self._contents = -1
        self._calls = -1
        self._speaking = False

    def begin(self) -> list[Chunk]:
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        return [{"id": "up", "type": "message-start", "delta": {"message": message}}]

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        closed = self._close()
        opened = self._open({"type": "thinking", "thinking": ""})
        return [*closed, opened, self._content("delta", {"thinking": text}), self._content("end")]

    def say(self, text: str) -> list[Chunk]:
        opened: list[Chunk] = []
        if not self._speaking:
            self._speaking = True
            opened = [self._open({"type": "text", "text": ""})]
        return [*opened, self._content("delta", {"text": text})]

    def call(self, call: Call) -> list[Chunk]:
        closed = self._close()
        self._calls += 1
        opened = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        pieces = (call.arguments[:5], call.arguments[5:])
        return [
            *closed,
            self._tool("start", opened),
            *(self._tool("delta", {"function": {"arguments": piece}}) for piece in pieces),
            self._tool("end"),
        ]

    def stop(self, reason: str = "end") -> list[Chunk]:
        delta = {"finish_reason": _FINISHES.get(reason, reason), "usage": USAGE}
        return [*self._close(), {"id": "up", "type": "message-end", "delta": delta}, "[DONE]"]

    def _open(self, content: Json) -> Json:
        self._contents += 1
        return self._content("start", content)

    def _close(self) -> list[Chunk]:
        speaking, self._speaking = self._speaking, False
        return [self._content("end")] if speaking else []

    def _content(self, what: str, content: Json | None = None) -> Json:
        event: Json = {"type": f"content-{what}", "index": self._contents}
        return {**event, "delta": {"message": {"content": content}}} if content else event

    def _tool(self, what: str, call: Json | None = None) -> Json:
        event: Json = {"type": f"tool-call-{what}", "index": self._calls}
        return {**event, "delta": {"message": {"tool_calls": call}}} if call else event


class Cohere:
    """The format."""

    wire = "cohere_chat"
    provider = "cohere"
    model = "command-a-plus-05-2026"
    kind = EVENT_STREAM
    faults: tuple[Fault, ...] = ("server_error",)
    troubles = _TROUBLES

    def voice(self) -> CohereVoice:
        return CohereVoice()

    def frame(self, chunk: Chunk) -> bytes:
        return named(chunk)

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        delta = {"finish_reason": "ERROR", "error": message}
        return [{"id": "up", "type": "message-end", "delta": delta}]

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        message: Json = {"role": "assistant"}
        for each in said:
            match each:
                case Thought():
                    part = {"type": "thinking", "thinking": each.text}
                    message.setdefault("content", []).append(part)
                case Words():
                    message.setdefault("content", []).append({"type": "text", "text": each.text})
                case Call():
                    function = {"name": each.name, "arguments": each.arguments}
                    call = {"id": each.id, "type": "function", "function": function}
                    message.setdefault("tool_calls", []).append(call)
        return {"id": "up", "finish_reason": _FINISHES.get(stop, stop), "message": message, "usage": USAGE}

    def asked(self, body: Json) -> Asked:
        tools = [tool["function"] for tool in body.get("tools") or ()]
        choice = body.get("tool_choice")
        schema = (body.get("response_format") or {}).get("json_schema")
        return Asked(
            context=[heard for message in body["messages"] for heard in _heard(message)],
            tools={} if choice == "NONE" else {tool["name"]: tool["parameters"] for tool in tools},
            must=choice == "REQUIRED",
            schema=schema,
        )

    def credential(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}


def _heard(message: Json) -> Iterator[Heard]:
    role = message["role"]
    for part in _parts(message.get("content")):
        match part:
            case {"type": "thinking", "thinking": text}:
                yield Heard("thought", text)
            case {"type": "text", "text": text} if role == "tool":
                yield Heard("result", text, id=message["tool_call_id"])
            case {"type": "document", "document": document}:
                data = document["data"]
                text = data if isinstance(data, str) else "".join(map(str, data.values()))
                yield Heard("result", text, id=message["tool_call_id"])
            case {"type": "text", "text": text}:
                yield Heard(role, text)
            case {"type": "image_url", "image_url": {"url": url}}:
                yield Heard("image", url.rpartition(",")[2])
            case _:
                raise AssertionError(f"no such part: {part}")
    if plan := message.get("tool_plan"):
        yield Heard("assistant", plan)
    for call in message.get("tool_calls") or ():
        function = call["function"]
        yield Heard("call", function["arguments"], id=call["id"], name=function["name"])


def _parts(content: Any) -> list[Json]:
    match content:
        case None | "":
            return []
        case str():
            return [{"type": "text", "text": content}]
        case _:
            return content
