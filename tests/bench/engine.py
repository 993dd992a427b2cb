"""The pure middle by itself: what a word, and what a request, costs on its way through, in processor time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lambda_responses.providers.dialects import dialect
from lambda_responses.providers.framings import EventFraming
from lambda_responses.stream import sse
from lambda_responses.stream.deltas import Text
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.transformers.base import Turn
from lambda_responses.wire.ids import ItemIds
from lambda_responses.wire.json import to_bytes
from tests.bench.upstream import text_of
from tests.fakes.formats.aws_frames import AWS_EVENT_STREAM
from tests.fakes.formats.base import Words, stream_of
from tests.fakes.formats.every import FORMATS
from tests.kit import RESPONSE_ID, blank_response, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.formats.base import Format

Json = dict[str, Any]

WORDS = 5_000
TURNS = 10
"""Of the conversation that a request is rendered for, each with a call and its result."""
_REQUESTS = 200


def steps() -> Iterator[tuple[str, float]]:
    """Each step's name and its microseconds a word."""
    said = [Words(word) for word in text_of(WORDS)]
    for name, format in FORMATS.items():
        body = b"".join(stream_of(format, said))
        chunks = _framed(format, body)
        yield f"frames and JSON, {name}", _each(lambda f=format, b=body: _framed(f, b))
        yield f"decoder, {name}", _each(lambda f=format, c=chunks: _decoded(f, c))
    texts = [Text(0, word) for word in text_of(WORDS)]
    yield "emitter", _each(lambda: _emitted(texts))
    events = _emitted(texts)
    yield (
        "encoding, padded",
        _each(lambda: [sse.encode(event, obfuscated_for=RESPONSE_ID) for event in events]),
    )


def requests() -> Iterator[tuple[str, float]]:
    """Each format's name, and the microseconds that a request of `TURNS` turns costs, its JSON included."""
    turn = Turn("bench", {"input": [], "tools": [_TOOL], "instructions": "Be kind"}, _conversation())
    for name, format in FORMATS.items():
        transformer, profile = dialect(format.wire, format.provider)  # type: ignore[arg-type]

        def render(transformer: Any = transformer, profile: Any = profile) -> None:
            for _ in range(_REQUESTS):
                to_bytes(transformer.render_request(turn, profile).body)

        yield name, _each(render, _REQUESTS)


_TOOL: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}


def _conversation() -> list[Json]:
    items: list[Json] = []
    for n in range(TURNS):
        part = {"type": "output_text", "text": "I shall look it up for you.", "annotations": []}
        call = {"call_id": f"call_{n}", "name": "get_weather", "arguments": '{"place": "Bern"}'}
        items += [
            {
                "type": "message",
                "id": f"msg_{n}a",
                "role": "user",
                "content": [{"type": "input_text", "text": "What is the weather like in Bern today?"}],
            },
            {"type": "message", "id": f"msg_{n}b", "role": "assistant", "content": [part]},
            {"type": "function_call", "id": f"fc_{n}", **call},
            {"type": "function_call_output", "id": f"fco_{n}", "call_id": f"call_{n}", "output": "21 C"},
        ]
    return items


def _framed(format: Format, body: bytes) -> list[Any]:
    if format.kind == AWS_EVENT_STREAM:
        from lambda_responses.providers.aws_frames import FrameFraming

        return [chunk for chunk in FrameFraming("bench").feed(body) if isinstance(chunk, dict)]
    return [chunk for chunk in EventFraming("bench").feed(body) if isinstance(chunk, dict)]


def _decoded(format: Format, chunks: list[Any]) -> None:
    transformer, profile = dialect(format.wire, format.provider)  # type: ignore[arg-type]
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


def _each(work: Callable[[], object], parts: int = WORDS) -> float:
    best = float("inf")
    for _ in range(7):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best / parts * 1e6
