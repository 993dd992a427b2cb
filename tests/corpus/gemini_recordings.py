"""Recorded exchanges of generateContent, and a reader of them that shares no code with ours."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambda_responses.stream.sse import SSEDecoder
from lambda_responses.transformers.base import Turn, UpstreamFailure
from lambda_responses.transformers.gemini_generate_content import (
    GEMINI_GENERATE_CONTENT,
    GeminiProfile,
    profiles,
)

Json = dict[str, Any]

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "dev"

PROFILES: dict[str, GeminiProfile] = {"google": profiles.GEMINI, "google_vertex": profiles.VERTEX}


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    file: str
    provider: str
    model: str
    status: int
    headers: dict[str, str]
    body: str
    request: Json | None
    source: tuple[str, int]
    """Which conversation it belongs to, and its place there."""

    @property
    def profile(self) -> GeminiProfile:
        return PROFILES[self.provider]

    @property
    def streamed(self) -> bool:
        return self.body.lstrip().startswith(("data:", ":", "event:", "id:"))

    @property
    def failure(self) -> UpstreamFailure:
        return UpstreamFailure(self.status, self.headers, self.body)

    def chunks(self, *, at_a_time: int = 65_536) -> list[Json]:
        """The chunks; of a stream that is one array, its elements."""
        if self.streamed:
            return [json.loads(text) for text in read_events(self.body.encode(), at_a_time)]
        body = json.loads(self.body)
        return body if isinstance(body, list) else list(GEMINI_GENERATE_CONTENT.as_chunks(body))


def read_events(body: bytes, at_a_time: int) -> list[str]:
    """The data of all events in these bytes, as they come in reads of that size."""
    decoder, data = SSEDecoder(), list[str]()
    for start in range(0, len(body), at_a_time):
        data += decoder.feed(body[start : start + at_a_time])
    return data + decoder.end()


@cache
def recordings() -> tuple[Recording, ...]:
    """Every exchange of the format; none where the corpus is absent."""
    if not CORPUS.is_dir():
        return ()
    with (CORPUS / "index.csv").open() as lines:
        return tuple(_load(row["file"]) for row in csv.DictReader(lines) if row["api"] == "generate_content")


def _load(file: str) -> Recording:
    exchange: Json = json.loads((CORPUS / file).read_text())
    response: Json = exchange["response"]
    return Recording(
        file=file,
        provider=exchange["provider"],
        model=str(exchange.get("model") or "").removeprefix("models/") or "gemini-2.5-flash",
        status=response["status"],
        headers=response.get("headers") or {},
        body=response.get("body") or "",
        request=exchange["request"].get("json"),
        source=(exchange["source"]["path"], exchange["source"].get("interaction") or 0),
    )


def cases(*, failed: bool = False) -> list[Any]:
    """The answered exchanges, or the refused ones, as a test's parameters; without a corpus, a skip."""
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    found = [pytest.param(each, id=each.file) for each in recordings() if (each.status >= 400) == failed]
    return found or [pytest.param(None, marks=absent, id="absent")]


def turn_of(recording: Recording, **request: Any) -> Turn:
    """A turn that asked for this answer, as far as its reading is concerned."""
    return Turn(model=recording.model, request=request, items=[])


@dataclass
class Answer:
    """What a recording says, read in the simplest way that is right for it."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """Id, name, arguments as an object."""
    signatures: list[str] = field(default_factory=list)
    finish: str | None = None
    usage: Json | None = None
    tokens: list[str] = field(default_factory=list)
    """Tokens that have log probabilities."""
    code: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    citations: list[tuple[str, str]] = field(default_factory=list)
    """Address or file, and the words that rest on it."""
    media: list[str] = field(default_factory=list)
    """Media types of what is no text."""


def read_answer(recording: Recording) -> Answer:
    """An independent reading of a successful exchange."""
    answer = Answer()
    if recording.streamed:
        lines = re.split(r"\r\n|\n|\r", recording.body)
        pieces = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    else:
        body = json.loads(recording.body)
        pieces = body if isinstance(body, list) else [body]
    for piece in pieces:
        answer.usage = piece.get("usageMetadata") or answer.usage
        for candidate in piece.get("candidates") or []:
            for part in (candidate.get("content") or {}).get("parts") or []:
                _read_part(part, answer)
            _read_sources(candidate, answer)
            answer.finish = candidate.get("finishReason") or answer.finish
    return answer


def _read_part(part: Json, answer: Answer) -> None:
    if part.get("thoughtSignature"):
        answer.signatures.append(part["thoughtSignature"])
    if "functionCall" in part:
        call = part["functionCall"]
        answer.calls.append((call.get("id") or "", call["name"], call.get("args") or {}))
    elif "executableCode" in part:
        answer.code.append(part["executableCode"]["code"])
    elif "codeExecutionResult" in part:
        answer.results.append(part["codeExecutionResult"].get("output") or "")
    elif "inlineData" in part:
        answer.media.append(part["inlineData"]["mimeType"])
    elif part.get("thought"):
        answer.reasoning += part.get("text") or ""
    else:
        answer.text += part.get("text") or ""


def _read_sources(candidate: Json, answer: Answer) -> None:
    grounding = candidate.get("groundingMetadata") or {}
    answer.queries += grounding.get("webSearchQueries") or []
    pages = (candidate.get("urlContextMetadata") or {}).get("urlMetadata") or []
    answer.pages += [page["retrievedUrl"] for page in pages]
    for support in grounding.get("groundingSupports") or []:
        for number in support["groundingChunkIndices"]:
            chunk = grounding["groundingChunks"][number]
            source = chunk.get("web") or chunk["retrievedContext"]
            name = source.get("uri") or source["fileSearchStore"]
            answer.citations.append((name, support["segment"]["text"]))
    for token in (candidate.get("logprobsResult") or {}).get("chosenCandidates") or []:
        answer.tokens.append(token["token"])
