"""One emitter over several upstream steps, and one that takes up what another began."""

from __future__ import annotations

from typing import Any

from lambda_responses.stream.deltas import (
    Envelope,
    ItemOpened,
    Opaque,
    Reasoning,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from tests.kit import blank_response, check, emit, emitter, names, output_of


def counts(tokens: int, cached: int = 0) -> dict[str, Any]:
    return {"input_tokens": tokens, "input_tokens_details": {"cached_tokens": cached}, "total_tokens": tokens}


def test_a_step_closes_what_is_open_and_the_next_has_blocks_of_its_own() -> None:
    making = emitter()
    events = making.start()
    for delta in (Text(0, "one"), Opaque(0, {"id": "a"}), Stopped("pause")):
        events += making.apply(delta)
    closing = making.end_step()
    assert names(closing) == ["output_text.done 0", "content_part.done 0", "output_item.done 0"]
    assert making.stop is None
    events += closing
    for delta in (Text(0, "two"), Opaque(0, {"id": "b"}), Stopped("end")):
        events += making.apply(delta)
    events += making.finish(at=2)
    check(events)
    assert [item["id"] for item in output_of(events)] == ["msg_0", "msg_1"]
    assert making.origins == {"msg_0": {"id": "a"}, "msg_1": {"id": "b"}}


def test_a_seal_of_an_earlier_steps_block_is_not_put_on_its_item() -> None:
    making = emitter()
    making.start()
    making.apply(Text(0, "one"))
    making.end_step()
    assert names(making.apply(Opaque(0, {"id": "b"}))) == ["output_item.added 1"]
    assert making.origins == {"rs_1": {"id": "b"}}


def test_the_tokens_of_all_steps_are_added_up() -> None:
    making = emitter()
    making.start()
    making.apply(Usage(counts(1)))
    making.apply(Usage(counts(3, cached=1)))
    making.end_step()
    making.end_step()
    making.apply(Usage(counts(5, cached=2)))
    making.apply(Stopped("end"))
    assert making.finish(at=2)[-1]["response"]["usage"] == counts(8, cached=3)


def test_the_tokens_of_a_step_that_another_follows_count_for_a_failure_too() -> None:
    making = emitter()
    making.start()
    making.apply(Usage(counts(3)))
    making.end_step()
    assert making.finish(at=2)[-1]["response"]["usage"] == counts(3)


def test_a_response_without_token_counts_has_none() -> None:
    assert emit([Text(0, "a"), Stopped("end")])[-1]["response"]["usage"] is None


def test_the_finished_items_are_at_hand_for_the_next_step() -> None:
    making = emitter()
    making.start()
    making.apply(Reasoning(0, "hm"))
    making.apply(Text(1, "one"))
    assert [item["id"] for item in making.response["output"]] == ["rs_0"]
    making.end_step()
    assert [item["id"] for item in making.response["output"]] == ["rs_0", "msg_1"]


def test_fail_over_is_open_until_something_was_said() -> None:
    making = emitter()
    making.start()
    for silent in (Envelope({"model": "m"}), Usage(counts(1)), Text(0, "")):
        making.apply(silent)
        assert making.items_begun == 0
    making.apply(ToolCall(0, "c", "f"))
    assert making.items_begun == 1


def test_what_the_upstream_says_of_the_response_is_merged_but_for_what_is_ours() -> None:
    theirs = {"id": "theirs", "status": "completed", "output": [1], "usage": {}, "error": {}, "created_at": 1}
    events = emit([Envelope({"model": "m-1", "moderation": {"input": None}} | theirs), Stopped("end")])
    assert events[-1]["response"] == blank_response(
        model="m-1", moderation={"input": None}, status="completed", completed_at=2, service_tier="default"
    )
    making = emitter()
    making.apply(Envelope({"model": "m-1"}))
    assert [event["response"]["model"] for event in making.start()] == ["m-1", "m-1"]


def test_the_service_tier_is_resolved_at_the_end() -> None:
    tiers = [event["response"]["service_tier"] for event in emit([Stopped("end")])]
    assert tiers == ["auto", "auto", "default"]
    events = emit([Envelope({"service_tier": "priority"}), Stopped("end")])
    assert events[-1]["response"]["service_tier"] == "priority"


def test_nothing_of_one_step_is_left_open_in_the_next() -> None:
    making = emitter()
    events = making.start()
    events += making.apply(ItemOpened(0, {"type": "web_search_call", "status": "in_progress"}))
    events += making.apply(ToolCall(1, "c", "f"))
    events += making.end_step()
    assert making.apply(ToolArguments(1, "{}")) == []
    making.apply(Stopped("end"))
    events += making.finish(at=2)
    check(events)
    assert [item["status"] for item in output_of(events)] == ["completed", "completed"]
