"""Bedrock's Converse."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fakes.formats import aws_frames
from tests.fakes.formats.base import READ, WRITTEN, Asked, Call, Heard, Thought, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.formats.base import Chunk, Fault, Json, Said, Trouble

USAGE = {"inputTokens": READ, "outputTokens": WRITTEN, "totalTokens": READ + WRITTEN}

_STOPS: dict[str, str] = {
    "end": "end_turn",
    "calls": "tool_use",
    "length": "max_tokens",
    "filter": "content_filtered",
}
_TOO_LONG = "Input is too long for requested model."
_FAULTS: dict[Fault, tuple[str, str]] = {
    "rate_limit_exceeded": ("throttlingException", ""),
    "server_error": ("internalServerException", ""),
    "context_length_exceeded": ("validationException", _TOO_LONG),
}


def _trouble(status: int, name: str, message: str) -> tuple[int, Json, dict[str, str]]:
    return status, {"message": message}, {"x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/"}


_TROUBLES: dict[Trouble, tuple[int, Json, dict[str, str]]] = {
    "invalid": _trouble(400, "ValidationException", "No such thing"),
    "too long": _trouble(400, "ValidationException", _TOO_LONG),
    "bad key": _trouble(403, "UnrecognizedClientException", "The security token {key} is invalid."),
    "no money": _trouble(402, "ServiceException", "Pay first"),
    "forbidden": _trouble(403, "AccessDeniedException", "Not you"),
    "no model": _trouble(400, "ValidationException", "The provided model identifier is invalid."),
    "too fast": _trouble(429, "ThrottlingException", "Too many requests"),
    "broken": _trouble(500, "InternalServerException", "Oh no"),
    "full": _trouble(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
}


class ConverseVoice:
    """One streamed answer. Only blocks of tools are announced."""

    def __init__(self) -> None:
        self._index = 0
        self._speaking = False

    def begin(self) -> list[Chunk]:
        return [{"messageStart": {"role": "assistant", "p": "abc"}}]

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        closed = self._close()
        deltas = [self._delta({"reasoningContent": {"text": text}})]
        if secret:
            deltas.append(self._delta({"reasoningContent": {"signature": secret}}))
        return [*closed, *deltas, self._stop_block()]

    def say(self, text: str) -> list[Chunk]:
        self._speaking = True
        return [self._delta({"text": text})]

    def call(self, call: Call) -> list[Chunk]:
        closed = self._close()
        start = {"toolUse": {"toolUseId": call.id, "name": call.name}}
        pieces = (call.arguments[:5], call.arguments[5:])
        return [
            *closed,
            {"contentBlockStart": {"contentBlockIndex": self._index, "start": start}},
            *(self._delta({"toolUse": {"input": piece}}) for piece in pieces),
            self._stop_block(),
        ]

    def stop(self, reason: str = "end") -> list[Chunk]:
        return [
            *self._close(),
            {"messageStop": {"stopReason": _STOPS.get(reason, reason)}},
            {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 1}}},
        ]

    def _delta(self, said: Json) -> Json:
        return {"contentBlockDelta": {"contentBlockIndex": self._index, "delta": said, "p": "ab"}}

    def _close(self) -> list[Chunk]:
        speaking, self._speaking = self._speaking, False
        return [self._stop_block()] if speaking else []

    def _stop_block(self) -> Json:
        self._index += 1
        return {"contentBlockStop": {"contentBlockIndex": self._index - 1}}


class Converse:
    """The format."""

    wire = "bedrock_converse"
    provider = "bedrock"
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    kind = aws_frames.AWS_EVENT_STREAM
    faults: tuple[Fault, ...] = tuple(_FAULTS)
    troubles = _TROUBLES

    def voice(self) -> ConverseVoice:
        return ConverseVoice()

    def frame(self, chunk: Chunk) -> bytes:
        assert isinstance(chunk, dict)
        [(name, payload)] = chunk.items()
        return (aws_frames.exception if name.endswith("Exception") else aws_frames.event)(name, payload)

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        name, wording = _FAULTS[code]
        return [{name: {"message": wording or message}}]

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        message = {"role": "assistant", "content": [_block(each) for each in said]}
        about = {"stopReason": _STOPS.get(stop, stop), "usage": USAGE, "metrics": {"latencyMs": 1}}
        return {"output": {"message": message}, **about}

    def asked(self, body: Json) -> Asked:
        config: Json = body.get("toolConfig") or {}
        specs = [tool["toolSpec"] for tool in config.get("tools") or () if "toolSpec" in tool]
        tools = {spec["name"]: spec["inputSchema"]["json"] for spec in specs}
        choice: Json = config.get("toolChoice") or {"auto": {}}
        if named := choice.get("tool"):
            tools = {named["name"]: tools[named["name"]]}
        match body.get("outputConfig"):
            case {"textFormat": {"structure": {"jsonSchema": {"schema": text}}}}:
                schema = json.loads(text)
            case _:
                schema = None
        system = [Heard("system", part["text"]) for part in body.get("system") or () if "text" in part]
        return Asked(
            context=[*system, *(heard for message in body["messages"] for heard in _heard(message))],
            tools=tools,
            must="auto" not in choice,
            schema=schema,
        )

    def credential(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}


def _heard(message: Json) -> Iterator[Heard]:
    for part in message["content"]:
        match part:
            case {"text": text}:
                yield Heard(message["role"], text)
            case {"image": {"source": {"bytes": data}}}:
                yield Heard("image", data)
            case {"document": {"source": {"bytes": data}}}:
                yield Heard("file", data)
            case {"reasoningContent": {"reasoningText": {"text": text} as thought}}:
                yield Heard("thought", text, secret=thought.get("signature") or "")
            case {"reasoningContent": {"redactedContent": secret}}:
                yield Heard("thought", "", secret=secret)
            case {"toolUse": {"toolUseId": id, "name": name, "input": arguments}}:
                yield Heard("call", json.dumps(arguments), id=id, name=name)
            case {"toolResult": {"toolUseId": id, "content": content}}:
                for inner in content:
                    match inner:
                        case {"text": text}:
                            yield Heard("result", text, id=id)
                        case {"json": value}:
                            yield Heard("result", json.dumps(value), id=id)
                        case {"image": {"source": {"bytes": data}}}:
                            yield Heard("image", data, id=id)
                        case _:
                            raise AssertionError(f"no such result: {inner}")
            case {"cachePoint": _}:
                pass
            case _:
                raise AssertionError(f"no such part: {part}")


def _block(said: Said) -> Json:
    match said:
        case Thought():
            signed = {"signature": said.secret} if said.secret else {}
            return {"reasoningContent": {"reasoningText": {"text": said.text, **signed}}}
        case Words():
            return {"text": said.text}
        case Call():
            arguments = json.loads(said.arguments)
            return {"toolUse": {"toolUseId": said.id, "name": said.name, "input": arguments}}
