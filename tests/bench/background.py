"""What background responses wait for: to be queued, for a worker to take them, and to be made."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import httpx

from tests.bench.table import OURS, Figure
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BODY: dict[str, Any] = {"model": "scripted/echo", "input": "one two three", "background": True}
_REQUESTS = 60
_WARMUP = 20
_APART = 0.1
"""Seconds between two of them, so that workers have nothing to do when one comes."""
_CROWD = 200


def figures(place: Path) -> Sequence[Figure]:
    """Medians of answers that a scripted model makes in no time, one after another and many at once."""
    with (
        Server(place, RESPONSES_LOG_LEVEL="ERROR", **WORKING) as server,
        httpx.Client(base_url=server.base_url, timeout=60, trust_env=False) as http,
    ):
        for _ in range(_WARMUP):
            _one(http)
        taken: dict[str, list[float]] = defaultdict(list)
        for _ in range(_REQUESTS):
            time.sleep(_APART)
            for name, seconds in _one(http).items():
                taken[name].append(seconds * 1000)
            taken["streamed, to the first event"].append(_first_event(http) * 1000)
        lines = [
            Figure(f"background: {name}", {OURS: statistics.median(each)}, "ms")
            for name, each in taken.items()
        ]
        return [
            *lines,
            Figure(f"background: {_CROWD} at once", {OURS: _crowd(http)}, "responses/s", rate=True),
        ]


def _one(http: httpx.Client) -> dict[str, float]:
    """Seconds of one response, from the request's first byte."""
    began = time.perf_counter()
    response = http.post("/responses", json=_BODY).raise_for_status().json()
    queued = time.perf_counter()
    taken = None
    while response["status"] in ("queued", "in_progress"):
        response = http.get(f"/responses/{response['id']}").raise_for_status().json()
        if taken is None and response["status"] != "queued":
            taken = time.perf_counter()
    if response["status"] != "completed" or taken is None:
        raise RuntimeError(f"a background response ended as {response['status']}")
    return {
        "to be queued": queued - began,
        "queued, to its first event": taken - queued,
        "in all": time.perf_counter() - began,
    }


def _first_event(http: httpx.Client) -> float:
    began = time.perf_counter()
    with http.stream("POST", "/responses", json=_BODY | {"stream": True}) as answer:
        first = None
        for line in answer.iter_lines():
            if first is None and line.startswith("event: "):
                first = time.perf_counter()
    if first is None:
        raise RuntimeError("a streamed background response told nothing")
    return first - began


def _crowd(http: httpx.Client) -> float:
    """Responses a second, from the first request to the last end."""
    began = time.perf_counter()
    ids = [http.post("/responses", json=_BODY).raise_for_status().json()["id"] for _ in range(_CROWD)]
    for response_id in ids:
        while http.get(f"/responses/{response_id}").json()["status"] in ("queued", "in_progress"):
            time.sleep(0.005)
    return _CROWD / (time.perf_counter() - began)
