"""Text, refusals and reasoning: exactly these events for these deltas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
)
from tests.kit import between, emit, emitter, names, output_of, timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

END = Stopped("end")


def shown_text(text: str, *annotations: Json, logprobs: Sequence[Json] = ()) -> Json:
    return {"type": "output_text", "annotations": [*annotations], "logprobs": [*logprobs], "text": text}


def test_text_is_a_message() -> None:
    place = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
    message = {"id": "msg_0", "type": "message", "role": "assistant"}
    assert between(emit([Text(0, "Hel"), Text(0, "lo"), END])) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": shown_text("")},
        {"type": "response.output_text.delta", **place, "delta": "Hel", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "lo", "logprobs": []},
        {"type": "response.output_text.done", **place, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", **place, "part": shown_text("Hello")},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**message, "status": "completed", "content": [shown_text("Hello")]},
        },
    ]


def test_a_refusal_is_a_part_of_a_message() -> None:
    place = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
    message = {"id": "msg_0", "type": "message", "role": "assistant"}
    refused = {"type": "refusal", "refusal": "I won't."}
    assert between(emit([Refusal(0, "I "), Refusal(0, "won't."), END])) == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {"type": "refusal", "refusal": ""}},
        {"type": "response.refusal.delta", **place, "delta": "I "},
        {"type": "response.refusal.delta", **place, "delta": "won't."},
        {"type": "response.refusal.done", **place, "refusal": "I won't."},
        {"type": "response.content_part.done", **place, "part": refused},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {**message, "status": "completed", "content": [refused]},
        },
    ]


def test_a_refusal_after_text_ends_the_text_and_stays_in_its_message() -> None:
    assert timeline([Text(0, "Well"), Refusal(0, "no"), Refusal(1, "!"), END]) == [
        ["output_item.added 0", "content_part.added 0", "output_text.delta 0"],
        ["output_text.done 0", "content_part.done 0", "content_part.added 0", "refusal.delta 0"],
        ["refusal.delta 0"],
        [],
        ["refusal.done 0", "content_part.done 0", "output_item.done 0", "completed"],
    ]
    (message,) = output_of(emit([Text(0, "Well"), Refusal(0, "no"), Refusal(1, "!"), Text(0, "Yes"), END]))
    assert message["content"] == [
        shown_text("Well"),
        {"type": "refusal", "refusal": "no!"},
        shown_text("Yes"),
    ]


def test_a_summary_of_reasoning_comes_in_parts() -> None:
    first = {"item_id": "rs_0", "output_index": 0, "summary_index": 0}
    second = {**first, "summary_index": 1}
    reasoning = {"id": "rs_0", "type": "reasoning"}
    deltas = [Reasoning(0, "a", summary=True), Reasoning(0, "b", summary=True, part=1), BlockEnded(0), END]
    assert between(emit(deltas)) == [
        {"type": "response.output_item.added", "output_index": 0, "item": {**reasoning, "summary": []}},
        {
            "type": "response.reasoning_summary_part.added",
            **first,
            "part": {"type": "summary_text", "text": ""},
        },
        {"type": "response.reasoning_summary_text.delta", **first, "delta": "a"},
        {"type": "response.reasoning_summary_text.done", **first, "text": "a"},
        {
            "type": "response.reasoning_summary_part.done",
            **first,
            "part": {"type": "summary_text", "text": "a"},
        },
        {
            "type": "response.reasoning_summary_part.added",
            **second,
            "part": {"type": "summary_text", "text": ""},
        },
        {"type": "response.reasoning_summary_text.delta", **second, "delta": "b"},
        {"type": "response.reasoning_summary_text.done", **second, "text": "b"},
        {
            "type": "response.reasoning_summary_part.done",
            **second,
            "part": {"type": "summary_text", "text": "b"},
        },
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {
                **reasoning,
                "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            },
        },
    ]


def test_raw_reasoning_is_content_of_a_reasoning_item() -> None:
    place = {"item_id": "rs_0", "output_index": 0, "content_index": 0}
    reasoning = {"id": "rs_0", "type": "reasoning", "summary": []}
    thought = {"type": "reasoning_text", "text": "hmm"}
    assert between(emit([Reasoning("r", "hm"), Reasoning("r", "m"), END])) == [
        {"type": "response.output_item.added", "output_index": 0, "item": {**reasoning, "content": []}},
        {"type": "response.content_part.added", **place, "part": {"type": "reasoning_text", "text": ""}},
        {"type": "response.reasoning_text.delta", **place, "delta": "hm"},
        {"type": "response.reasoning_text.delta", **place, "delta": "m"},
        {"type": "response.reasoning_text.done", **place, "text": "hmm"},
        {"type": "response.content_part.done", **place, "part": thought},
        {"type": "response.output_item.done", "output_index": 0, "item": {**reasoning, "content": [thought]}},
    ]


def test_summary_and_raw_text_of_one_block_are_one_item() -> None:
    deltas = [Reasoning(0, "raw"), Reasoning(0, "short", summary=True), Reasoning(0, "er"), END]
    (item,) = output_of(emit(deltas))
    assert [part["text"] for part in item["content"]] == ["raw", "er"]
    assert item["summary"] == [{"type": "summary_text", "text": "short"}]


def test_reasoning_that_is_only_a_seal_is_an_empty_item_with_its_seal_beside_it() -> None:
    making = emitter()
    making.start()
    opened = making.apply(Opaque(0, {"signature": "s"}))
    assert [event["item"] for event in opened] == [{"id": "rs_0", "type": "reasoning", "summary": []}]
    assert names(making.apply(BlockEnded(0))) == ["output_item.done 0"]
    assert making.origins == {"rs_0": {"signature": "s"}}


def test_seals_of_one_block_are_merged_and_never_shown() -> None:
    making = emitter()
    events = making.start()
    for delta in (
        Reasoning(0, "hm"),
        Opaque(0, {"id": "theirs", "signature": "a"}),
        BlockEnded(0),
        Opaque(0, {"signature": "b"}),
        Text(1, "Hi"),
        Opaque(1, {"id": "theirs too"}),
        END,
    ):
        events += making.apply(delta)
    events += making.finish(at=2)
    assert making.origins == {"rs_0": {"id": "theirs", "signature": "b"}, "msg_1": {"id": "theirs too"}}
    assert "theirs" not in str(events)
    assert "signature" not in str(events)


def test_reasoning_is_over_when_text_begins_and_text_when_a_call_does() -> None:
    deltas = [Reasoning(0, "hm"), Text(1, "Hi"), ToolCall(2, "c", "f"), ToolArguments(2, "{}"), END]
    assert timeline(deltas) == [
        ["output_item.added 0", "content_part.added 0", "reasoning_text.delta 0"],
        [
            *["reasoning_text.done 0", "content_part.done 0", "output_item.done 0"],
            *["output_item.added 1", "content_part.added 1", "output_text.delta 1"],
        ],
        ["output_text.done 1", "content_part.done 1", "output_item.done 1", "output_item.added 2"],
        ["function_call_arguments.delta 2"],
        [],
        ["function_call_arguments.done 2", "output_item.done 2", "completed"],
    ]


def test_reasoning_is_over_when_its_block_is() -> None:
    assert timeline([Reasoning(0, "hm"), BlockEnded(0), END])[1] == [
        "reasoning_text.done 0",
        "content_part.done 0",
        "output_item.done 0",
    ]


def test_reasoning_of_two_blocks_is_two_items() -> None:
    first, second = output_of(emit([Reasoning(0, "a"), BlockEnded(0), Reasoning(1, "b"), END]))
    assert [first["id"], second["id"]] == ["rs_0", "rs_1"]


def test_text_of_adjacent_blocks_is_one_text_and_citations_move_with_it() -> None:
    first = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 2}
    second = {"type": "url_citation", "url": "v", "title": "t", "start_index": 1, "end_index": 3}
    deltas = [
        Text(0, "Är "),
        Annotation(0, first),
        BlockEnded(0),
        Text(1, "det "),
        Text(1, "sant?"),
        Annotation(1, second),
        Annotation(0, first),
        END,
    ]
    events = between(emit(deltas))
    moved = {**second, "start_index": 4, "end_index": 6}
    place = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
    assert [event for event in events if "annotation" in event] == [
        {
            "type": "response.output_text.annotation.added",
            **place,
            "annotation_index": index,
            "annotation": annotation,
        }
        for index, annotation in enumerate([first, moved, first])
    ]
    (message,) = output_of(emit(deltas))
    assert message["content"] == [shown_text("Är det sant?", first, moved, first)]


def test_a_citation_that_comes_first_counts_from_where_its_block_begins() -> None:
    citation = {"type": "file_citation", "file_id": "f", "index": 0}
    spoken = {**citation, "start_index": 0, "end_index": 1}
    (message,) = output_of(emit([Text(0, "abc"), Annotation(1, spoken), Text(1, "d"), END]))
    assert message["content"] == [shown_text("abcd", {**spoken, "start_index": 3, "end_index": 4})]


def test_a_citation_of_nothing_is_left_out() -> None:
    citation = {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}
    assert output_of(emit([Annotation(0, citation), END])) == []
    (refusal,) = output_of(emit([Refusal(0, "no"), Annotation(0, citation), END]))
    assert refusal["content"] == [{"type": "refusal", "refusal": "no"}]
    (mixed,) = output_of(emit([Text(0, "a"), Refusal(0, "no"), Annotation(0, citation), END]))
    assert mixed["content"] == [shown_text("a"), {"type": "refusal", "refusal": "no"}]
    call = output_of(emit([Text(0, "a"), ToolCall(1, "c", "f"), Annotation(0, citation), END]))
    assert call[0]["content"] == [shown_text("a")]


def test_log_probabilities_are_on_the_delta_and_add_up() -> None:
    one = {"token": "Hel", "logprob": -0.1, "bytes": [72], "top_logprobs": []}
    two = {"token": "lo", "logprob": -0.2, "bytes": [108], "top_logprobs": []}
    end = {"token": "<eos>", "logprob": -0.3, "bytes": [], "top_logprobs": []}
    deltas = [Text(0, "Hel", [one]), Text(0, "lo", (two,)), Text(0, "", [end]), END]
    events = emit(deltas)
    assert [event["logprobs"] for event in events if "logprobs" in event] == [
        [one],
        [two],
        [end],
        [one, two, end],
    ]
    assert output_of(events)[0]["content"] == [shown_text("Hello", logprobs=[one, two, end])]


def test_nothing_said_is_no_item() -> None:
    token = {"token": "<bos>", "logprob": -0.3, "bytes": [], "top_logprobs": []}
    nothing = [
        Text(0, ""),
        Text(0, "", [token]),
        Refusal(0, ""),
        Reasoning(0, ""),
        ToolArguments(0, ""),
        BlockEnded(0),
        END,
    ]
    assert timeline(nothing) == [[], [], [], [], [], [], [], ["completed"]]


def test_text_after_its_block_has_ended_goes_on_with_the_message() -> None:
    (message,) = output_of(emit([Text(0, "a"), BlockEnded(0), BlockEnded(0), Text(0, "b"), END]))
    assert message["content"] == [shown_text("ab")]


def test_text_after_a_call_is_a_message_of_its_own() -> None:
    deltas = [Text(0, "a"), ToolCall(1, "c", "f"), Text(0, "b"), ToolArguments(1, "{}"), END]
    assert [(item["id"], item["type"]) for item in output_of(emit(deltas))] == [
        ("msg_0", "message"),
        ("fc_1", "function_call"),
        ("msg_2", "message"),
    ]


def test_an_item_that_was_shown_does_not_change() -> None:
    making = emitter()
    making.start()
    added, part, _ = making.apply(Text(0, "a"))
    before = (str(added), str(part))
    making.apply(Text(0, "b"))
    making.apply(Annotation(0, {"type": "url_citation", "url": "u"}))
    making.apply(END)
    making.finish(at=1)
    assert (str(added), str(part)) == before
