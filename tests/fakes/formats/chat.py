"""Chat Completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.formats.base import MODEL, READ, WRITTEN, Asked, Call, Heard, Thought, Words
from tests.fakes.formats.lines import EVENT_STREAM, unnamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.formats.base import Chunk, Fault, Json, Said, Trouble

USAGE = {"prompt_tokens": READ, "completion_tokens": WRITTEN, "total_tokens": READ + WRITTEN}

_FINISHES: dict[str, str] = {
    "end": "stop",
    "calls": "tool_calls",
    "length": "length",
    "filter": "content_filter",
}

_CALLED = {"function": "arguments", "custom": "input"}
"""Kinds of tools that the caller runs, and what a call of each says."""


def chunk(delta: Json, finish: str | None = None) -> Json:
    """One piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _envelope("chat.completion.chunk", [choice])


def _envelope(kind: str, choices: list[Json]) -> Json:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": MODEL, "choices": choices}


def _error(message: str, kind: str, code: str | None = None) -> Json:
    return {"error": {"message": message, "type": kind, "code": code, "param": None}}


def openai_troubles() -> dict[Trouble, tuple[int, Json, dict[str, str]]]:
    """How OpenAI and its kin refuse."""
    invalid = "invalid_request_error"
    return {
        "invalid": (400, _error("No such thing", invalid), {}),
        "too long": (400, _error("Too long", invalid, "context_length_exceeded"), {}),
        "bad key": (401, _error("Incorrect API key provided: {key}", invalid, "invalid_api_key"), {}),
        "no money": (402, _error("Pay first", "billing_error"), {}),
        "forbidden": (403, _error("Not you", "permission_error"), {}),
        "no model": (404, _error("The model `x` does not exist", invalid, "model_not_found"), {}),
        "too fast": (429, _error("Slow down", "requests"), {"retry-after": "30"}),
        "broken": (500, _error("Oh no", "server_error"), {}),
        "full": (503, _error("Full", "server_error"), {}),
    }


class ChatVoice:
    """One streamed answer."""

    def __init__(self, format: Chat) -> None:
        self._format = format
        self._calls = 0

    def begin(self) -> list[Chunk]:
        return [chunk({"role": "assistant", "content": ""})]

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        return [chunk(self._format.thought(text, secret))]

    def say(self, text: str) -> list[Chunk]:
        return [chunk({"content": text})]

    def call(self, call: Call) -> list[Chunk]:
        index, self._calls = self._calls, self._calls + 1
        opened = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        pieces = (call.arguments[:5], call.arguments[5:])
        return [
            chunk({"tool_calls": [{"index": index, **opened}]}),
            *(
                chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
                for piece in pieces
            ),
        ]

    def stop(self, reason: str = "end") -> list[Chunk]:
        return [
            chunk({}, _FINISHES.get(reason, reason)),
            {**_envelope("chat.completion.chunk", []), "usage": USAGE},
            "[DONE]",
        ]


class Chat:
    """The format, in the dialect of Groq."""

    wire = "chat_completions"
    provider = "groq"
    model = "llama-4-scout"
    kind = EVENT_STREAM
    faults: tuple[Fault, ...] = ("rate_limit_exceeded", "server_error", "context_length_exceeded")
    troubles = openai_troubles()

    def voice(self) -> ChatVoice:
        return ChatVoice(self)

    def frame(self, chunk: Chunk) -> bytes:
        return unnamed(chunk)

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        return [_error(message, code, code)]

    def thought(self, text: str, secret: str) -> Json:
        """The members of a message that hold it: there is no place for a secret."""
        return {"reasoning": text}

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        message: Json = {"role": "assistant", "content": None}
        for each in said:
            match each:
                case Thought():
                    message |= self.thought(each.text, each.secret)
                case Words():
                    message["content"] = (message["content"] or "") + each.text
                case Call():
                    function = {"name": each.name, "arguments": each.arguments}
                    call = {"id": each.id, "type": "function", "function": function}
                    message.setdefault("tool_calls", []).append(call)
        choice = {"index": 0, "message": message, "finish_reason": _FINISHES.get(stop, stop)}
        return {**_envelope("chat.completion", [choice]), "usage": USAGE}

    def asked(self, body: Json) -> Asked:
        offered = [tool[tool["type"]] for tool in body.get("tools") or () if tool["type"] in _CALLED]
        tools = {tool["name"]: tool.get("parameters") or {} for tool in offered}
        choice = body.get("tool_choice")
        match choice:
            case "none":
                tools = {}
            case {"type": "function" | "custom" as kind}:
                tools = {choice[kind]["name"]: tools[choice[kind]["name"]]}
            case {"type": "allowed_tools", "allowed_tools": {"mode": choice, "tools": allowed}}:
                tools = {each["function"]["name"]: tools[each["function"]["name"]] for each in allowed}
            case _:
                pass
        match body.get("response_format"):
            case {"type": "json_schema", "json_schema": {"schema": schema}}:
                pass
            case _:
                schema = None
        return Asked(
            context=[heard for message in body["messages"] for heard in self._heard(message)],
            tools=tools,
            must=choice not in (None, "auto", "none"),
            schema=schema,
        )

    def credential(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    def _heard(self, message: Json) -> Iterator[Heard]:
        role = message["role"]
        if role == "assistant":
            yield from self._thoughts(message)
        for part in _parts(message.get("content")):
            match part:
                case {"type": "text", "text": text} if role == "tool":
                    yield Heard("result", text, id=message["tool_call_id"])
                case {"type": "refusal", "refusal": text}:
                    yield Heard("assistant", text)
                case {"type": "text", "text": text}:
                    kind = {"developer": "system"}.get(role, role)
                    yield Heard(kind, text)
                case {"type": "image_url", "image_url": {"url": url}}:
                    yield Heard("image", url.rpartition(",")[2])
                case {"type": "file", "file": file}:
                    yield Heard("file", file["file_data"].rpartition(",")[2])
                case _:
                    raise AssertionError(f"no such part: {part}")
        for call in message.get("tool_calls") or ():
            about = call[call["type"]]
            yield Heard("call", about[_CALLED[call["type"]]], id=call["id"], name=about["name"])

    def _thoughts(self, message: Json) -> Iterator[Heard]:
        if text := message.get("reasoning") or message.get("reasoning_content"):
            yield Heard("thought", text)


class Details(Chat):
    """The same in OpenRouter's dialect, which has reasoning of any maker in detail."""

    provider = "openrouter"
    model = "anthropic/claude-sonnet-4.5"

    def thought(self, text: str, secret: str) -> Json:
        detail = {"type": "reasoning.text", "text": text, "id": "r1", "index": 0}
        detail |= {"format": "anthropic-claude-v1", **({"signature": secret} if secret else {})}
        return {"reasoning": text, "reasoning_details": [detail]}

    def _thoughts(self, message: Json) -> Iterator[Heard]:
        details: list[Any] = message.get("reasoning_details") or []
        for detail in details:
            yield Heard("thought", detail["text"], secret=detail.get("signature") or "")
        if not details:
            yield from super()._thoughts(message)


def _parts(content: Any) -> list[Json]:
    match content:
        case None | "":
            return []
        case str():
            return [{"type": "text", "text": content}]
        case _:
            return content
