"""The Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.formats.base import MODEL, READ, WRITTEN, Asked, Call, Heard, Thought, Words
from tests.fakes.formats.chat import openai_troubles
from tests.fakes.formats.lines import EVENT_STREAM, named, unnamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.formats.base import Chunk, Fault, Json, Said

_CUT: dict[str, str] = {"length": "max_output_tokens", "filter": "content_filter"}


class NativeVoice:
    """One streamed answer."""

    def __init__(self) -> None:
        self._output: list[Json] = []
        self._speaking = False

    def begin(self) -> list[Chunk]:
        kinds = ("response.created", "response.in_progress")
        return [{"type": kind, "response": _response("in_progress", [])} for kind in kinds]

    def think(self, text: str, secret: str = "") -> list[Chunk]:
        item, place = _thought(text, secret), {**self._place("rs"), "summary_index": 0}
        [part] = item["summary"]
        opened: list[Chunk] = [
            self._added({**item, "summary": [], "encrypted_content": None}),
            {
                "type": "response.reasoning_summary_part.added",
                **place,
                "part": {**part, "text": ""},
            },
            {"type": "response.reasoning_summary_text.delta", **place, "delta": text},
            {"type": "response.reasoning_summary_text.done", **place, "text": text},
            {"type": "response.reasoning_summary_part.done", **place, "part": part},
        ]
        return [*opened, self._done(item)]

    def say(self, text: str) -> list[Chunk]:
        opened: list[Chunk] = []
        if not self._speaking:
            self._speaking = True
            self._text = ""
            opened = [
                self._added({**_message(""), "status": "in_progress", "content": []}),
                {"type": "response.content_part.added", **self._at, "part": _part("")},
            ]
        self._text += text
        delta = {"type": "response.output_text.delta", **self._at, "delta": text, "logprobs": []}
        return [*opened, delta]

    def call(self, call: Call) -> list[Chunk]:
        closed, item = self._close(), _call(call)
        place = self._place("fc")
        kind = "response.function_call_arguments"
        return [
            *closed,
            self._added({**item, "arguments": "", "status": "in_progress"}),
            {"type": f"{kind}.delta", **place, "delta": call.arguments[:5]},
            {"type": f"{kind}.delta", **place, "delta": call.arguments[5:]},
            {"type": f"{kind}.done", **place, "arguments": call.arguments, "name": call.name},
            self._done(item),
        ]

    def stop(self, reason: str = "end") -> list[Chunk]:
        closed = self._close()
        response = _ended(self._output, reason)
        return [*closed, {"type": f"response.{response['status']}", "response": response}]

    @property
    def _at(self) -> Json:
        return {**self._place("msg"), "content_index": 0}

    def _place(self, prefix: str) -> Json:
        return {"item_id": f"{prefix}_up", "output_index": len(self._output)}

    def _added(self, item: Json) -> Json:
        return {"type": "response.output_item.added", "output_index": len(self._output), "item": item}

    def _done(self, item: Json) -> Json:
        self._output.append(item)
        index = len(self._output) - 1
        return {"type": "response.output_item.done", "output_index": index, "item": item}

    def _close(self) -> list[Chunk]:
        if not self._speaking:
            return []
        self._speaking = False
        place, text = self._at, self._text
        return [
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.content_part.done", **place, "part": _part(text)},
            self._done(_message(text)),
        ]


class Native:
    """The format, in the dialect of xAI."""

    wire = "openai_responses"
    provider = "xai"
    model = "grok-4"
    kind = EVENT_STREAM
    faults: tuple[Fault, ...] = ("rate_limit_exceeded", "server_error", "context_length_exceeded")
    troubles = openai_troubles()

    def voice(self) -> NativeVoice:
        return NativeVoice()

    def frame(self, chunk: Chunk) -> bytes:
        return named(chunk) if isinstance(chunk, dict) and "type" in chunk else unnamed(chunk)

    def fault(self, code: Fault, message: str) -> list[Chunk]:
        error = {"type": code, "code": code, "message": message, "param": None}
        return [{"type": "error", "error": error}]

    def plain(self, said: Sequence[Said], stop: str = "end") -> Json:
        return _ended([_item(each) for each in said], stop)

    def asked(self, body: Json) -> Asked:
        offered = [tool for tool in body.get("tools") or () if tool["type"] in ("function", "custom")]
        tools = {tool["name"]: tool.get("parameters") or {} for tool in offered}
        choice = body.get("tool_choice")
        match choice:
            case "none":
                tools = {}
            case {"type": "function" | "custom", "name": name}:
                tools = {name: tools[name]}
            case {"type": "allowed_tools", "mode": choice, "tools": allowed}:
                tools = {each["name"]: tools[each["name"]] for each in allowed}
            case _:
                pass
        text_format: Json = (body.get("text") or {}).get("format") or {}
        given = body["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        system = [Heard("system", body["instructions"])] if body.get("instructions") else []
        return Asked(
            context=[*system, *(heard for item in items for heard in _heard(item))],
            tools=tools,
            must=choice not in (None, "auto", "none"),
            schema=text_format.get("schema"),
        )

    def credential(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}


def _heard(item: Json) -> Iterator[Heard]:
    match item:
        case {"type": "reasoning", "summary": summary}:
            text = "".join(part["text"] for part in summary)
            yield Heard("thought", text, secret=item.get("encrypted_content") or "")
        case {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}:
            yield Heard("call", arguments, id=id, name=name)
        case {"type": "custom_tool_call", "call_id": id, "name": name, "input": text}:
            yield Heard("call", text, id=id, name=name)
        case {"type": "function_call_output" | "custom_tool_call_output", "call_id": id, "output": output}:
            for part in _parts(output):
                match part:
                    case {"type": "input_image", "image_url": url}:
                        yield Heard("image", url.rpartition(",")[2], id=id)
                    case _:
                        yield Heard("result", part["text"], id=id)
        case {"role": role, "content": content}:
            for part in _parts(content):
                match part:
                    case {"type": "input_image", "image_url": url}:
                        yield Heard("image", url.rpartition(",")[2])
                    case {"type": "input_file", "file_data": data}:
                        yield Heard("file", data.rpartition(",")[2])
                    case {"text": text} | {"refusal": text}:
                        yield Heard({"developer": "system"}.get(role, role), text)
                    case _:
                        raise AssertionError(f"no such part: {part}")
        case {"type": "web_search_call", "action": action}:
            yield Heard("assistant", action["query"])
        case _:
            raise AssertionError(f"no such item: {item}")


def _parts(content: Any) -> list[Json]:
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def _item(said: Said) -> Json:
    match said:
        case Thought():
            return _thought(said.text, said.secret)
        case Words():
            return _message(said.text)
        case Call():
            return _call(said)


def _thought(text: str, secret: str) -> Json:
    shown = [{"type": "summary_text", "text": text}]
    return {"type": "reasoning", "id": "rs_up", "summary": shown, "encrypted_content": secret or None}


def _message(text: str) -> Json:
    common = {"type": "message", "id": "msg_up", "role": "assistant", "status": "completed"}
    return {**common, "content": [_part(text)]}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call(call: Call) -> Json:
    common = {"type": "function_call", "id": "fc_up", "status": "completed"}
    return {**common, "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _ended(output: list[Json], stop: str) -> Json:
    reason = _CUT.get(stop)
    response = _response("incomplete" if reason else "completed", output)
    return {**response, "incomplete_details": {"reason": reason} if reason else None}


def _response(status: str, output: list[Json]) -> Json:
    usage = {
        "input_tokens": READ,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": WRITTEN,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": READ + WRITTEN,
    }
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": MODEL,
        "output": output,
        "usage": None if status == "in_progress" else usage,
    }
