"""How what we render may differ from what others sent, and why each difference says the same.

Each takes both bodies and makes that one difference vanish, wherever it is; a difference that no recording
shows any more fails the test, so the list cannot outlive its reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.corpus.lift_anthropic import INEXPRESSIBLE, VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.corpus.anthropic_recordings import Json, Recording


@dataclass(frozen=True)
class Difference:
    """One difference: what it is, why it is none, and how to take it away."""

    name: str
    why: str
    vanish: Callable[[Json, Json, Recording], None]


def _objects(value: Any) -> Iterator[Json]:
    """Every object inside of a value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def _inexpressible(recorded: Json, rendered: Json, recording: Recording) -> None:
    for name in INEXPRESSIBLE:
        recorded.pop(name, None)


def _always_streams(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        body.pop("stream", None)


def _nulls(recorded: Json, rendered: Json, recording: Recording) -> None:
    for place in [recorded, *(recorded.get("tools") or ())]:
        for name in [name for name, value in place.items() if value is None or value == []]:
            del place[name]


def _defaults(recorded: Json, rendered: Json, recording: Recording) -> None:
    choice = recorded.get("tool_choice")
    if choice and choice.get("disable_parallel_tool_use") is False:
        del choice["disable_parallel_tool_use"]
    if choice == {"type": "auto"}:
        del recorded["tool_choice"]
    for tool in recorded.get("tools") or ():
        if tool.get("type") == "custom":
            del tool["type"]
    for part in _objects(recorded["messages"]):
        if part.get("type") == "tool_result" and part.get("is_error") is False:
            del part["is_error"]


def _cache_marks(recorded: Json, rendered: Json, recording: Recording) -> None:
    for place in _objects([recorded.get("system"), recorded["messages"], recorded.get("tools")]):
        place.pop("cache_control", None)


def _string_content(recorded: Json, rendered: Json, recording: Recording) -> None:
    for message in recorded["messages"]:
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
    if isinstance(recorded.get("system"), str):
        recorded["system"] = [{"type": "text", "text": recorded["system"]}]


def _no_citations(recorded: Json, rendered: Json, recording: Recording) -> None:
    for message in recorded["messages"]:
        for block in message["content"]:
            if block["type"] in ("text", "document") and not isinstance(block.get("citations"), list):
                block.pop("citations", None)
            if block.get("citations") == []:
                del block["citations"]


def _cache_lifetime(recorded: Json, rendered: Json, recording: Recording) -> None:
    if (recorded.get("cache_control") or {}).get("ttl") == "5m":
        del recorded["cache_control"]["ttl"]


def _beta_format(recorded: Json, rendered: Json, recording: Recording) -> None:
    if "output_format" in recorded:
        recorded["output_config"] = {"format": recorded.pop("output_format")}


def _budget(recorded: Json, rendered: Json, recording: Recording) -> None:
    ours, theirs = rendered.get("thinking") or {}, recorded.get("thinking") or {}
    if theirs.get("type") == "enabled":
        if ours.get("type") == "enabled":
            ours["budget_tokens"] = theirs["budget_tokens"]
        elif ours.get("type") == "adaptive":
            recorded["thinking"] = ours
            recorded["output_config"] = {**(recorded.get("output_config") or {}), "effort": "low"}


def _version(recorded: Json, rendered: Json, recording: Recording) -> None:
    profile = recording.profile.for_model(recording.model)
    current = {tool["name"]: tool["type"] for tool in profile.hosted.values()}
    for tool in recorded.get("tools") or ():
        if tool.get("type") and tool["name"] in current:
            tool["type"] = current[tool["name"]]
            tool.pop("allowed_callers", None)


def _vendors(recorded: Json, rendered: Json, recording: Recording) -> None:
    tools = recorded.get("tools") or []
    kept = [tool for tool in tools if not (tool.get("type") or "").startswith(VENDORS)]
    if kept != tools:
        recorded["tools"] = kept
        if not kept:
            del recorded["tools"]
            recorded.pop("tool_choice", None)
    for tool in kept:
        tool.pop("defer_loading", None)


def _description(recorded: Json, rendered: Json, recording: Recording) -> None:
    for tool in recorded.get("tools") or ():
        if tool.get("description") == "":
            del tool["description"]


def _strict(recorded: Json, rendered: Json, recording: Recording) -> None:
    for tool, ours in zip(recorded.get("tools") or (), rendered.get("tools") or (), strict=False):
        if tool.get("strict") is False:
            del tool["strict"]
        if tool.get("strict") and "strict" not in ours:
            del tool["strict"]
        if tool.get("strict") and ours.get("strict"):
            tool["input_schema"] = ours["input_schema"]


def _version_in_header(recorded: Json, rendered: Json, recording: Recording) -> None:
    recorded.pop("anthropic_version", None)
    rendered.pop("anthropic_version", None)


def _json_object(recorded: Json, rendered: Json, recording: Recording) -> None:
    form = (recorded.get("output_config") or {}).get("format") or {}
    if form and not form["schema"].get("properties"):
        del recorded["output_config"]["format"]
        if not recorded["output_config"]:
            del recorded["output_config"]
        advice = rendered["system"].pop()
        assert "JSON" in advice["text"]
        if not rendered["system"]:
            del rendered["system"]


def _alternatives(recorded: Json, rendered: Json, recording: Recording) -> None:
    for tool, ours in zip(recorded.get("tools") or (), rendered.get("tools") or (), strict=False):
        if "anyOf" in tool.get("input_schema", {}):
            tool["input_schema"] = ours["input_schema"]


DIFFERENCES = (
    Difference("inexpressible", "see INEXPRESSIBLE, member by member", _inexpressible),
    Difference("stream", "every request is streamed", _always_streams),
    Difference("null", "a null is an omission", _nulls),
    Difference("string", "a string is short for one text block", _string_content),
    Difference("default", "a default need not be said", _defaults),
    Difference("cache marks", "marks inside of a request: ours are set for the whole of it", _cache_marks),
    Difference("cache lifetime", "five minutes is the default", _cache_lifetime),
    Difference("no citations", "documents are cited only where a client reads that", _no_citations),
    Difference("output_format", "the beta's name of `output_config.format`", _beta_format),
    Difference("budget", "an effort stands for so many tokens, or for none in particular", _budget),
    Difference("version", "one version of a hosted tool for all requests to a model", _version),
    Difference("vendor's tools", "hosted tools that the API does not have", _vendors),
    Difference("no description", "an empty description is none", _description),
    Difference("any object", "any JSON object is asked for in words", _json_object),
    Difference("alternatives", "the vendor refuses them at a schema's top", _alternatives),
    Difference("strict", "a promise that the model cannot keep, or that closes what was open", _strict),
    Difference("anthropic_version", "the older clouds' name of a header", _version_in_header),
)
