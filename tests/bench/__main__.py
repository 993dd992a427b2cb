"""`make bench`: this server beside the upstream itself and beside peers, all in one run.

Everything is on loopback and the upstream answers at once, so that what is seen is the servers' own time.
Rounds go from server to server in turn; each figure is the median of its rounds. `BENCH_ROUNDS` says how many
(5), `BENCH_LITELLM` which Python has LiteLLM.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict, deque
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import background, cold_start, engine, imports, stores, tools, traffic
from tests.bench.doors import FORMATS, OWN_FORMATS, Door, litellm, ours, start_seconds, upstream_itself
from tests.bench.layout import RUNS_HERE
from tests.bench.table import BEST, OURS, UPSTREAM, Figure, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOGGING = "ours, logging"
_LIMITS = {"plain": 2.0, "streamed": 3.0}
_RATES = {"native": 30_000.0, "translated": 20_000.0}
_IMPORTS = {"create_response": 0.33}
_OTHER_IMPORTS = 0.25
_DELTA = 60.0
"""Microseconds of processor time that a word may cost from socket to socket."""
_PROCESSOR = ", processor time"
_BREATH = 0.2
"""Seconds between two turns: there are servers that go on working when they have answered."""

Samples = dict[str, dict[str, list[float]]]
"""By figure, then by column."""


def main() -> None:
    """Measure, and print."""
    rounds = int(os.environ.get("BENCH_ROUNDS") or 5)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} processors, {_load()} before"
    print(f"{machine}; medians of {rounds} rounds", flush=True)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        place = Path(folder)
        upstream = running.enter_context(upstream_itself())
        quiet = running.enter_context(ours(OURS, place / "quiet", upstream, RESPONSES_LOG_LEVEL="ERROR"))
        logging = running.enter_context(ours(LOGGING, place / "logging", upstream))
        sizes = (traffic.SHORT, traffic.CROWDED, traffic.LONG)
        peer = running.enter_context(litellm(place / "litellm", upstream, sizes))
        doors = [quiet, logging, *([peer] if peer else [])]
        _print_traffic(upstream, doors, rounds)
        _print_deltas(quiet, rounds)
        running.pop_all().close()
        _print_background(_made(place / "background"))
        print("\n" + render("tools of servers", [OURS, BEST], tools.figures()), flush=True)
        _print_rest(place)
        _print_cold_starts(_made(place / "lambda"), rounds)
    print(f"\n{_load()} after; what else runs adds to all times but processor time")


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def _print_traffic(upstream: Door, doors: Sequence[Door], rounds: int) -> None:
    idle = {door.name: door.resident_megabytes for door in doors}
    samples: Samples = defaultdict(lambda: defaultdict(list))
    turns = deque([upstream, *doors])
    for _ in range(rounds):
        for name in _MEASURES:
            for wire in FORMATS:
                for door in turns:
                    _take(samples, door, name, wire)
                    time.sleep(_BREATH)
        turns.rotate()  # nobody always comes after the same one
    values = {name: _summary(name, by) for name, by in samples.items()}
    busy = {door.name: door.resident_megabytes for door in doors}
    columns = [OURS, BEST, *(door.name for door in [*doors[1:], upstream])]
    # Ours brings a language model of its own, where its wheels are installed.
    memory = [Figure("memory, idle", idle, "MB"), Figure("memory, after all of this", busy, "MB")]
    figures = [*sorted(_figures(values), key=lambda figure: figure.unit, reverse=True), *memory]
    print("\n" + render("traffic", columns, figures), flush=True)


def _print_deltas(door: Door, rounds: int) -> None:
    """What a word costs this server, from the upstream's socket to the client's, in each format."""
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for wire in OWN_FORMATS:
            cost = traffic.processor_microseconds(door, wire)
            if cost is not None:
                taken[wire].append(cost)
    figures = [
        Figure(f"a word, {wire}", {OURS: statistics.median(costs), BEST: min(costs)}, "µs", _DELTA)
        for wire, costs in taken.items()
    ]
    title = f"processor time, answers of {traffic.WHOLE:,} words"
    print("\n" + render(title, [OURS, BEST], figures), flush=True)


def _summary(name: str, by: dict[str, list[float]]) -> dict[str, float]:
    """The median of each column, and our best round: the one that least else ran beside."""
    best = max if _is_rate(name) else min
    return {column: statistics.median(taken) for column, taken in by.items()} | (
        {BEST: best(by[OURS])} if OURS in by else {}
    )


def _is_rate(name: str) -> bool:
    return name.partition(", ")[0] not in _LIMITS


def _take(samples: Samples, door: Door, name: str, wire: str) -> None:
    """One measure at one door. What fails there is said, and has no figure."""
    try:
        seen = _MEASURES[name](door, wire)
    except (RuntimeError, OSError) as fault:
        print(f"{door.name}: {name}, {wire}: {str(fault)[-300:]}", flush=True)
        return
    for part, value in seen.items():
        samples[f"{name}, {wire}{part}"][door.name].append(value)


def _latency_of(door: Door, wire: str, *, stream: bool) -> dict[str, float]:
    seen = traffic.latency(door, wire, stream=stream)
    first = {", first event": seen.first} if stream else {}
    processor = {} if seen.processor is None else {_PROCESSOR: seen.processor}
    return {", p50": seen.p50, ", p95": seen.p95, **first, **processor}


_MEASURES: dict[str, Callable[[Door, str], dict[str, float]]] = {
    "plain": partial(_latency_of, stream=False),
    "streamed": partial(_latency_of, stream=True),
    f"one stream of {traffic.LONG:,} words": lambda door, wire: {"": traffic.events_per_second(door, wire)},
    f"{traffic.CROWD} streams of {traffic.CROWDED} words": lambda door, wire: {
        "": traffic.crowd_events_per_second(door, wire)
    },
}


def _figures(values: dict[str, dict[str, float]]) -> Iterator[Figure]:
    """The figures of all measures; for latencies, what each door adds to the upstream's own time."""
    for name, taken in values.items():
        kind, _, rest = name.partition(", ")
        if name.endswith(_PROCESSOR):
            yield Figure(name, taken, "ms")
        elif not _is_rate(name):
            own = taken.pop(UPSTREAM)
            added = {column: value - own for column, value in taken.items()}
            yield Figure(f"added, {name}", added, "ms", _LIMITS[kind] if rest.endswith("p50") else None)
        else:
            limit = _RATES[rest] if kind.startswith("one") else None
            yield Figure(name, taken, "events/s", limit, rate=True)


