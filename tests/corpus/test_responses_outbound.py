"""Every recorded request of the Responses format is a request to us: what we send upstream equals it.

Except for the differences that `RULES` lists with their reasons.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from lambda_responses.lifecycle.context import assemble
from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES
from lambda_responses.wire.ids import ItemIds, ResponseId, thread_of
from lambda_responses.wire.requests import check_create_request
from tests.corpus.responses_recordings import Json, Recording, cases, needs_corpus, recordings

pytestmark = needs_corpus

SEAL = "reasoning.encrypted_content"
ABSENT = "absent"

RULES: dict[str, tuple[str, Any]] = {
    "what was said is kept here, not there": (r"\.store", lambda r, o: o is False),
    "what is made in the background is made so here": (r"\.background", lambda r, o: r and o is ABSENT),
    "upstream is always asked for a stream": (r"\.stream", lambda r, o: o is True),
    "without its seal, reasoning could not be shown to the model again": (
        r"\.include",
        lambda r, o: o is not ABSENT and [key for key in o if key != SEAL] == without_seal(r),
    ),
    "nothing to include": (r"\.include", lambda r, o: r == [] and o is ABSENT),
    "the conversation is kept here": (r"\.(previous_response_id|conversation)", lambda r, o: o is ABSENT),
    "a null means that a key is left out": (r".*\.\w+", lambda r, o: r is None and o is ABSENT),
    "an item says its type": (r"\.input\[\d+\]\.type", lambda r, o: r is ABSENT),
    "a bare string is one message": (
        r"\.input",
        lambda r, o: len(o) == 1 and o[0]["content"][0]["text"] == r,
    ),
    "a bare string is one part": (
        r"\.input\[\d+\]\.content",
        lambda r, o: o == [{"type": "input_text", "text": r}],
    ),
    "one bare part is a string": (
        r"\.input\[\d+\]\.content",
        lambda r, o: isinstance(r, list) and [part["text"] for part in r] == [o],
    ),
    "a message without an id has no status": (r"\.input\[\d+\]\.status", lambda r, o: o is ABSENT),
    "an id that looks like ours is not sent": (
        r"\.input\[\d+\]\.id",
        lambda r, o: o is ABSENT and (thread_of(r) is not None or r.startswith(("msg_", "fc_"))),
    ),
}


def without_seal(include: Any) -> list[str]:
    return [] if include is ABSENT else [key for key in include if key != SEAL]


def sent(recording: Recording) -> Json:
    """What we send upstream when a client sends us the recorded request."""
    assert recording.request is not None
    request = check_create_request(recording.request, native=True)
    ids = ItemIds(ResponseId("resp_" + "0" * 8 + "a" * 24 + "b" * 16), "f".__mul__)
    items = assemble(request["input"], history=(), origins={}, brought={}, ids=ids).items
    turn = Turn(model=request["model"], request=request, items=items)
    return OPENAI_RESPONSES.render_request(turn, recording.profile).body


def compare(recorded: Any, ours: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """The places at which the two differ, with what stands there."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        pairs = [(f".{key}", recorded.get(key, ABSENT), ours.get(key, ABSENT)) for key in recorded | ours]
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        pairs = [(f"[{n}]", *pair) for n, pair in enumerate(zip(recorded, ours, strict=True))]
    else:
        return [] if recorded == ours else [(path, recorded, ours)]
    return [found for step, one, other in pairs for found in compare(one, other, path + step)]


def without_unsealed_reasoning(request: Json) -> Json:
    """The request as it can be repeated to an upstream that keeps nothing.

    Reasoning that the recorded client named by its id alone is known to nobody else.
    """
    if not isinstance(request["input"], list):
        return request
    kept = [
        item
        for item in request["input"]
        if item.get("type") != "reasoning" or item.get("encrypted_content") or item.get("content")
    ]
    return {**request, "input": kept}


@cache
def outcome(recording: Recording) -> set[str]:
    """The rules that were needed, and any difference that none covers."""
    ours = sent(recording)
    found: set[str] = set()
    for path, one, other in compare(without_unsealed_reasoning(recording.request or {}), ours):
        reasons = [
            reason
            for reason, (where, holds) in RULES.items()
            if re.fullmatch(where, path) and holds(one, other)
        ]
        found.add(reasons[0] if reasons else f"{path}: {one!r:.80} became {other!r:.80}")
    return found


def asked(recording: Recording) -> bool:
    return recording.request is not None


@pytest.mark.parametrize("recording", cases(asked))
def test_what_we_send_is_what_was_recorded(recording: Recording):
    assert outcome(recording) <= RULES.keys()


def test_every_rule_is_needed():
    needed = {rule for recording in recordings() if asked(recording) for rule in outcome(recording)}
    assert needed == RULES.keys()
