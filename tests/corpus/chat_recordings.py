"""Recorded exchanges of the Chat Completions format, and a reader of them that shares no code with ours."""

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
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles

Json = dict[str, Any]

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "dev"

PROFILES: dict[str, ChatProfile] = {
    "openai": profiles.OPENAI,
    "copilot": profiles.OPENAI,
    "azure": profiles.AZURE,
    "groq": profiles.GROQ,
    "mistral": profiles.MISTRAL,
    "deepseek": profiles.DEEPSEEK,
    "xai": profiles.XAI,
    "together": profiles.TOGETHER,
    "fireworks": profiles.FIREWORKS,
    "openrouter": profiles.OPENROUTER,
    "vercel_gateway": profiles.OPENROUTER,
    "snowflake": profiles.OPENROUTER,
    "cerebras": profiles.CEREBRAS,
    "perplexity": profiles.PERPLEXITY,
    "huggingface": profiles.HUGGINGFACE,
    "moonshot": profiles.MOONSHOT,
    "ollama": profiles.OLLAMA,
    "gpustack": profiles.OLLAMA,
    "vllm": profiles.VLLM,
    "crusoe": profiles.VLLM,
    "llamacpp": profiles.LLAMACPP,
    "alibaba": profiles.ALIBABA,
    "zai": profiles.ZAI,
    "xiaomi": profiles.XIAOMI,
    "databricks": profiles.DATABRICKS,
}
"""Whose dialect each recorded provider speaks; the rest is served as an unknown server would be."""


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    file: str
    provider: str
    status: int
    headers: dict[str, str]
    body: str
    request: Json | None
    source: tuple[str, int]
    """Which conversation it belongs to, and its place there."""

    @property
    def profile(self) -> ChatProfile:
        return PROFILES.get(self.provider, profiles.DEFAULT)

    @property
    def streamed(self) -> bool:
        return self.body.lstrip().startswith(("data:", ":", "event:", "id:"))

    @property
    def model(self) -> str:
        return str((self.request or {}).get("model") or "unknown")

    @property
    def failure(self) -> UpstreamFailure:
        return UpstreamFailure(self.status, self.headers, self.body)

    def chunks(self, *, at_a_time: int = 65_536) -> tuple[list[Json], bool]:
        """The chunks, and whether an end marker came; a plain answer is its own end."""
        if not self.streamed:
            return list(CHAT_COMPLETIONS.as_chunks(json.loads(self.body))), True
        data = read_events(self.body.encode(), at_a_time)
        return [json.loads(text) for text in data if text != "[DONE]"], "[DONE]" in data


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
        return tuple(_load(row["file"]) for row in csv.DictReader(lines) if row["api"] == "chat")


def _load(file: str) -> Recording:
    exchange: Json = json.loads((CORPUS / file).read_text())
    response: Json = exchange["response"]
    return Recording(
        file=file,
        provider=exchange["provider"],
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


def turn_of(recording: Recording) -> Turn:
    """A turn that asked for this answer, as far as its reading is concerned."""
    return Turn(model=recording.model, request={}, items=[])


@dataclass
class Answer:
    """What a recording says, read in the simplest way that is right for it."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Id, name, arguments."""
    finish: str | None = None
    usage: Json | None = None
    tokens: list[str] = field(default_factory=list)
    """Tokens that have log probabilities."""
    details: int = 0
    custom: bool = False
    """Whether the calls are of custom tools, whose input is no JSON."""
    failed: bool = False


def read_answer(recording: Recording) -> Answer:
    """An independent reading of a successful exchange."""
    answer = Answer()
    if recording.streamed:
        lines = re.split(r"\r\n|\n|\r", recording.body)
        bodies = [line[5:].strip() for line in lines if line.startswith("data:")]
        pieces = [json.loads(body) for body in bodies if body and body != "[DONE]"]
    else:
        pieces = [json.loads(recording.body)]
    for piece in pieces:
        answer.usage = piece.get("usage") or (piece.get("x_groq") or {}).get("usage") or answer.usage
        if piece.get("error"):
            answer.failed = True
            break
        for choice in piece.get("choices") or []:
            if choice.get("index", 0) == 0:
                _read_choice(recording, choice, answer)
    if "<think>" in answer.text[:20]:
        thought, _, answer.text = answer.text.partition("</think>")
        answer.reasoning += thought.replace("<think>", "", 1)
        answer.text = answer.text.lstrip()
    return answer


def _read_choice(recording: Recording, choice: Json, answer: Answer) -> None:
    said = choice.get("delta") if recording.streamed else choice.get("message")
    said = said or choice.get("delta") or {}
    content = said.get("content")
    if isinstance(content, dict):
        content = json.dumps(content, ensure_ascii=False)
    if isinstance(content, list):
        answer.text += "".join(part.get("text", "") for part in content if part["type"] == "text")
        answer.reasoning += "".join(
            thought["text"] for part in content if part["type"] == "thinking" for thought in part["thinking"]
        )
    else:
        answer.text += content or ""
    answer.text += (said.get("audio") or {}).get("transcript") or ""
    answer.refusal += said.get("refusal") or ""
    details = said.get("reasoning_details") or []
    answer.details += len(details)
    answer.reasoning += (
        said.get("reasoning_content")
        or said.get("reasoning")
        or "".join((detail.get("text") or "") + (detail.get("summary") or "") for detail in details)
    )
    # Some also weigh their own control tokens and reasoning, which are no part of the text.
    logprobs = (choice.get("logprobs") or {}) if said.get("content") is not None else {}
    answer.tokens += (
        [token["token"] for token in logprobs.get("content") or []] or logprobs.get("tokens") or []
    )
    for call in said.get("tool_calls") or []:
        _read_call(call, answer)
    if (said.get("function_call") or {}).get("name"):
        called = said["function_call"]
        _read_call({"index": 0, "id": "", "function": called}, answer)
    elif said.get("function_call"):
        _read_call({"function": {"arguments": said["function_call"].get("arguments") or ""}}, answer)
    answer.finish = choice.get("finish_reason") or answer.finish


def _read_call(call: Json, answer: Answer) -> None:
    about = call.get("function") or call.get("custom") or {}
    answer.custom = answer.custom or call.get("type") == "custom"
    said = about.get("arguments", about.get("input")) or ""
    said = said if isinstance(said, str) else json.dumps(said)
    known = [id for id, _, _ in answer.calls]
    if about.get("name") and not (call.get("id") and call["id"] in known):
        answer.calls.append((call.get("id") or "", about["name"], said))
    elif answer.calls:
        at = known.index(call["id"]) if call.get("id") else call.get("index", -1)
        id, name, before = answer.calls[at]
        answer.calls[at] = (id, name, before + said)
