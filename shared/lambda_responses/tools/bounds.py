"""How long a response may go on calling tools: what it is held to, and what it has used of that.

An operator sets the bounds, and a request may lower each of them. A response that reaches one still ends with
an answer: its model gets one last turn in which no tool is called. What has been used is plain data, kept
between two steps, so that whoever takes a response up decides as its first maker would have.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lambda_responses.wire.json import from_text
from lambda_responses.wire.tool_outcomes import Outcome, tool_failed

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

Bound: TypeAlias = Literal[
    "max_tool_calls", "max_steps", "max_seconds", "max_tokens", "max_cost", "repeated_calls"
]
"""What a response may be ended by, as its member `bound` and the header `x-responses-bound` name it."""

Admission: TypeAlias = Literal["run", "repeated", "given_up", "unknown", "ignored"]
"""What becomes of a call: it is made; it is answered without being made, because it was made before, or its
server fails all the time, or has no such tool; or it is passed over, because there have been enough, unless
it was approved: then somebody waits for an answer to it."""

ANSWERED_FROM = 3
"""The same call is made less often than this, and answered from then on without being made."""
LOOPING_FROM = 5
"""The same call, asked for this often, is a model that leads nowhere."""
GIVEN_UP_AFTER = 3
"""Failures in a row after which a server is not called again in this response."""
LEAST_SECONDS_LEFT = 10.0
"""What a last turn is left of a run's own time, where no step has shown that it needs more."""

ANSWERS: dict[Admission, Outcome] = {
    "repeated": Outcome("Repeated call: it was not made again; the result that it had has not changed."),
    "given_up": tool_failed(
        f"Not called: this server was given up after {GIVEN_UP_AFTER} failures in a row."
    ),
    "unknown": tool_failed("Not called: the server has no such tool."),
    "ignored": tool_failed("Not called: this response has made as many calls of tools as it may."),
}
"""What a model is told of a call that is answered without being made."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a response is held to. None where there is no such bound."""

    max_steps: int | None = None
    """Turns of the model, besides the last one, in which it calls nothing."""
    max_tool_calls: int | None = None
    """Calls of servers' tools; those of a client's functions are the client's to count."""
    max_seconds: float | None = None
    """Since the response was begun. A step of a model is not cut for it."""
    max_tokens: int | None = None
    """Of all steps, read and said."""
    max_cost: float | None = None
    """US dollars of all steps, as far as the prices of their models are known."""

    def lowered_by(self, request: Json) -> Bounds:
        """The bounds of a response to that (checked) request: its own where they are lower, these elsewhere.

        It has them in `bounds`, and `max_tool_calls` as the API has it.
        """
        given: Json = request.get("bounds") or {}
        asked = {name: value for name, value in given.items() if value is not None}
        calls = [each for each in (asked.get("max_tool_calls"), request.get("max_tool_calls")) if each]
        if calls:
            asked["max_tool_calls"] = min(calls)
        lower = {name: _lower(getattr(self, name), value) for name, value in asked.items()}
        return replace(self, **lower)


@dataclass(slots=True)
class Tally:
    """What a response has used so far."""

    steps: int = 0
    """Turns of the model that are over."""
    calls: int = 0
    """Calls that the client is shown."""
    seconds: float = 0.0
    """In runs before this one."""
    slowest: float = 0.0
    """Seconds that the slowest of those turns took."""
    tokens: int = 0
    cost: float = 0.0
    """US dollars."""
    asked: dict[str, int] = field(default_factory=dict[str, int])
    """By call, how often it was asked for since the last call that was a new one."""
    failures: dict[str, int] = field(default_factory=dict[str, int])
    """By server's label, those in a row up to now."""

    @classmethod
    def of(cls, kept: Json | None) -> Tally:
        """What `kept` made of it; nothing used for None."""
        return cls() if kept is None else cls(**kept)

    def kept(self, seconds: float = 0.0) -> Json:
        """All of it, after so many seconds of this run."""
        return {**asdict(self), "seconds": round(self.seconds + seconds, 3)}

    def step_over(self, *, tokens: int, cost: float = 0.0, seconds: float = 0.0) -> None:
        """Count one turn of the model: tokens and dollars by its own usage, and how long it took."""
        self.steps += 1
        self.tokens += tokens
        self.cost += cost
        self.slowest = max(self.slowest, seconds)

    def reached(self, bounds: Bounds, *, seconds: float = 0.0, remaining: float = inf) -> Bound | None:
        """The bound that has been reached, if one has: then the next turn is the last.

        `seconds` is how long this run has taken, and `remaining` how long it may go on before it is cut: what
        is left must be enough for a turn.
        """
        used: dict[Bound, tuple[float, float | None]] = {
            "max_tool_calls": (self.calls, bounds.max_tool_calls),
            "max_steps": (self.steps, bounds.max_steps),
            "max_seconds": (self.seconds + seconds, bounds.max_seconds),
            "max_tokens": (self.tokens, bounds.max_tokens),
            "max_cost": (self.cost, bounds.max_cost),
        }
        if any(times >= LOOPING_FROM for times in self.asked.values()):
            return "repeated_calls"
        for bound, (much, most) in used.items():
            if most is not None and much >= most:
                return bound
        return "max_seconds" if remaining < max(LEAST_SECONDS_LEFT, 2 * self.slowest) else None

    def seconds_left(self, bounds: Bounds, *, seconds: float = 0.0) -> float:
        """How long calls may take that are made after so many seconds of this run: `inf` without a bound."""
        return inf if bounds.max_seconds is None else max(0.0, bounds.max_seconds - self.seconds - seconds)

    def admit(self, bounds: Bounds, server: str, name: str, arguments: str) -> Admission:
        """Count one call of a server's tool, in the order in which the model made them; what becomes of it.

        Every call that is not passed over counts, whether it is made or not: each is an item of the response.
        """
        if bounds.max_tool_calls is not None and self.calls >= bounds.max_tool_calls:
            return "ignored"
        self.calls += 1
        times = self._asked_again(fingerprint(server, name, arguments))
        if self.failures.get(server, 0) >= GIVEN_UP_AFTER:
            return "given_up"
        return "run" if times < ANSWERED_FROM else "repeated"

    def came_of(self, server: str, *, failed: bool) -> None:
        """Note how a call that was made has ended."""
        self.failures[server] = self.failures.get(server, 0) + 1 if failed else 0

    def _asked_again(self, call: str) -> int:
        """How often that call was asked for while nothing new was.

        To read again what was just changed is work; to call the same again and again is a loop, whether it
        has one call or several.
        """
        if call not in self.asked:
            self.asked = dict.fromkeys(self.asked, 0)
        self.asked[call] = self.asked.get(call, 0) + 1
        return self.asked[call]


def fingerprint(server: str, name: str, arguments: str) -> str:
    """The same for calls that ask for the same, however their arguments are written."""
    with suppress(ValueError):  # what is no JSON is compared as it stands
        arguments = json.dumps(from_text(arguments), sort_keys=True, separators=(",", ":"))
    return sha256(f"{server}\0{name}\0{arguments}".encode(errors="replace")).hexdigest()[:16]


def _lower(operators: Any, requests: Any) -> Any:
    return requests if operators is None else min(operators, requests)
