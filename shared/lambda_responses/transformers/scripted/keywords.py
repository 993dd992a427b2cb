"""What a prompt asks the scripted model to do, in `[[double brackets]]`:

    [[words:N]]           an answer of N words
    [[steps:N]]           take N upstream steps, each with an answer of its own
    [[call:NAME]]         call that tool; [[calls:N]] make N calls at once
    [[call:NAME {JSON}]]  call it with those arguments; $n in them is the number of the call, from 1
    [[then]]              make the calls that follow once those before are answered
    [[rounds:N]]          make all those calls N times over
    [[refuse]]            refuse to answer
    [[reason]]            reason first
    [[codex]]             work like a coding agent: look, patch, report
    [[plain]]             answer in one piece, not as a stream
    [[slow:MS]]           wait before the first token; [[pause:MS]] wait between tokens
    [[fault:STATUS]]      answer with that HTTP status; [[fault:STATUS,S]] with `retry-after: S`
    [[fault:cut]]         break the connection half way; [[fault:no_stop]] end without a stop reason
    [[fault:CODE]]        fail half way, with a code such as server_error or context_length_exceeded
    [[fault:REASON]]      stop half way as incomplete: max_output_tokens or content_filter

Only the last user message is read. What is not in this list stays part of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lambda_responses.wire.json import from_text

LONGEST_WAIT_MS = 600_000
"""Longer than any gateway bears silence, so that one can be shown to be kept awake."""
MOST_WORDS = 100_000
MOST_CALLS = 16
MOST_STEPS = 10_000

MOST_ROUNDS = 1_000
COUNTER = "$n"

_KEYWORD = re.compile(
    r"\s*\[\[(?:(refuse|reason|codex|plain|then)"
    r"|call:([\w.-]{1,128})\s+(\{.{0,4000}?\})"
    r"|(\w+):([^\[\]]{1,128}))\]\]",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A call that a prompt asks for by name."""

    name: str
    arguments: str | None = None
    """JSON text, with `COUNTER` in it where the number of the call belongs; None where any will do."""


@dataclass(slots=True)
class Keywords:
    """The wishes of one prompt."""

    words: int | None = None
    steps: int = 1
    rounds: list[list[WantedCall]] = field(default_factory=lambda: [[]])
    """The calls to make, those together that are made at once."""
    repeats: int = 1
    """How often all rounds are made."""
    calls: int = 1
    refuse: bool = False
    reason: bool = False
    codex: bool = False
    plain: bool = False
    slow_ms: int = 0
    pause_ms: int = 0
    fault: str | None = None
    retry_after: str | None = None


def read_keywords(prompt: str) -> tuple[str, Keywords]:
    """The prompt without its keywords, and what they ask for."""
    wishes = Keywords()

    def take(match: re.Match[str]) -> str:
        flag, called, arguments, name, value = match.groups()
        if called:
            return "" if _call(wishes, called, arguments) else match[0]
        if flag == "then":
            wishes.rounds.append([])
            return ""
        if flag:
            setattr(wishes, flag, True)
            return ""
        return "" if _set(wishes, name, value.strip()) else match[0]

    return _KEYWORD.sub(take, prompt).strip(), wishes


def _call(wishes: Keywords, name: str, arguments: str) -> bool:
    """Note a call with its arguments; False where these are no JSON."""
    try:
        from_text(arguments.replace(COUNTER, "0"))
    except ValueError:
        return False
    wishes.rounds[-1].append(WantedCall(name, arguments))
    return True


def _set(wishes: Keywords, name: str, value: str) -> bool:
    """Note one keyword with a value; False where it is none."""
    match name:
        case "words" if value.isdecimal():
            wishes.words = min(int(value), MOST_WORDS)
        case "steps" if value.isdecimal():
            wishes.steps = min(max(int(value), 1), MOST_STEPS)
        case "calls" if value.isdecimal():
            wishes.calls = min(max(int(value), 1), MOST_CALLS)
        case "slow" if value.isdecimal():
            wishes.slow_ms = min(int(value), LONGEST_WAIT_MS)
        case "pause" if value.isdecimal():
            wishes.pause_ms = min(int(value), LONGEST_WAIT_MS)
        case "rounds" if value.isdecimal():
            wishes.repeats = min(max(int(value), 1), MOST_ROUNDS)
        case "call":
            wishes.rounds[-1].append(WantedCall(value))
        case "fault":
            fault, _, seconds = value.partition(",")
            wishes.fault, wishes.retry_after = fault.strip(), seconds.strip() or None
        case _:
            return False
    return True
