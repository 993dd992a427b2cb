"""How what we render for Converse may differ from what others sent, and why each difference says the same.

Each takes both bodies and makes that one difference vanish, wherever it is; a difference that no recording
shows any more fails the test, so the list cannot outlive its reasons.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.corpus.converse_recordings import Json, Recording


@dataclass(frozen=True)
class Difference:
    """One difference: what it is, why it is none, and how to take it away."""

    name: str
    why: str
    vanish: Callable[[Json, Json, Recording], None]


def _blocks(body: Json, kind: str) -> Iterator[Any]:
    for message in body["messages"]:
        for block in message["content"]:
            if kind in block:
                yield block[kind]


def _empty(recorded: Json, rendered: Json, recording: Recording) -> None:
    for name in ("system", "inferenceConfig"):
        if not recorded.get(name):
            recorded.pop(name, None)


def _stop_sequences(recorded: Json, rendered: Json, recording: Recording) -> None:
    recorded.get("inferenceConfig", {}).pop("stopSequences", None)


def _auto(recorded: Json, rendered: Json, recording: Recording) -> None:
    config = recorded.get("toolConfig", {})
    if config.get("toolChoice") == {"auto": {}}:
        del config["toolChoice"]


def _guardrail(recorded: Json, rendered: Json, recording: Recording) -> None:
    recorded.pop("guardrailConfig", None)


def _cache_points(recorded: Json, rendered: Json, recording: Recording) -> None:
    for blocks in (recorded.get("system") or [], recorded.get("toolConfig", {}).get("tools") or []):
        blocks[:] = [block for block in blocks if "cachePoint" not in block]


def _status(recorded: Json, rendered: Json, recording: Recording) -> None:
    for theirs, ours in zip(_blocks(recorded, "toolResult"), _blocks(rendered, "toolResult"), strict=False):
        if theirs.get("status", "success") == ours.get("status", "success") == "success":
            theirs.pop("status", None)
            ours.pop("status", None)


def _json_results(recorded: Json, rendered: Json, recording: Recording) -> None:
    for result in _blocks(recorded, "toolResult"):
        result["content"] = [
            {"text": json.dumps(block["json"])} if "json" in block else block for block in result["content"]
        ]


def _document_texts(recorded: Json, rendered: Json, recording: Recording) -> None:
    for document in _blocks(recorded, "document"):
        if "text" in document["source"]:
            document["source"] = {"bytes": base64.b64encode(document["source"]["text"].encode()).decode()}


def _document_marks(recorded: Json, rendered: Json, recording: Recording) -> None:
    for document in _blocks(recorded, "document"):
        document.pop("citations", None)
        document.pop("context", None)


def _document_names(recorded: Json, rendered: Json, recording: Recording) -> None:
    for theirs, ours in zip(_blocks(recorded, "document"), _blocks(rendered, "document"), strict=False):
        if theirs["name"].replace("_", " ") == ours["name"]:
            theirs["name"] = ours["name"]


def _budgets(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        fields = body.get("additionalModelRequestFields") or {}
        thinking = fields.pop("thinking", None) or fields.get("reasoning_config")
        if isinstance(thinking, dict):
            body["additionalModelRequestFields"] = {"thinking": thinking["type"]}
    if rendered.get("additionalModelRequestFields", {}).get("thinking"):
        rendered.get("inferenceConfig", {}).pop("maxTokens", None)
        if recorded.get("inferenceConfig", {}).get("temperature") == 1:
            del recorded["inferenceConfig"]["temperature"]
        for body in (recorded, rendered):
            if not body.get("inferenceConfig"):
                body.pop("inferenceConfig", None)


def _forced_alone(recorded: Json, rendered: Json, recording: Recording) -> None:
    match recorded.get("toolConfig"):
        case {"toolChoice": {"tool": {"name": name}}, "tools": tools}:
            recorded["toolConfig"]["tools"] = [
                tool for tool in tools if tool.get("toolSpec", {}).get("name") == name
            ]
        case _:
            pass


def _schema_text(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        if "outputConfig" in body:
            schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
            if isinstance(schema["schema"], str):
                schema["schema"] = json.loads(schema["schema"])


def _blank(recorded: Json, rendered: Json, recording: Recording) -> None:
    for theirs, ours in zip(recorded["messages"], rendered["messages"], strict=True):
        said = [block for block in theirs["content"] if block.get("text", "x").strip()]
        if len(said) < len(theirs["content"]):
            theirs["content"] = [block for block in said if "cachePoint" not in block]
            ours["content"] = [block for block in ours["content"] if "cachePoint" not in block]


def _refused_media(recorded: Json, rendered: Json, recording: Recording) -> None:
    if recording.status == 400:
        for message in (*recorded["messages"], *rendered["messages"]):
            message["content"] = [block for block in message["content"] if "video" not in block]
        for result in (*_blocks(recorded, "toolResult"), *_blocks(rendered, "toolResult")):
            if any("video" in block for block in result["content"]) or len(recorded["messages"]) == 3:
                result["content"] = []


DIFFERENCES = (
    Difference("stop sequences", "the Responses API has none", _stop_sequences),
    Difference("empty", "an empty list or object says nothing", _empty),
    Difference("auto", "the default choice need not be said", _auto),
    Difference("guardrail", "a guardrail is the operator's, in the profile", _guardrail),
    Difference(
        "cache points", "where the system's words and tools are cached, no request says", _cache_points
    ),
    Difference("status", "`success` is the default", _status),
    Difference("json results", "an output is text, and JSON as text is the same JSON", _json_results),
    Difference("document text", "a file comes as bytes, whatever is in it", _document_texts),
    Difference(
        "document marks", "the Responses API asks for no citations and knows no context", _document_marks
    ),
    Difference("document names", "letters of names that Bedrock's reference allows", _document_names),
    Difference(
        "budgets",
        "efforts have budgets of their own, leave room for the answer, and exclude sampling",
        _budgets,
    ),
    Difference("forced", "a tool that must be called is offered alone", _forced_alone),
    Difference("blank", "blank text is refused by most models, even as a place for a cache point", _blank),
    Difference("refused media", "Bedrock refused what was sent: a video in a result", _refused_media),
    Difference("schema", "members of a schema have no order", _schema_text),
)
