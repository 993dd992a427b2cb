"""Requests over loopback: how long they take, and how fast events come."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.client import Connection

if TYPE_CHECKING:
    from tests.bench.client import Reply
    from tests.bench.doors import Door

SHORT, CROWDED, WHOLE, LONG = 16, 200, 2_000, 20_000
"""Words of an answer."""

CROWD = 50
"""Streams at a time."""

_END = b"[DONE]\n\n\r\n0\r\n\r\n"
"""Of a chat stream in chunks."""
_REQUESTS = 120
_WARMUP = 40
_ANSWERS = 5


@dataclass(frozen=True, slots=True)
class Latency:
    """Of requests one after another, in milliseconds."""

    p50: float
    p95: float
    first: float
    """To the first byte of the body, the median."""
    processor: float | None
    """Processor time of the server: what is left of a figure when the machine does other things, too."""


def latency(door: Door, wire: str, *, stream: bool) -> Latency:
    """Of short answers."""
    path, body = door.request(wire, SHORT, stream=stream)
    connection = Connection(door.base_url)
    try:
        for _ in range(_WARMUP):
            connection.post(path, body)
        before = door.processor_milliseconds
        replies = [connection.post(path, body) for _ in range(_REQUESTS)]
        after = door.processor_milliseconds
    finally:
        connection.close()
    if stream:
        _whole(replies[-1], SHORT)
    whole = sorted(reply.whole * 1000 for reply in replies)
    first = statistics.median(reply.first * 1000 for reply in replies)
    used = None if before is None or after is None else (after - before) / _REQUESTS
    return Latency(statistics.median(whole), whole[int(len(whole) * 0.95)], first, used)


def processor_microseconds(door: Door, wire: str) -> float | None:
    """Of the server, by word of a whole answer, end to end; None where the system does not tell it."""
    path, body = door.request(wire, WHOLE, stream=True)
    connection = Connection(door.base_url)
    try:
        _whole(connection.post(path, body), WHOLE)
        before = door.processor_milliseconds
        for _ in range(_ANSWERS):
            _whole(connection.post(path, body), WHOLE)
        after = door.processor_milliseconds
    finally:
        connection.close()
    return None if before is None or after is None else (after - before) * 1000 / _ANSWERS / WHOLE


def events_per_second(door: Door, wire: str) -> float:
    """Of one long stream."""
    path, body = door.request(wire, LONG, stream=True)
    connection = Connection(door.base_url)
    try:
        reply = _whole(connection.post(path, body), LONG)
    finally:
        connection.close()
    return reply.events / reply.whole


def crowd_events_per_second(door: Door, wire: str) -> float:
    """Of many streams together."""
    path, body = door.request(wire, CROWDED, stream=True)

    def listen(_: int) -> int:
        connection = Connection(door.base_url)
        try:
            return _whole(connection.post(path, body), CROWDED).events
        finally:
            connection.close()

    with ThreadPoolExecutor(CROWD) as readers:
        started = time.perf_counter()
        events = sum(readers.map(listen, range(CROWD)))
        return events / (time.perf_counter() - started)


def _whole(reply: Reply, words: int) -> Reply:
    """The reply, if it is what was asked for: speed counts for nothing where words are lost."""
    told = b"response.completed" in reply.body[-16_000_000:] or reply.body.endswith(
        b"[DONE]\n\n\r\n0\r\n\r\n"
    )
    if not told or reply.events < words:
        raise RuntimeError(f"a stream of {words} words came as {reply.events} events: {reply.body[-300:]!r}")
    return reply
