"""Google's generateContent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fakes.formats.base import MODEL, READ, WRITTEN, Asked, Call, Heard, told
from tests.fakes.formats.lines import EVENT_STREAM, unnamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.formats.base import Chunk, Fault, Json, Said, Trouble

_FINISHES: dict[str, str] = {"end": "STOP", "calls": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
_TOO_LONG = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30s"}


def _error(status: int, name: str, message: str, *details: Json) -> Json:
    said = {"code": status, "message": message, "status": name}
    return {"error": {**said, "details": list(details)} if details else said}


_FAULTS: dict[Fault, tuple[int, str, str]] = {
    "rate_limit_exceeded": (429, "RESOURCE_EXHAUSTED", ""),
    "server_error": (500, "INTERNAL", ""),
    "context_length_exceeded": (400, "INVALID_ARGUMENT", _TOO_LONG),
}
_BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
_NO_MODEL = "models/x is not found for API version v1beta, or is not supported for generateContent."
_TROUBLES: dict[Trouble, tuple[int, Json, dict[str, str]]] = {
    "invalid": (400, _error(400, "INVALID_ARGUMENT", "No such thing"), {}),
    "too long": (400, _error(400, "INVALID_ARGUMENT", _TOO_LONG), {}),
    "bad key": (400, _error(400, "INVALID_ARGUMENT", "API key not valid: {key}.", _BAD_KEY), {}),
    "no money": (402, _error(402, "FAILED_PRECONDITION", "Pay first"), {}),
    "forbidden": (403, _error(403, "PERMISSION_DENIED", "Not you"), {}),
    "no model": (404, _error(404, "NOT_FOUND", _NO_MODEL), {}),
    "too fast": (429, _error(429, "RESOURCE_EXHAUSTED", "Slow down", _RETRY), {}),
    "broken": (500, _error(500, "INTERNAL", "Oh no"), {}),
    "full": (503, _error(503, "UNAVAILABLE", "The model is overloaded."), {}),
}


class GeminiVoice:
    """One streamed answer. A secret rides on the call that a thought led to or, without one, on the end."""

    def __init__(self) -> None:
        self._secret = ""

    def begin(self) -> list[Chunk]:
        return []

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        self._secret = secret
        return [_chunk([{"text": text, "thought": True}])]

    def say(self, text: str) -> list[Chunk]:
        return [_chunk([{"text": text}])]

    def call(self, call: Call) -> list[Chunk]:
        return [_chunk([self._signed(_call(call))])]

    def stop(self, reason: str = "end") -> list[Chunk]:
        return [_chunk([self._signed({"text": ""})], _FINISHES.get(reason, reason))]

    def _signed(self, part: Json) -> Json:
        secret, self._secret = self._secret, ""
        return {**part, "thoughtSignature": secret} if secret else part


class Gemini:
    """The format, as Gemini speaks it."""

    wire = "gemini_generate_content"
    provider = "gemini"
    model = "gemini-3-pro"
    kind = EVENT_STREAM
    faults: tuple[Fault, ...] = tuple(_FAULTS)
    troubles = _TROUBLES

    def voice(self) -> GeminiVoice:
        return GeminiVoice()

    def frame(self, chunk: Chunk) -> bytes:
        return unnamed(chunk)

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        status, name, wording = _FAULTS[code]
        return [_error(status, name, wording or message)]

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        chunks = [chunk for part in told(self.voice(), said, stop) for chunk in part]
        parts = [
            part
            for chunk in chunks
            if isinstance(chunk, dict)
            for part in chunk["candidates"][0]["content"]["parts"]
            if part != {"text": ""}
        ]
        return _chunk(parts, _FINISHES.get(stop, stop))

    def asked(self, body: Json) -> Asked:
        declared = [d for tool in body.get("tools") or () for d in tool.get("functionDeclarations") or ()]
        tools = {each["name"]: each.get("parametersJsonSchema") or {"type": "object"} for each in declared}
        calling: Json = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
        if allowed := calling.get("allowedFunctionNames"):
            tools = {name: tools[name] for name in allowed}
        if calling.get("mode") == "NONE":
            tools = {}
        system = [
            Heard("system", part["text"])
            for part in (body.get("systemInstruction") or {"parts": []})["parts"]
        ]
        return Asked(
            context=[*system, *(heard for content in body["contents"] for heard in _heard(content))],
            tools=tools,
            must=calling.get("mode") == "ANY",
            schema=(body.get("generationConfig") or {}).get("responseJsonSchema"),
        )

    def credential(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}


def _heard(content: Json) -> Iterator[Heard]:
    for part in content["parts"]:
        secret = part.get("thoughtSignature") or ""
        match part:
            case {"thought": True, "text": text}:
                yield Heard("thought", text, secret=secret)
            case {"text": text}:
                yield Heard({"model": "assistant"}.get(content["role"], content["role"]), text, secret=secret)
            case {"inlineData": {"mimeType": kind, "data": data}}:
                yield Heard("image" if kind.startswith("image/") else "file", data)
            case {"fileData": {"mimeType": kind, "fileUri": address}}:
                yield Heard("image" if kind.startswith("image/") else "file", address)
            case {"functionCall": {"name": name, "args": arguments} as call}:
                yield Heard("call", json.dumps(arguments), id=call.get("id", ""), name=name, secret=secret)
            case {"functionResponse": {"name": name, "response": response} as result}:
                text = response.get("output", response.get("result", response))
                text = text if isinstance(text, str) else json.dumps(text)
                yield Heard("result", text, id=result.get("id", ""), name=name)
                for inner in result.get("parts") or ():
                    yield Heard("image", inner["inlineData"]["data"], id=result.get("id", ""))
            case _:
                raise AssertionError(f"no such part: {part}")


def _call(call: Call) -> Json:
    return {"functionCall": {"name": call.name, "args": json.loads(call.arguments)}}


def _chunk(parts: list[Json], finish: str | None = None) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    counted = {"promptTokenCount": READ, "totalTokenCount": READ}
    if finish:
        candidate["finishReason"] = finish
        counted |= {"candidatesTokenCount": WRITTEN, "totalTokenCount": READ + WRITTEN}
    about = {"modelVersion": MODEL, "responseId": "up"}
    return {"candidates": [candidate], "usageMetadata": counted, **about}
