"""How long a function takes to be ready, in the layout that Lambda gives it.

*Ready* is from `exec` until the process asks the Runtime API for its first event, with the application built
and DynamoDB's client made. In each round everything is started once, in turn; figures are medians. The ratio
is to a process that does nothing but `import boto3; boto3.client("dynamodb")`, in the same rounds. What AWS's
client of the Runtime API takes counts for the doors that it starts, and not for that process.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.bench.layout import DOORS, FUNCTIONS, lay_out
from tests.bench.runtime_api import started
from tests.bench.table import OURS, Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.bench.layout import Layout
    from tests.bench.runtime_api import Started

BARE = "boto3's client alone"
LIMITS = {
    "compact_response": 1.9,
    "count_input_tokens": 1.9,
    "create_response": 2.0,
    "run_background_response": 2.1,  # for which nobody waits but a queue
}
OTHER_LIMIT = 1.4

_BARE = """
import boto3
boto3.client("dynamodb")
"""
_ASK = """
import os, socket
host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].partition(":")
connection = socket.create_connection((host, int(port)))
connection.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\n\\r\\n")
connection.recv(1)
"""


@dataclass(frozen=True, slots=True)
class Start:
    """Something that is started, and what it is asked then."""

    command: Sequence[str]
    environment: Mapping[str, str]
    event: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What the rounds come to, in milliseconds."""

    ready: float
    """The median."""
    processor: float
    """The least: what else a machine does only adds to it."""
    answered: float | None
    """The median, where there was something to answer."""


def measured(starts: Mapping[str, Start], rounds: int) -> dict[str, Taken]:
    """Start everything once in each round; the round before the first is not counted."""
    seen: dict[str, list[Started]] = defaultdict(list)
    for counted in range(rounds + 1):
        for name, start in starts.items():
            taken = started(start.command, start.environment, start.event)
            if counted:
                seen[name].append(taken)
    return {name: _summary(rounds) for name, rounds in seen.items()}


def _summary(rounds: Sequence[Started]) -> Taken:
    answered = [each.answered for each in rounds if each.answered is not None]
    return Taken(
        statistics.median(each.ready for each in rounds),
        min(each.processor for each in rounds),
        statistics.median(answered) if answered else None,
    )


def bare(layout: Layout) -> Start:
    """What everything is compared with."""
    return of_code(layout.python, _BARE, layout.environment(FUNCTIONS))


def of_code(python: Path, code: str, environment: Mapping[str, str]) -> Start:
    """A process that runs that code, and is ready then."""
    return Start([str(python), "-c", code + _ASK], environment)


def of_door(layout: Layout, door: str) -> Start:
    """A function as it is deployed."""
    return Start(layout.command(door), layout.environment(FUNCTIONS / door))


def ratios(taken: Mapping[str, Taken]) -> dict[str, float]:
    """How often the bare client could be made in the time of each."""
    return {name: each.ready / taken[BARE].ready for name, each in taken.items()}


def figures(place: Path, rounds: int) -> Iterator[Figure]:
    """A line for each function."""
    layout = lay_out(place)
    seen = ratios(measured({BARE: bare(layout), **{door: of_door(layout, door) for door in DOORS}}, rounds))
    for door in DOORS:
        limit = LIMITS.get(door, OTHER_LIMIT)
        yield Figure(door, {OURS: seen[door]}, "x", limit)
