"""Every recorded answer of the Responses format, on its whole way in.

What comes out holds what was recorded, event by event and member by member, except for the differences that
`RULES` lists with their reasons.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from lambda_responses.stream.grammar import TERMINAL, StreamChecker
from lambda_responses.transformers.base import UnknownUpstream
from tests.corpus.responses_recordings import (
    Json,
    Recording,
    answered,
    cases,
    emit,
    needs_corpus,
    read_stream,
    recordings,
    turn_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = needs_corpus

ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """What was recorded at a place, and what came out there."""

    event: str
    path: str
    recorded: Any
    ours: Any


@dataclass(frozen=True)
class Rule:
    """Differences that are meant, and why."""

    reason: str
    event: str
    path: str
    holds: Callable[[Any, Any], bool] = lambda recorded, ours: True

    def covers(self, difference: Difference) -> bool:
        """Whether this is why it differs."""
        return bool(
            re.fullmatch(self.event, difference.event)
            and re.fullmatch(self.path, difference.path)
            and self.holds(difference.recorded, difference.ours)
        )


def added(recorded: Any, ours: Any) -> bool:
    return recorded is ABSENT


def filled(recorded: Any, ours: Any) -> bool:
    return recorded in (ABSENT, None)


def hidden(recorded: Any, ours: Any) -> bool:
    return ours is ABSENT or ours == ""


def resealed(recorded: Any, ours: Any) -> bool:
    return isinstance(recorded, str) and isinstance(ours, str)


def counted(recorded: Any, ours: Any) -> bool:
    return isinstance(recorded, str) and re.fullmatch(r"call_\d", recorded) is not None


def rounded(recorded: Any, ours: Any) -> bool:
    return isinstance(recorded, float) and abs(recorded - ours) < 1e-6


ANY_EVENT, LIFECYCLE = r".*", r"response\.(created|in_progress|completed|incomplete|failed)"
ENDING = r"response\.(completed|incomplete|failed)"
ITEM = r"(\.item|\.response\.output\[\d+\])"

RULES = [
    Rule("a response has its own id and times", LIFECYCLE, r"\.response\.(id|created_at|completed_at)"),
    Rule("items have our ids", ANY_EVENT, ITEM + r"\.id"),
    Rule("a call's id is its own in the next answer too", ANY_EVENT, ITEM + r"\.call_id", counted),
    Rule(
        "the conversation is kept here, and echoed from the client's own request",
        LIFECYCLE,
        r"\.response\.(previous_response_id|store|background|conversation|instructions|metadata)(\..*)?",
    ),
    Rule("not a field of the wire", LIFECYCLE, r"\.response\.(output_text|(in|out)put_messages)", hidden),
    Rule("a path on the server's disk", LIFECYCLE, r"\.response\.model", lambda r, _: r.endswith(".gguf")),
    Rule("every field is always there", LIFECYCLE, r"\.response\.\w+", filled),
    Rule("a setting of the wrong type", LIFECYCLE, r"\.response\.reasoning", lambda r, _: isinstance(r, str)),
    Rule("every member is always there", LIFECYCLE, r"\.response\.(text|reasoning)\..*", filled),
    Rule("all counts are always there", ENDING, r"\.response\.usage\.\w+_details(\.\w+)?", added),
    Rule("a tier is settled at the end", ENDING, r"\.response\.service_tier", lambda r, _: r == "auto"),
    Rule("a seal is shown only when it is sealed again", ANY_EVENT, ITEM + r"\.encrypted_content", hidden),
    Rule(
        "sealed anew at every showing; the first finished one stays",
        ENDING,
        ITEM + r"\.(encrypted_content|fingerprint)",
        resealed,
    ),
    Rule("lists are never null", ANY_EVENT, r".*\.(logprobs|annotations)", filled),
    Rule(
        "log probabilities are those of the deltas, which are more precise",
        ANY_EVENT,
        r".*\.logprobs\[\d+\]\.(logprob|top_logprobs\[\d+\]\.logprob)",
        rounded,
    ),
    Rule("Open Responses' name of the same", r"response\.reasoning_part\.(added|done)", "replaced"),
    Rule("parts are counted from 0", ANY_EVENT, r"\.content_index", lambda r, o: (r, o) == (1, 0)),
    Rule("nothing waits in a queue here", r"response\.queued", "left out"),
    Rule("nothing waits in a queue here", LIFECYCLE, r"\.response\.status", lambda r, _: r == "queued"),
    Rule("log probabilities are repeated at the end", ANY_EVENT, r".*\.logprobs", lambda r, _: r == []),
    Rule("a search is an action", ANY_EVENT, ITEM + r"\.action", added),
    Rule(
        "a citation has a place and a title", ANY_EVENT, r".*annotations?(\[\d+\])?\.(\w+_index|title)", added
    ),
    Rule("tiers that clients know", LIFECYCLE, r"\.response\.service_tier", lambda r, _: r == "provisioned"),
    Rule("arguments come as deltas", r"response\.function_call_arguments\.delta", "put in"),
    Rule("an input is finished in an event of its own", r"response\.custom_tool_call_input\.done", "put in"),
    Rule("custom calls have a status", ANY_EVENT, ITEM + r"\.status", added),
    Rule("what is done is not in progress", ANY_EVENT, ITEM + r"\.status", lambda r, _: r == "in_progress"),
    Rule(
        "credentials are not repeated",
        LIFECYCLE,
        r"\.response\.tools\[\d+\]\.(headers|authorization)",
        hidden,
    ),
    Rule("an operator's own bill", ENDING, r"\.copilot_usage", hidden),
    Rule("faults are told nested and flat", "error", r"\.(message|code|param)", added),
    Rule("one type for one kind of fault", "error", r"\.error\.type"),
    Rule("an operator's own names", r"error|response\.failed", r".*\.message"),
    Rule("the output is what was streamed", ENDING, r"\.response\.output", lambda r, _: r == []),
]


def compare(recorded: Any, ours: Any, event: str, path: str = "") -> Iterator[Difference]:
    """All places where the two differ."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for key in recorded.keys() | ours.keys():
            yield from compare(recorded.get(key, ABSENT), ours.get(key, ABSENT), event, f"{path}.{key}")
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for index, pair in enumerate(zip(recorded, ours, strict=True)):
            yield from compare(*pair, event, f"{path}[{index}]")
    elif recorded != ours:
        yield Difference(event, path, recorded, ours)


