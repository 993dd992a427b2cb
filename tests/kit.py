"""What many tests need: counted ids, a blank response, a run of the emitter that is checked as it goes."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import settings

from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.stream.grammar import StreamChecker
from lambda_responses.wire.ids import ITEM_PREFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lambda_responses.stream.deltas import Delta

Json = dict[str, Any]

RESPONSE_ID = "resp_1"

# How fast a busy machine is says nothing about the code; budgets have tests of their own.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def counted(start: int = 1) -> Callable[[int], str]:
    """Entropy that counts: different every time, the same in every run."""
    numbers = count(start)
    return lambda digits: f"{next(numbers):0{digits}x}"[-digits:]


@dataclass
class CountedIds:
    """Ids that can be written into a test: `msg_0`, `fc_1`, … in the order of output, and `call_new_1`."""

    issued: int = 0
    call_ids: int = 0

    def next(self, item_type: str) -> str:
        self.issued += 1
        return f"{ITEM_PREFIXES.get(item_type, 'item')}_{self.issued - 1}"

    def next_call_id(self) -> str:
        self.call_ids += 1
        return f"call_new_{self.call_ids}"


def blank_response(**fields: Any) -> Json:
    """A response that has nothing but what the emitter itself touches."""
    response = {"id": RESPONSE_ID, "status": "in_progress", "output": [], "usage": None}
    return {**response, "service_tier": "auto", **fields}


def emitter(response: Json | None = None, **options: Any) -> ResponseEmitter:
    """An emitter of a blank response, or of one taken up again, with counted ids."""
    response = response or blank_response()
    return ResponseEmitter(response, CountedIds(len(response["output"])), **options)


def emit(deltas: Iterable[Delta], **options: Any) -> list[Json]:
    """All events of a response that says this, checked against the grammar."""
    making = emitter(**options)
    events = making.start()
    for delta in deltas:
        events += making.apply(delta)
    events += making.finish(at=2)
    check(events)
    return events


def between(events: Sequence[Json]) -> list[Json]:
    """The events about items, without their numbers."""
    return [
        {key: value for key, value in event.items() if key != "sequence_number"}
        for event in events
        if "response" not in event and event["type"] != "error"
    ]


def output_of(events: Sequence[Json]) -> list[Json]:
    """The items that a response ended with."""
    return events[-1]["response"]["output"]


def names(events: Iterable[Json]) -> list[str]:
    """The events by name alone, with the index of the item they are about: `output_item.done 0`."""
    short = [(event["type"].removeprefix("response."), event.get("output_index", "")) for event in events]
    return [f"{name} {index}".rstrip() for name, index in short]


def timeline(deltas: Iterable[Delta]) -> list[list[str]]:
    """By delta, the names of the events that left when it came; last, those of the end."""
    making = emitter()
    events = making.start()
    steps: list[list[Json]] = []
    for delta in deltas:
        steps.append(making.apply(delta))
    steps.append(making.finish(at=2))
    check([*events, *(event for step in steps for event in step)])
    return [names(step) for step in steps]


def check(events: Iterable[Json]) -> None:
    """Raise `OutOfOrder` unless these are the events of one whole response."""
    checker = StreamChecker()
    for event in events:
        checker.feed(event)
    checker.end()


def rebuild(events: Iterable[Json]) -> list[Json]:
    """The output as a client makes it from the deltas alone: the announced items, grown, without status."""
    items: dict[int, Json] = {}
    for event in events:
        match event:
            case {"type": "response.output_item.added", "item": item, "output_index": index}:
                items[index] = {key: deepcopy(value) for key, value in item.items() if key != "status"}
            case {"type": "response.content_part.added", "part": part, "output_index": index}:
                items[index].setdefault("content", []).append(deepcopy(part))
            case {"type": "response.reasoning_summary_part.added", "part": part, "output_index": index}:
                items[index]["summary"].append(deepcopy(part))
            case {"type": "response.output_text.annotation.added", "annotation": annotation}:
                part = items[event["output_index"]]["content"][event["content_index"]]
                assert event["annotation_index"] == len(part["annotations"])
                part["annotations"].append(annotation)
            case {"type": "response.output_text.delta" | "response.reasoning_text.delta", "delta": delta}:
                part = items[event["output_index"]]["content"][event["content_index"]]
                part["text"] += delta
                if event.get("logprobs"):
                    part["logprobs"] += event["logprobs"]
            case {"type": "response.refusal.delta", "delta": delta}:
                items[event["output_index"]]["content"][event["content_index"]]["refusal"] += delta
            case {"type": "response.reasoning_summary_text.delta", "delta": delta}:
                items[event["output_index"]]["summary"][event["summary_index"]]["text"] += delta
            case {"type": "response.function_call_arguments.delta", "delta": delta}:
                items[event["output_index"]]["arguments"] += delta
            case {"type": "response.custom_tool_call_input.delta", "delta": delta}:
                items[event["output_index"]]["input"] += delta
            case _:
                pass
    return [items[index] for index in sorted(items)]
