"""Which targets have failed so often, or so clearly, that others should be tried before them.

A circuit is closed while its target answers. Three faults in a row open it, and so does one fault that says
when to come back. An open circuit refuses nobody: its target is merely the last to be tried. When its time
is over one request tries the target; an answer closes the circuit, a fault opens it for twice as long.

What is known here is known to this process alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.providers.retries import seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lambda_responses.providers.base import Target
    from lambda_responses.wire.errors import APIError

FAULTS = 3
"""Faults in a row that open a circuit."""
FIRST_PAUSE = 30.0
LONGEST_PAUSE = 300.0
"""Seconds for which a circuit is open."""
MOST_REMEMBERED = 1024
"""Targets with faults; clients may make up the names of models."""


@dataclass(slots=True)
class Circuit:
    """That of a target whose last request failed. All others are closed."""

    faults: int = 0
    """In a row, since it was last opened."""
    pause: float = FIRST_PAUSE
    """How long it opens the next time."""
    open_until: float = 0.0
    """0 where it was never opened."""
    on_trial: bool = False
    """Whether somebody tries the target; others wait for the outcome until `open_until`."""


class Circuits:
    """The circuits of a process. `clock` tells seconds since 1970."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}

    def ordered(self, targets: Sequence[Target]) -> Sequence[Target]:
        """The targets, those with open circuits last. If the first is due for a trial, it is on trial now."""
        if not self._circuits:
            return targets
        now = self._clock()
        ordered = sorted(targets, key=lambda target: self._is_open(target, now))
        circuit = self._circuits.get(ordered[0].name)
        if circuit is not None and 0 < circuit.open_until <= now:
            circuit.on_trial = True
            circuit.open_until = now + FIRST_PAUSE  # others wait no longer for how the trial ends
        return ordered

    def note(self, target: Target, fault: APIError | None) -> None:
        """How a request to that target ended; None where it answered."""
        if fault is None:
            self._circuits.pop(target.name, None)
            return
        now = self._clock()
        circuit = self._remembered(target.name)
        wished = seconds_to_wait(fault.headers, now)
        if wished is not None:
            self._open(circuit, max(now + min(wished, LONGEST_PAUSE), circuit.open_until))
        elif circuit.on_trial or circuit.open_until <= now:  # else it began before the circuit was opened
            circuit.faults += 1
            if circuit.on_trial or circuit.faults >= FAULTS:
                self._open(circuit, now + circuit.pause)
                circuit.pause = min(circuit.pause * 2, LONGEST_PAUSE)

    def _remembered(self, name: str) -> Circuit:
        """That target's circuit, as the youngest; the oldest is forgotten where they are too many."""
        circuit = self._circuits[name] = self._circuits.pop(name, None) or Circuit()
        if len(self._circuits) > MOST_REMEMBERED:
            del self._circuits[next(iter(self._circuits))]
        return circuit

    def _open(self, circuit: Circuit, until: float) -> None:
        circuit.open_until, circuit.faults, circuit.on_trial = until, 0, False

    def _is_open(self, target: Target, now: float) -> bool:
        circuit = self._circuits.get(target.name)
        return circuit is not None and circuit.open_until > now
