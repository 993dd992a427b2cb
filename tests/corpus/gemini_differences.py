"""How what we render may differ from what others sent to Gemini, and why each difference says the same.

Each takes both bodies, the recorded one in camel case, and makes that one difference vanish, wherever it is;
a difference that no recording shows any more fails the test, so the list cannot outlive its reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.corpus.lift_gemini import (
    INEXPRESSIBLE,
    INEXPRESSIBLE_SETTINGS,
    VERBATIM,
    parts_of,
    response_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.corpus.gemini_recordings import Json, Recording


@dataclass(frozen=True)
class Difference:
    """One difference: what it is, why it is none, and how to take it away."""

    name: str
    why: str
    vanish: Callable[[Json, Json, Recording], None]


def _without_nothing(value: Any) -> Any:
    """The same without members that hold nothing. Arguments and schemas are left as they are."""
    if isinstance(value, list):
        return [_without_nothing(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kept: Json = {}
    for key, inner in value.items():
        told = inner if key in VERBATIM else _without_nothing(inner)
        empty = told is None or told is False or told in ("", [])
        if not empty and not (told == {} and key in ("generationConfig", "toolConfig")):
            kept[key] = told
    return kept


def _nothing(recorded: Json, rendered: Json, recording: Recording) -> None:
    told = _without_nothing(recorded)
    recorded.clear()
    recorded.update(told)


def _inexpressible(recorded: Json, rendered: Json, recording: Recording) -> None:
    for name in INEXPRESSIBLE:
        recorded.pop(name, None)


def _inexpressible_settings(recorded: Json, rendered: Json, recording: Recording) -> None:
    for name in INEXPRESSIBLE_SETTINGS:
        recorded.get("generationConfig", {}).pop(name, None)


def _system(recorded: Json, rendered: Json, recording: Recording) -> None:
    if "systemInstruction" not in recorded:
        return
    texts = [part["text"] for part in parts_of(recorded["systemInstruction"]) if part.get("text")]
    recorded["systemInstruction"] = {"parts": [{"text": "\n\n".join(texts)}]}
    if not texts:
        del recorded["systemInstruction"]


def _modality(recorded: Json, rendered: Json, recording: Recording) -> None:
    recorded.get("generationConfig", {}).pop("responseModalities", None)


def _budget(recorded: Json, rendered: Json, recording: Recording) -> None:
    recorded.get("generationConfig", {}).get("thinkingConfig", {}).pop("thinkingBudget", None)


def _empty_settings(recorded: Json, rendered: Json, recording: Recording) -> None:
    config = recorded.get("generationConfig", {})
    if config.get("thinkingConfig") == {}:
        del config["thinkingConfig"]
    if not config:
        recorded.pop("generationConfig", None)


def _upper_case(recorded: Json, rendered: Json, recording: Recording) -> None:
    thinking = recorded.get("generationConfig", {}).get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    calling = recorded.get("toolConfig", {}).get("functionCallingConfig", {})
    if "mode" in calling:
        calling["mode"] = calling["mode"].upper()


def _auto(recorded: Json, rendered: Json, recording: Recording) -> None:
    if recorded.get("toolConfig") == {"functionCallingConfig": {"mode": "AUTO"}}:
        del recorded["toolConfig"]


def _functions(recorded: Json) -> Iterator[Json]:
    for tool in recorded.get("tools") or ():
        yield from tool.get("functionDeclarations") or ()


def _json_schema(recorded: Json, rendered: Json, recording: Recording) -> None:
    if not recording.profile.for_model(recording.model).json_schemas:
        return
    for function in _functions(recorded):
        if "parameters" in function:
            function["parametersJsonSchema"] = function.pop("parameters")
    config = recorded.get("generationConfig", {})
    if "responseSchema" in config:
        config["responseJsonSchema"] = config.pop("responseSchema")


def _results_schema(recorded: Json, rendered: Json, recording: Recording) -> None:
    for function in _functions(recorded):
        function.pop("response", None)
        function.pop("responseJsonSchema", None)


def _search(recorded: Json, rendered: Json, recording: Recording) -> None:
    search = {"googleSearch", "urlContext"}
    for body in (recorded, rendered):
        if any(search & tool.keys() for tool in body.get("tools") or ()):
            rest = [tool for tool in body["tools"] if not search & tool.keys()]
            body["tools"] = [*rest, {"web_search": {}}]


def _parts(body: Json) -> Iterator[Json]:
    for content in body["contents"]:
        yield from content["parts"]


def _call_ids(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        for part in _parts(body):
            for member in ("functionCall", "functionResponse"):
                part.get(member, {}).pop("id", None)


def _results(recorded: Json, rendered: Json, recording: Recording) -> None:
    for part in _parts(recorded):
        if "functionResponse" in part:
            part["functionResponse"]["response"] = {"output": response_text(part["functionResponse"])}


def _no_arguments(recorded: Json, rendered: Json, recording: Recording) -> None:
    for part in _parts(recorded):
        if "functionCall" in part:
            part["functionCall"].setdefault("args", {})


def _turns(recorded: Json, rendered: Json, recording: Recording) -> None:
    for body in (recorded, rendered):
        joined: list[Json] = []
        for content in body["contents"]:
            parts = [part for part in content["parts"] if part and part.get("text") != ""]
            if joined and joined[-1]["role"] == content["role"]:
                joined[-1]["parts"] += parts
            elif parts:
                joined.append({"role": content["role"], "parts": parts})
        body["contents"] = joined


def _media_type(recorded: Json, rendered: Json, recording: Recording) -> None:
    for theirs, ours in zip(_parts(recorded), _parts(rendered), strict=False):
        if "fileData" in theirs and "mimeType" not in ours.get("fileData", {}):
            theirs["fileData"].pop("mimeType", None)


DIFFERENCES = (
    Difference("nothing", "null, false and empty members say nothing", _nothing),
    Difference("inexpressible", "what no Responses request can ask for; see the list", _inexpressible),
    Difference("settings", "the same among the settings; see the list", _inexpressible_settings),
    Difference("system", "the system's words have no role, and are one text here", _system),
    Difference("modality", "an answer is text unless something else is asked for", _modality),
    Difference("budget", "how much to think is said by an effort, not in tokens", _budget),
    Difference("empty settings", "settings of which nothing is left", _empty_settings),
    Difference("upper case", "words of a closed list in the case of Google's reference", _upper_case),
    Difference("auto", "the choice that every model makes unasked", _auto),
    Difference("schema", "JSON Schema has a field of its own by now", _json_schema),
    Difference(
        "results' schema", "the Responses API has no schema of what a function returns", _results_schema
    ),
    Difference("search", "one web search of ours is Google's search and its reading of pages", _search),
    Difference("turns", "neighbours of one role may stand together; empty texts say nothing", _turns),
    Difference("call ids", "every call has an id here, whether or not the model gave it one", _call_ids),
    Difference("results", "what a function returned is one text, in the member that is documented", _results),
    Difference("no arguments", "a call without arguments has an empty object of them", _no_arguments),
    Difference("media type", "Google knows the media type of a file that it keeps", _media_type),
)