def _print_background(place: Path) -> None:
    print("\n" + render("background responses", [OURS], background.figures(place)), flush=True)


def _print_rest(place: Path) -> None:
    starts = [start_seconds(_made(place / f"start-{n}")) for n in range(3)]
    doors = [
        Figure(f"import of {door}", {OURS: seconds}, "s", _IMPORTS.get(door, _OTHER_IMPORTS))
        for door, seconds in imports.seconds_by_door(place / "bytecode")
    ]
    steps = [Figure(f"a word: {name}", {OURS: cost}, "µs") for name, cost in engine.steps()]
    asked = [
        Figure(f"a request of {engine.TURNS} turns, {name}", {OURS: cost}, "µs")
        for name, cost in engine.requests()
    ]
    stored = [
        Figure(f"SQLite: {name}", {OURS: cost}, "µs") for name, cost in stores.operations(place / "bench.db")
    ]
    start = Figure("start, to the first answer", {OURS: statistics.median(starts)}, "s")
    print("\n" + render("by itself", [OURS], [start, *doors, *steps, *asked, *stored]), flush=True)


def _print_cold_starts(place: Path, rounds: int) -> None:
    if not RUNS_HERE:
        print("\nNot measured: cold starts. The layer is built for Python 3.13 on Linux.")
        return
    title = f"cold starts, as multiples of {cold_start.BARE}"
    print("\n" + render(title, [OURS], list(cold_start.figures(place, rounds))), flush=True)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
