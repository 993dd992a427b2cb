"""The pure middle by itself: what one word costs on its way through, in microseconds of processor time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lambda_responses.providers.dialects import dialect
from lambda_responses.stream import sse
from lambda_responses.stream.deltas import Text
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.transformers.base import Turn
from lambda_responses.wire.ids import ItemIds
from lambda_responses.wire.json import from_text
from tests.bench import upstream
from tests.kit import RESPONSE_ID, blank_response, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORDS = 5_000
_PATHS = {"openai_responses": b"/responses", "chat_completions": b"/chat/completions"}


def steps() -> Iterator[tuple[str, float]]:
    """Each step's name and its microseconds a word."""
    for format, path in _PATHS.items():
        body = upstream.answer(path, f"bench-{WORDS}", stream=True).partition(b"\r\n\r\n")[2]
        frames = [chunk for chunk in body.split(b"\r\n") if chunk.startswith((b"data:", b"event:"))]
        payloads = [text for text in _framed(frames) if text != "[DONE]"]
        chunks = [from_text(text) for text in payloads]
        yield (
            f"frames and JSON, {format}",
            _each(lambda f=frames: [from_text(t) for t in _framed(f) if t != "[DONE]"]),
        )
        yield f"decoder, {format}", _each(lambda f=format, c=chunks: _decoded(f, c))
    texts = [Text(0, word) for word in upstream.text_of(WORDS)]
    yield "emitter", _each(lambda: _emitted(texts))
    events = _emitted(texts)
    yield (
        "encoding, padded",
        _each(lambda: [sse.encode(event, obfuscated_for=RESPONSE_ID) for event in events]),
    )


def _framed(frames: list[bytes]) -> list[str]:
    decoder = sse.SSEDecoder()
    return decoder.feed(b"".join(frames))


def _decoded(format: Any, chunks: list[Any]) -> None:
    transformer, profile = dialect(format, "bench")
    decoder = transformer.decoder(Turn("bench", {"input": []}, []), profile)
    for chunk in chunks:
        for _ in decoder.feed(chunk):
            pass


def _emitted(texts: list[Text]) -> list[Any]:
    emitter = ResponseEmitter(blank_response(), ItemIds(RESPONSE_ID, counted()))
    events: list[Any] = []
    for text in texts:
        events += emitter.apply(text)
    return events


def _each(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(7):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best / WORDS * 1e6
