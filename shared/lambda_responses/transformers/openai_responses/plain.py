"""A plain answer restated as the stream it would have been, for the same decoder to read."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.openai_responses.wholeness import whole_item
from lambda_responses.transformers.readings import members

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lambda_responses.wire.json import Event, Json

AT_START: dict[str, Json] = {
    "message": {"content": []},
    "function_call": {"arguments": ""},
    "custom_tool_call": {"input": ""},
    "file_search_call": {"queries": [], "results": None},
    "code_interpreter_call": {"code": "", "outputs": None},
    "image_generation_call": {"result": None},
    "mcp_list_tools": {"tools": []},
    "mcp_call": {"arguments": "", "output": None, "error": None},
    "program": {"code": ""},
    "program_output": {"result": ""},
    "shell_call_output": {"output": []},
}
"""What an item of that type lacks when it is announced, as recorded."""

STEPS: dict[str, tuple[str, ...]] = {
    "web_search_call": ("in_progress", "searching", "completed"),
    "file_search_call": ("in_progress", "searching", "completed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "image_generation_call": ("in_progress", "generating", "completed"),
    "mcp_list_tools": ("in_progress", "completed"),
    "mcp_call": ("in_progress", "completed"),
}
"""The events, `response.<type>.<step>`, of a tool that the upstream runs."""

_SPOKEN: dict[str, tuple[str, str, str]] = {
    "code_interpreter_call": ("response.code_interpreter_call_code", "code", "in_progress"),
    "mcp_call": ("response.mcp_call_arguments", "arguments", "in_progress"),
}
"""What such a tool was told: the stem of the events, the member that holds it, the step that precedes it."""

_BEGUN: Json = {
    "status": "in_progress",
    "output": [],
    "usage": None,
    "error": None,
    "incomplete_details": None,
    "completed_at": None,
}
_BEGUN_TEXT: Json = {"text": "", "annotations": [], "logprobs": []}
_TERMINAL = ("completed", "incomplete", "failed")


def as_chunks(body: Json) -> Iterator[Event]:
    """The events of a finished response object; of anything else, the `error` event that it amounts to."""
    numbers = count()
    for event in _events(body):
        yield {**event, "sequence_number": next(numbers)}


def _events(body: Json) -> Iterator[Event]:
    if not isinstance(body.get("output"), list):
        yield {**body, "type": "error"}
        return
    begun = {**body, **_BEGUN}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, entry in enumerate(body["output"]):
        item = members(entry)
        if isinstance(item.get("type"), str):
            item = whole_item(item)
            yield from _placed(_item_events(item), item, index)
    status = body.get("status") or "completed"
    if status in _TERMINAL:
        yield {"type": f"response.{status}", "response": body}


def _placed(events: Iterable[Event], item: Json, index: int) -> Iterator[Event]:
    for event in events:
        name = {} if "item" in event else {"item_id": item.get("id")}
        yield {**event, **name, "output_index": index}


def opened(item: Json) -> Json:
    """The item as it would have been announced."""
    announced = {**item, **AT_START.get(item["type"], {})}
    if item.get("status"):
        announced["status"] = "in_progress"
    if item.get("type") == "reasoning":
        announced |= {member: [] for member in ("summary", "content") if item.get(member)}
    return announced


def _item_events(item: Json) -> Iterator[Event]:
    yield {"type": "response.output_item.added", "item": opened(item)}
    match item.get("type"):
        case "message":
            for index, part in enumerate(item.get("content") or ()):
                yield from _part_events(part, index)
        case "reasoning":
            yield from _reasoning_events(item)
        case "function_call":
            yield from _spoken("response.function_call_arguments", "arguments", item)
        case "custom_tool_call":
            yield from _spoken("response.custom_tool_call_input", "input", item)
        case str(kind) if kind in STEPS:
            yield from _hosted_events(kind, item)
        case _:
            pass
    yield {"type": "response.output_item.done", "item": item}


def _part_events(part: Json, index: int) -> Iterator[Event]:
    place = {"content_index": index}
    match part:
        case {"type": "output_text", "text": str(text)}:
            shared: Json = {**place, "logprobs": part.get("logprobs") or []}
            yield {"type": "response.content_part.added", **place, "part": {**part, **_BEGUN_TEXT}}
            if text:
                yield {"type": "response.output_text.delta", **shared, "delta": text}
            for number, annotation in enumerate(json_objects(part.get("annotations"))):
                numbered = {**place, "annotation_index": number, "annotation": annotation}
                yield {"type": "response.output_text.annotation.added", **numbered}
            yield {"type": "response.output_text.done", **shared, "text": text}
            yield {"type": "response.content_part.done", **place, "part": part}
        case {"type": "refusal", "refusal": str(refusal)}:
            yield {"type": "response.content_part.added", **place, "part": {**part, "refusal": ""}}
            yield {"type": "response.refusal.delta", **place, "delta": refusal}
            yield {"type": "response.refusal.done", **place, "refusal": refusal}
            yield {"type": "response.content_part.done", **place, "part": part}
        case _:
            pass


def _reasoning_events(item: Json) -> Iterator[Event]:
    kinds = (("summary", "reasoning_summary", "summary_index"), ("content", "reasoning", "content_index"))
    for member, stem, index_name in kinds:
        added = "response.reasoning_summary_part" if member == "summary" else "response.content_part"
        for index, part in enumerate(item.get(member) or ()):
            place = {index_name: index}
            yield {"type": f"{added}.added", **place, "part": {**part, "text": ""}}
            yield {"type": f"response.{stem}_text.delta", **place, "delta": part.get("text") or ""}
            yield {"type": f"response.{stem}_text.done", **place, "text": part.get("text") or ""}
            yield {"type": f"{added}.done", **place, "part": part}


def _hosted_events(kind: str, item: Json) -> Iterator[Event]:
    stem, member, after = _SPOKEN.get(kind, ("", "", ""))
    for step in STEPS[kind]:
        failed = step == "completed" and kind.startswith("mcp_") and item.get("error")
        yield {"type": f"response.{kind}.{'failed' if failed else step}"}
        if step == after:
            yield from _spoken(stem, member, item)


def _spoken(stem: str, member: str, item: Json) -> Iterator[Event]:
    said = item.get(member)
    if isinstance(said, str):
        if said:
            yield {"type": f"{stem}.delta", "delta": said}
        yield {"type": f"{stem}.done", member: said}
