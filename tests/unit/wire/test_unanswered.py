"""Which of the users' messages are still to be answered when a context is compacted."""

from __future__ import annotations

from typing import Any

from lambda_responses.wire.compaction import said_again, summarized, unanswered


def said(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "id": text, "role": role, "content": [{"type": "input_text", "text": text}]}


ASKED, ANSWERED, MORE = said("user", "asked"), said("assistant", "answered"), said("user", "more")
COMPACTED = {"type": "compaction", "id": "cmp_1"}


def origin_of(items: list[Any], origins: dict[str, Any]) -> dict[str, Any]:
    waiting = unanswered(items, origins)
    return summarized(said_again(items, origins), "what was said", whole=True, waiting=waiting)


def test_what_nobody_has_answered_comes_after_the_summary() -> None:
    origin = origin_of([ASKED, ANSWERED, MORE], {})
    assert (origin["before"], origin["after"]) == ([ASKED], [MORE])


def test_what_was_answered_before_a_compaction_does_not_wait_again_after_the_next() -> None:
    first = origin_of([ASKED, ANSWERED], {})
    assert (first["before"], first["after"]) == ([ASKED], [])
    second = origin_of([COMPACTED], {"cmp_1": first})
    assert (second["before"], second["after"]) == ([ASKED], [])
    third = origin_of([COMPACTED, MORE], {"cmp_1": second})
    assert (third["before"], third["after"]) == ([ASKED], [MORE])


def test_what_waits_at_a_compaction_waits_at_the_next() -> None:
    first = origin_of([ANSWERED, ASKED], {})
    second = origin_of([COMPACTED, MORE], {"cmp_1": first})
    assert (second["before"], second["after"]) == ([], [ASKED, MORE])
    assert unanswered([COMPACTED, ANSWERED], {"cmp_1": first}) == 0


def test_of_what_a_maker_compacted_by_itself_the_last_messages_wait() -> None:
    origins = {"cmp_1": {"items": [ASKED, ANSWERED, MORE]}}
    assert unanswered([COMPACTED], origins) == 1
