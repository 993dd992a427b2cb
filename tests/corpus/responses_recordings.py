"""Recorded exchanges of the Responses format, and what it takes to run them through the format and back."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.stream.deltas import Envelope
from lambda_responses.stream.emitter import ResponseEmitter
from lambda_responses.stream.sse import SSEDecoder
from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.openai_responses import OPENAI_RESPONSES, profile
from lambda_responses.wire.ids import ItemIds, ResponseId
from lambda_responses.wire.json import from_text
from lambda_responses.wire.responses import new_response

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "dev"

PROFILES: dict[str, profile.ResponsesProfile] = {
    "openai": profile.OPENAI,
    "azure": profile.AZURE,
    "bedrock": profile.BEDROCK_MANTLE,
    "copilot": profile.COPILOT,
    "deepseek": profile.DEEPSEEK,
    "llamacpp": profile.LLAMA_CPP,
    "lmstudio": profile.LM_STUDIO,
    "mistralrs": profile.MISTRAL_RS,
    "openai_codex_backend": profile.CODEX_BACKEND,
    "openrouter": profile.OPENROUTER,
    "pydantic_gateway": profile.OPENAI,
    "vllm": profile.VLLM,
    "xai": profile.XAI,
}

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus/dev is absent")


@dataclass(frozen=True, eq=False)
class Recording:
    """One exchange."""

    file: str
    provider: str
    streamed: bool
    status: int
    request: Json | None = field(repr=False)
    body: str = field(repr=False)

    @property
    def profile(self) -> profile.ResponsesProfile:
        """The dialect of its vendor."""
        return PROFILES[self.provider]

    def streams(self) -> list[list[Json]]:
        """The events of each stream in it; a plain answer restated.

        A few files hold the streams of two turns, one after the other.
        """
        if not self.streamed:
            return [list(OPENAI_RESPONSES.as_chunks(from_text(self.body)))]
        streams: list[list[Json]] = []
        for event in read_stream(self.body.encode()):
            if event["type"] == "response.created":
                streams.append([])
            streams[-1].append(event)
        return streams


def read_stream(body: bytes, *, at_a_time: int = 65_536) -> list[Json]:
    """The events in these bytes, as they come in reads of that size."""
    decoder, data = SSEDecoder(), list[str]()
    for start in range(0, len(body), at_a_time):
        data += decoder.feed(body[start : start + at_a_time])
    data += decoder.end()
    return [from_text(text) for text in data if text != "[DONE]"]


@cache
def recordings() -> tuple[Recording, ...]:
    """Every exchange of the format; none where the corpus is absent."""
    if not CORPUS.is_dir():
        return ()
    with (CORPUS / "index.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["api"] == "responses"]
    return tuple(_load(row["file"], row["stream"] == "1") for row in rows)


def _load(file: str, streamed: bool) -> Recording:
    exchange: Json = json.loads((CORPUS / file).read_text())
    response: Json = exchange["response"]
    return Recording(
        file=file,
        provider=exchange["provider"],
        streamed=streamed and response["status"] < 400,
        status=response["status"],
        request=exchange["request"].get("json"),
        body=response.get("body") or "",
    )


def cases(wanted: Callable[[Recording], bool]) -> list[Any]:
    """The recordings that are wanted, as parameters of a test."""
    found = [pytest.param(each, id=each.file) for each in recordings() if wanted(each)]
    return found or [pytest.param(None, marks=needs_corpus)]


def answered(recording: Recording) -> bool:
    """Whether the upstream took the request."""
    return recording.status < 400


def turn_of(recording: Recording, **changes: Any) -> Turn:
    """The turn that the recorded client was asking for."""
    request = {"model": "m", "input": [], **(recording.request or {}), **changes}
    return Turn(model=request["model"], request=request, items=[])


def emit(chunks: list[Json], turn: Turn, dialect: profile.ResponsesProfile) -> list[Json]:
    """The whole way in: the upstream's events to ours."""
    making = emitter_for(turn)
    decoder = OPENAI_RESPONSES.decoder(turn, dialect)
    events: list[Json] = []
    for number, chunk in enumerate(chunks):
        deltas = list(decoder.feed(chunk))
        if number == 0:
            for delta in deltas:
                if isinstance(delta, Envelope):
                    making.apply(delta)
            events += making.start()
        for delta in deltas:
            events += making.apply(delta)
    for delta in decoder.end(marked=False):
        events += making.apply(delta)
    return events + making.finish(at=2)


def emitter_for(turn: Turn) -> ResponseEmitter:
    """An emitter at the start of the response to that turn."""
    response_id = ResponseId("resp_" + "0" * 8 + "a" * 24 + "b" * 16)
    tools: list[Json] = []
    plain = {**turn.request, "tools": tools}  # the upstream's echo of them is what is looked at
    response = new_response(plain, response_id=response_id, created_at=1, model=turn.model)

    def seal(item_type: str, origin: Json) -> str | None:
        """What the maker sealed, as it is: to be held against the recording."""
        shown = item_type == "compaction" or turn.shows_seals
        return origin.get("encrypted_content") if shown else None

    return ResponseEmitter(response, ItemIds(response_id, "f".__mul__), seal=seal)
