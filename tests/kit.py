"""What many tests need: counted ids, a blank response, a run of the emitter that is checked as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.stream.grammar import StreamChecker
from lambda_responses.wire.ids import ItemIds, ThreadKey, new_response_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lambda_responses.stream.deltas import Delta

Json = dict[str, Any]


def counted() -> Callable[[int], str]:
    """Entropy that counts: different every time, the same in every run."""
    n = 0

    def entropy(digits: int) -> str:
        nonlocal n
        n += 1
        return f"{n:0{digits}x}"[-digits:]

    return entropy


def emitter(**options: Any) -> ResponseEmitter:
    """An emitter of a response that has nothing but what the emitter itself touches."""
    entropy = counted()
    response_id = new_response_id(epoch=1, thread=ThreadKey("a" * 24), entropy=entropy)
    response = {"id": response_id, "status": "in_progress", "output": [], "usage": None}
    return ResponseEmitter({**response, "service_tier": "auto"}, ItemIds(response_id, entropy), **options)


def emit(deltas: Iterable[Delta]) -> list[Json]:
    """All events of a response that says this, checked against the grammar."""
    making = emitter()
    events = making.start()
    for delta in deltas:
        events += making.apply(delta)
    events += making.finish(at=2)
    check(events)
    return events


def check(events: Iterable[Json]) -> None:
    """Raise `OutOfOrder` unless these are the events of one whole response."""
    checker = StreamChecker()
    for event in events:
        checker.feed(event)
    checker.end()


def rebuild(events: Iterable[Json]) -> list[Json]:
    """The output as a client makes it from the deltas alone, items in the shape of the finished ones."""
    items: dict[int, Json] = {}
    for event in events:
        match event:
            case {"type": "response.output_item.added", "item": item, "output_index": index}:
                items[index] = {key: value for key, value in item.items() if key != "status"}
            case {"type": "response.content_part.added", "part": part, "output_index": index}:
                items[index].setdefault("content", []).append(dict(part))
            case {"type": "response.reasoning_summary_part.added", "part": part, "output_index": index}:
                items[index]["summary"] = [*items[index]["summary"], dict(part)]
            case {"type": "response.output_text.annotation.added", "annotation": annotation}:
                part = items[event["output_index"]]["content"][event["content_index"]]
                part["annotations"] = [*part["annotations"], annotation]
            case {"type": "response.output_text.delta" | "response.reasoning_text.delta", "delta": delta}:
                part = items[event["output_index"]]["content"][event["content_index"]]
                part["text"] += delta
                if event.get("logprobs"):
                    part["logprobs"] = [*part["logprobs"], *event["logprobs"]]
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
