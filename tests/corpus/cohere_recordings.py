"""Recorded exchanges of Cohere's chat API, and a reader of them that shares no code with ours."""

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
from lambda_responses.transformers.cohere_chat import COHERE, COHERE_CHAT, CohereProfile

Json = dict[str, Any]

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "dev"


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    file: str
    provider: str
    status: int
    headers: dict[str, str]
    body: str
    request: Json
    source: tuple[str, int]
    """Which conversation it belongs to, and its place there."""

    @property
    def profile(self) -> CohereProfile:
        return COHERE

    @property
    def streamed(self) -> bool:
        return self.body.lstrip().startswith(("data:", ":", "event:", "id:"))

    @property
    def model(self) -> str:
        return str(self.request["model"])

    @property
    def failure(self) -> UpstreamFailure:
        return UpstreamFailure(self.status, self.headers, self.body)

    def chunks(self, *, at_a_time: int = 65_536) -> tuple[list[Json], bool]:
        """The chunks, and whether an end marker came; a plain answer is its own end."""
        if not self.streamed:
            return list(COHERE_CHAT.as_chunks(json.loads(self.body))), True
        decoder, data = SSEDecoder(), list[str]()
        body = self.body.encode()
        for start in range(0, len(body), at_a_time):
            data += decoder.feed(body[start : start + at_a_time])
        data += decoder.end()
        return [json.loads(text) for text in data if text != "[DONE]"], "[DONE]" in data


@cache
def recordings() -> tuple[Recording, ...]:
    """Every exchange of the format; none where the corpus is absent."""
    if not CORPUS.is_dir():
        return ()
    with (CORPUS / "index.csv").open() as lines:
        return tuple(_load(row["file"]) for row in csv.DictReader(lines) if row["api"] == "chat_v2")


def _load(file: str) -> Recording:
    exchange: Json = json.loads((CORPUS / file).read_text())
    response: Json = exchange["response"]
    return Recording(
        file=file,
        provider=exchange["provider"],
        status=response["status"],
        headers=response.get("headers") or {},
        body=response.get("body") or "",
        request=exchange["request"]["json"],
        source=(exchange["source"]["path"], exchange["source"].get("interaction") or 0),
    )


def cases(*, failed: bool = False) -> list[Any]:
    """The answered exchanges, or the refused ones, as a test's parameters; without a corpus, a skip."""
    absent = pytest.mark.skip(reason="../shared/corpus/dev is absent")
    found = [pytest.param(each, id=each.file) for each in recordings() if (each.status >= 400) == failed]
    return found or [pytest.param(None, marks=absent, id="absent")]


def turn_of(recording: Recording) -> Turn:
    """A turn that asked for this answer, as far as its reading is concerned."""
    return Turn(model=recording.model, request={}, items=[])


@dataclass
class Answer:
    """What a recording says, read in the simplest way that is right for it."""

    text: str = ""
    reasoning: str = ""
    plan: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, name, arguments."""
    citations: list[Json] = field(default_factory=list)
    finish: str | None = None
    usage: Json | None = None
    tokens: list[str] = field(default_factory=list)
    """Pieces of the text that have log probabilities."""

    @property
    def failed(self) -> bool:
        return self.finish == "ERROR"


def read_answer(recording: Recording) -> Answer:
    """An independent reading of a successful exchange."""
    return _read_stream(recording.body) if recording.streamed else _read_plain(json.loads(recording.body))


def _read_plain(body: Json) -> Answer:
    message = body["message"]
    content = message.get("content") or []
    return Answer(
        text="".join(part["text"] for part in content if part["type"] == "text"),
        reasoning="".join(part["thinking"] for part in content if part["type"] == "thinking"),
        plan=message.get("tool_plan") or "",
        calls=[
            (call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or []
        ],
        citations=message.get("citations") or [],
        finish=body["finish_reason"],
        usage=body["usage"],
        tokens=[piece["text"] for piece in body.get("logprobs") or []],
    )


def _read_stream(body: str) -> Answer:
    answer = Answer()
    for line in re.split(r"\r\n|\n|\r", body):
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            continue
        event = json.loads(line[5:])
        delta = event.get("delta") or {}
        message = delta.get("message") or {}
        match event["type"]:
            case "content-delta":
                answer.text += message["content"].get("text") or ""
                answer.reasoning += message["content"].get("thinking") or ""
                if "logprobs" in event and "text" in message["content"]:
                    answer.tokens.append(event["logprobs"]["text"])
            case "tool-plan-delta":
                answer.plan += message["tool_plan"]
            case "tool-call-start":
                call = message["tool_calls"]
                answer.calls.append(
                    (call["id"], call["function"]["name"], call["function"]["arguments"] or "")
                )
            case "tool-call-delta":
                id, name, said = answer.calls[event["index"]]
                more = message["tool_calls"]["function"]["arguments"]
                answer.calls[event["index"]] = (id, name, said + more)
            case "citation-start":
                answer.citations.append(message["citations"])
            case "message-end":
                answer.finish, answer.usage = delta["finish_reason"], delta["usage"]
            case "message-start" | "content-start" | "content-end" | "citation-end" | "tool-call-end":
                pass
            case other:
                raise AssertionError(f"nobody knows {other}")
    return answer
