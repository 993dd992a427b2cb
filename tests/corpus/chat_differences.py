"""How what we render may differ from what others sent, and why each difference says the same.

Each takes both bodies and makes that one difference vanish, wherever it is; a difference that no recording
shows any more fails the test, so the list cannot outlive its reasons.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.corpus.lift_chat import INEXPRESSIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.corpus.chat_recordings import Json, Recording


@dataclass(frozen=True)
class Difference:
    """One difference: what it is, why it is none, and how to take it away."""

    name: str
    why: str
    vanish: Callable[[Json, Json, Recording], None]


def _pairs(recorded: Json, rendered: Json, role: str) -> Iterator[tuple[Json, Json]]:
    for theirs, ours in zip(recorded["messages"], rendered["messages"], strict=False):
        if theirs["role"] == role:
            yield theirs, ours


def _inexpressible(recorded: Json, rendered: Json, recording: Recording) -> None:
    for name in INEXPRESSIBLE:
        if name not in rendered:
            recorded.pop(name, None)


def _always_streams(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        body.pop("stream", None)
        body.pop("stream_options", None)


def _nulls(recorded: Json, rendered: Json, recording: Recording) -> None:
    for name in [name for name, value in recorded.items() if value is None or value == []]:
        del recorded[name]


def _defaults(recorded: Json, rendered: Json, recording: Recording) -> None:
    unsaid = {"tool_choice": "auto", "parallel_tool_calls": True, "logprobs": False, "top_logprobs": 0}
    for name, default in unsaid.items():
        if recorded.get(name) == default:
            del recorded[name]
    if recorded.get("response_format") == {"type": "text"}:
        del recorded["response_format"]
    if not recorded.get("tools"):
        recorded.pop("tool_choice", None)
        recorded.pop("parallel_tool_calls", None)


def _loose_tools(recorded: Json, rendered: Json, recording: Recording) -> None:
    for tool in recorded.get("tools") or ():
        if tool.get("function", {}).get("strict") in (False, None):
            tool.get("function", {}).pop("strict", None)


def _strict_where_unknown(recorded: Json, rendered: Json, recording: Recording) -> None:
    if not recording.profile.for_model(recording.model).strict_tools:
        for tool in recorded.get("tools") or ():
            tool.get("function", {}).pop("strict", None)


def _no_parameters(recorded: Json, rendered: Json, recording: Recording) -> None:
    for tool in recorded.get("tools") or ():
        if "function" in tool:
            tool["function"]["parameters"] = tool["function"].get("parameters") or {
                "type": "object",
                "properties": {},
            }
            if not tool["function"].get("description"):
                tool["function"].pop("description", None)
            tool["function"].pop("type", None)


def _cache_marks(recorded: Json, rendered: Json, recording: Recording) -> None:
    tools = recorded.get("tools") or []
    calls = [call for message in recorded["messages"] for call in message.get("tool_calls") or ()]
    parts = [
        part
        for message in recorded["messages"]
        if isinstance(message.get("content"), list)
        for part in message["content"]
    ]
    for place in (*tools, *calls, *parts, *recorded["messages"]):
        place.pop("cache_control", None)


def _developer_role(recorded: Json, rendered: Json, recording: Recording) -> None:
    for message in (*recorded["messages"], *rendered["messages"]):
        if message["role"] == "developer":
            message["role"] = "system"


def _single_text_part(recorded: Json, rendered: Json, recording: Recording) -> None:
    for message in recorded["messages"]:
        match message.get("content"):
            case [{"type": "text", "text": text, **rest}] if not rest:
                message["content"] = text
            case _:
                pass


def _text_beside_calls(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        for message in body["messages"]:
            if message.get("tool_calls") and not message.get("content"):
                message.pop("content", None)


def _limit_name(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        if "max_completion_tokens" in body:
            body["max_tokens"] = body.pop("max_completion_tokens")


def _decoration(recorded: Json, rendered: Json, recording: Recording) -> None:
    for message in recorded["messages"]:
        for name in ("name", "annotations", "prefix", "refusal", "audio", "function_call"):
            message.pop(name, None)
        for call in message.get("tool_calls") or ():
            call.pop("index", None)
        if not message.get("tool_calls"):
            message.pop("tool_calls", None)


def _sampling(recorded: Json, rendered: Json, recording: Recording) -> None:
    accepts = recording.profile.for_model(recording.model).accepts
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "parallel_tool_calls"):
        if name not in accepts:
            recorded.pop(name, None)


def _hints(recorded: Json, rendered: Json, recording: Recording) -> None:
    profile = recording.profile.for_model(recording.model)
    for name in ("prompt_cache_key", "user"):
        if name not in profile.accepts:
            recorded.pop(name, None)
    if not profile.service_tiers:
        recorded.pop("service_tier", None)


def _thoughts(recorded: Json, rendered: Json, recording: Recording) -> None:
    for theirs, ours in _pairs(recorded, rendered, "assistant"):
        if recording.profile.for_model(recording.model).reasoning_replay == "none":
            for name in ("reasoning", "reasoning_content", "reasoning_details"):
                theirs.pop(name, None)
        elif theirs.get("reasoning") == theirs.get("reasoning_content") or theirs.get("reasoning_details"):
            for name in ("reasoning", "reasoning_content"):
                theirs.pop(name, None)
                ours.pop(name, None)
        elif theirs.get("reasoning_content") and ours.get("reasoning"):
            ours["reasoning_content"] = ours.pop("reasoning")
        elif theirs.get("reasoning") and ours.get("reasoning_content"):
            ours["reasoning"] = ours.pop("reasoning_content")


def _effort(recorded: Json, rendered: Json, recording: Recording) -> None:
    asked = recorded.pop("reasoning_effort", None)
    if asked is not None or "reasoning" in recorded:
        efforts = recording.profile.for_model(recording.model).efforts
        level = asked or (recorded.pop("reasoning") or {}).get("effort")
        for name in efforts.get("medium" if level == "default" else str(level), {}):
            rendered.pop(name, None)
        recorded.pop("thinking", None)


def _forced_choice(recorded: Json, rendered: Json, recording: Recording) -> None:
    if recorded.get("tool_choice") == "any":
        recorded["tool_choice"] = "required"
    for name, value in recording.profile.forced_choice_adds.items():
        if rendered.get(name) == value:
            del rendered[name]
            recorded.pop(name, None)


def _schema_name(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        match body.get("response_format"):
            case {"type": "json_schema", "schema": schema}:
                body["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
            case {"type": "json_schema", "json_schema": {"name": "schema"} as inner}:
                del inner["name"]
            case {"type": "json_schema", "json_schema": inner}:
                inner.pop("name", None) if inner.get("name") == "schema" else None
            case _:
                pass


def _call_ids(recorded: Json, rendered: Json, recording: Recording) -> None:
    length = recording.profile.call_id_length
    for theirs, ours in zip(recorded["messages"], rendered["messages"], strict=False):
        for one, other in zip(theirs.get("tool_calls") or (), ours.get("tool_calls") or (), strict=False):
            if length and len(one["id"]) != length:
                one["id"] = other["id"]
        if length and len(theirs.get("tool_call_id", "")) not in (0, length):
            theirs["tool_call_id"] = ours.get("tool_call_id")


def _file_parts(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        for message in body["messages"]:
            for part in message.get("content") if isinstance(message.get("content"), list) else ():
                part.get("image_url", {}).pop("detail", None)


def _one_system(recorded: Json, rendered: Json, recording: Recording) -> None:
    profile = recording.profile.for_model(recording.model)
    if profile.one_system_message:
        for body in (recorded, rendered):
            told = [m for m in body["messages"] if m["role"] == "system"]
            rest = [m for m in body["messages"] if m["role"] != "system"]
            texts = [
                json.dumps(m["content"]) if not isinstance(m["content"], str) else m["content"] for m in told
            ]
            body["messages"] = [*([{"role": "system", "content": "\n\n".join(texts)}] if told else []), *rest]


def _searches(recorded: Json, rendered: Json, recording: Recording) -> None:
    if "compound" in recording.model:
        recorded.pop("tools", None)
    for tool in recorded.get("tools") or ():
        tool.get("parameters", {}).pop("max_uses", None)


def _model(recorded: Json, rendered: Json, recording: Recording) -> None:
    recorded["model"] = rendered["model"]


DIFFERENCES = (
    Difference("inexpressible", "see INEXPRESSIBLE, member by member", _inexpressible),
    Difference(
        "stream",
        "every request is streamed, and asks for usage where that must be asked for",
        _always_streams,
    ),
    Difference("null", "a null is an omission", _nulls),
    Difference("default", "a default need not be said", _defaults),
    Difference("strict: false", "chat's default", _loose_tools),
    Difference("strict", "a promise that the server is not known to keep", _strict_where_unknown),
    Difference("no parameters", "a function without parameters has an empty object of them", _no_parameters),
    Difference("cache marks", "Anthropic's cache marks: no request of ours has them yet", _cache_marks),
    Difference("developer", "`developer` is `system` by another name", _developer_role),
    Difference("one text part", "a single text part is a string", _single_text_part),
    Difference("no text", "null, empty or absent content beside calls says nothing", _text_beside_calls),
    Difference("limit", "`max_tokens` is the older name of `max_completion_tokens`", _limit_name),
    Difference("decoration", "names, indexes and echoes of answers that no server reads", _decoration),
    Difference("sampling", "dropped where the model refuses it", _sampling),
    Difference("hints", "dropped where the server is not known to take it", _hints),
    Difference("effort", "said in the vendor's present words", _effort),
    Difference(
        "thoughts", "one field of reasoning, the vendor's own, where others send two or none", _thoughts
    ),
    Difference(
        "forced choice",
        "`any` is Mistral's `required`; forcing may need thinking switched off",
        _forced_choice,
    ),
    Difference("schema name", "a schema needs a name, and stands where OpenAI has it", _schema_name),
    Difference("call ids", "ids that Mistral's API would now refuse", _call_ids),
    Difference("detail", "detail is a hint, sent where it is known to be taken", _file_parts),
    Difference("one system message", "chat templates of open models refuse a second one", _one_system),
    Difference(
        "searches",
        "a tool has no number of searches; Groq's systems refuse a tool for what they do unasked",
        _searches,
    ),
    Difference("model", "a body without a model leaves it to the address", _model),
)