def bare(event: Json) -> Json:
    """An event without the names and numbers that are ours, which `StreamChecker` judges."""
    return {
        key: value for key, value in event.items() if key not in ("sequence_number", "obfuscation", "item_id")
    }


@cache
def outcome(recording: Recording) -> list[tuple[list[Json], list[Json]]]:
    """Of each stream in a recording, what was recorded and what comes out."""
    turn = turn_of(recording)
    return [(chunks, emit(chunks, turn, recording.profile)) for chunks in recording.streams()]


def differences(recording: Recording) -> Iterator[Difference]:
    for chunks, events in outcome(recording):
        recorded, ours = [bare(chunk) for chunk in chunks], [bare(event) for event in events]
        names = [[event["type"] for event in side] for side in (recorded, ours)]
        for tag, i, i2, j, j2 in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
            if tag == "equal":
                for one, other in zip(recorded[i:i2], ours[j:j2], strict=True):
                    yield from compare(one, other, one["type"])
            else:
                replaced = tag == "replace"
                for event in recorded[i:i2]:
                    yield Difference(event["type"], "replaced" if replaced else "left out", event, None)
                for event in () if replaced else ours[j:j2]:
                    yield Difference(event["type"], "put in", None, event)


@pytest.mark.parametrize("recording", cases(answered))
def test_what_comes_out_is_what_was_recorded(recording: Recording):
    for difference in differences(recording):
        assert any(rule.covers(difference) for rule in RULES), difference


def test_every_rule_is_needed():
    needed = {
        rule.reason
        for recording in recordings()
        if answered(recording)
        for difference in differences(recording)
        for rule in RULES
        if rule.covers(difference)
    }
    assert needed == {rule.reason for rule in RULES}


@pytest.mark.parametrize("recording", cases(answered))
def test_what_comes_out_obeys_the_grammar(recording: Recording):
    for _, events in outcome(recording):
        checker = StreamChecker()
        for event in events:
            checker.feed(event)
        checker.end()


UNKNOWN_TO_THE_SDK = {
    "response.apply_patch_call_operation_diff.delta",
    "response.apply_patch_call_operation_diff.done",
}


@pytest.mark.parametrize("recording", cases(answered))
def test_the_official_types_accept_what_comes_out(recording: Recording):
    validate = TypeAdapter[Any](ResponseStreamEvent).validate_python
    for _, events in outcome(recording):
        for event in events:
            if event["type"] not in UNKNOWN_TO_THE_SDK:
                validate(event)


@pytest.mark.parametrize("recording", cases(lambda each: each.streamed))
def test_bytes_may_be_cut_anywhere(recording: Recording):
    body = recording.body.encode()
    whole = read_stream(body)
    assert read_stream(body, at_a_time=1 if len(body) < 20_000 else 61) == whole


@cache
def some_streams() -> list[tuple[Recording, list[Json]]]:
    """One stream of every vendor and kind of output."""
    chosen: dict[Any, tuple[Recording, list[Json]]] = {}
    for recording in recordings():
        if answered(recording):
            for chunks in recording.streams():
                kinds = frozenset(chunk["item"]["type"] for chunk in chunks if "item" in chunk)
                chosen.setdefault((recording.provider, recording.streamed, kinds), (recording, chunks))
    return list(chosen.values())


def emit_damaged(recording: Recording, chunks: list[Json]) -> list[Json]:
    """What comes of a damaged stream, checked against the grammar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownUpstream)
        events = emit(chunks or [{"type": "ping"}], turn_of(recording), recording.profile)
    checker = StreamChecker()
    for event in events:
        checker.feed(event)
    checker.end()
    return events


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_lost_events_do_not_lose_the_end(data: st.DataObject):
    recording, chunks = data.draw(st.sampled_from(some_streams()))
    lost = data.draw(st.sets(st.integers(0, len(chunks) - 1), max_size=min(20, len(chunks))))
    kept = [chunk for number, chunk in enumerate(chunks) if number not in lost]
    events = emit_damaged(recording, kept)
    said = kept[-1]["type"] if kept else ""
    ending = events[-1]["type"]
    if ending != "response.incomplete":  # a call whose arguments do not parse any more was cut
        assert ending == (said if said in TERMINAL else "response.failed")
    if said == "response.completed" and (recorded := kept[-1]["response"]["output"]):
        assert len(events[-1]["response"]["output"]) >= len(recorded)


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_cut_stream_still_ends(data: st.DataObject):
    recording, chunks = data.draw(st.sampled_from(some_streams()))
    cut = data.draw(st.integers(0, len(chunks) - 1))
    events = emit_damaged(recording, chunks[:cut])
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"]["code"]
