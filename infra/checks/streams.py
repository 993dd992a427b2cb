"""That events arrive when they are made, and that silence breaks no connection."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from infra.checks.subject import MODEL
from infra.checks.verdicts import Failed, Json, Skipped, answered, demand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.checks.subject import Subject

_COMMENT = "a comment"
_DELTA = "response.output_text.delta"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event or a comment, and when it arrived: seconds after the request left."""

    at: float
    kind: str
    event: Json | None = None


def check_events_arrive_as_they_are_made(subject: Subject, at: str | None = None) -> str:
    """A hop that collects a stream shows in deltas that come all at once, or in bunches."""
    words, tick = subject.tempo.words, subject.tempo.tick
    made_over = (words - 1) * tick
    arrivals = _listen(subject, f"[[words:{words}]] [[pause:{tick * 1000:.0f}]]", at)
    _demand_ending(arrivals, "response.completed")
    deltas = [each.at for each in arrivals if each.kind == _DELTA]
    demand(len(deltas) == words, f"{len(deltas)} deltas arrived, and {words} were made")
    spread = deltas[-1] - deltas[0]
    told = f"{words} deltas were made over {made_over:.1f} s, and arrived within {spread:.1f} s"
    demand(spread > made_over / 2, f"{told}: something on the way collects the stream")
    gap = statistics.median(later - earlier for earlier, later in itertools.pairwise(deltas))
    demand(gap > tick / 2, f"{told}, but in bunches: something on the way collects parts of the stream")
    first = f"first event after {arrivals[0].at:.2f} s"
    return f"{first}, {words} deltas over {spread:.1f} s, {gap * 1000:.0f} ms apart (median)"


def check_silence_is_borne(subject: Subject, at: str | None = None) -> str:
    """While the model is silent, comments have to come through every hop, and hold it open."""
    return _bear(subject, subject.tempo.silence, at)


def check_long_silence_is_borne(subject: Subject, at: str | None = None) -> str:
    """The same for longer than API Gateway's idle timeout."""
    if not subject.idle:
        raise Skipped(f"takes {subject.tempo.idle:.0f} s; IDLE=1 asks for it")
    return _bear(subject, subject.tempo.idle, at)


def check_plain_answers_may_take_long(subject: Subject) -> str:
    """A plain answer comes after the 29 seconds that API Gateway waits by default."""
    took = _wait_for_a_plain_answer(subject, subject.tempo.plain)
    return f"came after {took:.1f} s"


def check_how_long_plain_answers_may_take(subject: Subject, at: str | None = None) -> str:
    """Nothing leaves until they are whole, and hops may take that for silence: found out, not demanded."""
    if not subject.idle:
        raise Skipped(f"takes {subject.tempo.idle:.0f} s; IDLE=1 asks for it")
    started = time.monotonic()
    try:
        took = _wait_for_a_plain_answer(subject, subject.tempo.idle, at)
    except _CutOff as cut:
        borne = time.monotonic() - started
        demand(borne > subject.tempo.plain, str(cut))
        return f"{cut}, silence being borne no longer: what takes longer has to be streamed"
    return f"came after {took:.1f} s"


class _CutOff(Failed):
    """A plain answer was not waited for."""


def _wait_for_a_plain_answer(subject: Subject, seconds: float, at: str | None = None) -> float:
    """How long one took that is made for so many seconds. Raises `_CutOff`, `Failed`."""
    body = {"model": MODEL, "input": f"late [[slow:{seconds * 1000:.0f}]]", "store": False}
    with subject.client(at=at, waiting=seconds) as api:
        started = time.monotonic()
        try:
            answer = api.post("/responses", json=body)
        except httpx.TransportError as fault:
            raise _CutOff(f"broke off after {time.monotonic() - started:.0f} s: {fault}") from None
    took = time.monotonic() - started
    if answer.status_code == 504:
        raise _CutOff(f"a 504 after {took:.0f} s")
    response = answered(answer, f"a plain answer of {seconds:.0f} s (it ended after {took:.0f} s)")
    demand(response.get("status") == "completed", f"its status is {response.get('status')!r}")
    return took


def check_a_failure_half_way_is_told(subject: Subject) -> str:
    """What fails after the status line ends in an event, not in a torn connection."""
    arrivals = _listen(subject, "[[words:8]] [[fault:server_error]]")
    _demand_ending(arrivals, "response.failed")
    return f"told in the stream, after {sum(each.kind == _DELTA for each in arrivals)} deltas"


def _bear(subject: Subject, seconds: float, at: str | None) -> str:
    arrivals = _listen(subject, f"at last [[slow:{seconds * 1000:.0f}]]", at)
    _demand_ending(arrivals, "response.completed")
    comments = sum(each.kind == _COMMENT for each in arrivals)
    times = [0.0, *(each.at for each in arrivals)]
    longest = max(later - earlier for earlier, later in itertools.pairwise(times))
    told = (
        f"{seconds:.0f} s of silence with {comments} comments, never more than {longest:.1f} s without a byte"
    )
    demand(
        longest < subject.tempo.comment * 2, f"held, but comments are lost or collected on the way: {told}"
    )
    return told


def _listen(subject: Subject, prompt: str, at: str | None = None) -> Sequence[Arrival]:
    """All that arrives of a response to that prompt. Raises `Failed` where the stream breaks off."""
    body = {"model": MODEL, "input": prompt, "stream": True, "store": False}
    arrivals: list[Arrival] = []
    with subject.client(at=at) as api:
        started = time.monotonic()
        try:
            with api.stream("POST", "/responses", json=body) as answer:
                if answer.status_code != 200:
                    answer.read()
                    answered(answer, "a stream")
                kind = answer.headers.get("content-type", "")
                demand(kind.startswith("text/event-stream"), f"its content type is {kind!r}")
                for arrival in _arrivals(answer.iter_lines(), started):
                    arrivals.append(arrival)
        except httpx.TransportError as fault:
            last = f"{arrivals[-1].kind} after {arrivals[-1].at:.1f} s" if arrivals else "nothing"
            broken = f"broke off after {time.monotonic() - started:.1f} s ({type(fault).__name__})"
            raise Failed(f"{broken}; the last to arrive was {last}") from None
    return arrivals


def _arrivals(lines: Iterator[str], started: float) -> Iterator[Arrival]:
    for line in lines:
        now = time.monotonic() - started
        if line.startswith(":"):
            yield Arrival(now, _COMMENT)
        elif line.startswith("data:") and line != "data: [DONE]":
            event: Any = json.loads(line.removeprefix("data:"))
            yield Arrival(now, event["type"], event)


def _demand_ending(arrivals: Sequence[Arrival], ending: str) -> None:
    events = [each for each in arrivals if each.event is not None]
    demand(bool(events), "no event arrived")
    demand(events[0].kind == "response.created", f"it begins with {events[0].kind}")
    demand(events[-1].kind == ending, f"it ends with {events[-1].kind}, where {ending} was expected")
