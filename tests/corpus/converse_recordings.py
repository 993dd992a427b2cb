"""Recorded exchanges of Bedrock's Converse API, and a reader of them that shares no code with ours."""

from __future__ import annotations

import base64
import csv
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.eventstream import EventStreamBuffer

from lambda_responses.transformers.base import Turn, UpstreamFailure
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, ConverseProfile, profiles

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
    """The answer's text; empty where it came in frames."""
    frames: bytes
    request: Json | None
    url: str
    source: tuple[str, int]
    """Which conversation it belongs to, and its place there."""

    @property
    def profile(self) -> ConverseProfile:
        return profiles.BEDROCK

    @property
    def streamed(self) -> bool:
        return bool(self.frames)

    @property
    def model(self) -> str:
        """The id or ARN in the address, where there was one."""
        return unquote(self.url.rpartition("/model/")[2].rpartition("/")[0])

    @property
    def failure(self) -> UpstreamFailure:
        return UpstreamFailure(self.status, self.headers, self.body)

    def chunks(self, *, at_a_time: int = 65_536) -> tuple[list[Json], bool]:
        """The chunks, and whether an end marker came: a plain answer is its own end, a stream has none."""
        if not self.streamed:
            return list(BEDROCK_CONVERSE.as_chunks(json.loads(self.body))), True
        return read_frames(self.frames, at_a_time), False


def read_frames(frames: bytes, at_a_time: int) -> list[Json]:
    """The events of these frames as decoders see them, by the vendor's reader, so many bytes at a time."""
    buffer, chunks = EventStreamBuffer(), list[Json]()
    for start in range(0, len(frames), at_a_time):
        buffer.add_data(frames[start : start + at_a_time])
        for message in buffer:
            kind = message.headers.get(":event-type") or message.headers[":exception-type"]
            chunks.append({kind: json.loads(message.payload)})
    return chunks


@cache
def recordings() -> tuple[Recording, ...]:
    """Every exchange of the format; none where the corpus is absent."""
    if not CORPUS.is_dir():
        return ()
    with (CORPUS / "index.csv").open() as lines:
        return tuple(_load(row["file"]) for row in csv.DictReader(lines) if row["api"] == "converse")


def _load(file: str) -> Recording:
    exchange: Json = json.loads((CORPUS / file).read_text())
    response: Json = exchange["response"]
    return Recording(
        file=file,
        provider=exchange["provider"],
        status=response["status"],
        headers=response.get("headers") or {},
        body=response.get("body") or "",
        frames=base64.b64decode(response.get("body_base64") or ""),
        request=exchange["request"].get("json"),
        url=exchange["request"]["url"],
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
    signatures: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """Id, name, arguments (parsed)."""
    hosted: list[str] = field(default_factory=list)
    """The names of the tools that Bedrock ran by itself."""
    sources: list[str] = field(default_factory=list)
    """The addresses, or else the titles, of what is cited, in order."""
    finish: str | None = None
    usage: Json | None = None
    failed: bool = False


def read_answer(recording: Recording) -> Answer:
    """An independent reading of a successful exchange: a stream is first put together as a plain answer."""
    body = whole_answer(recording) if recording.streamed else json.loads(recording.body)
    if body is None:
        return Answer(failed=True)
    answer = Answer(finish=body["stopReason"], usage=body["usage"])
    for block in body["output"]["message"]["content"]:
        _read_block(block, answer)
    text = answer.text.lstrip()
    if text.startswith("<thinking>"):
        thought, _, answer.text = text.partition("</thinking>")
        answer.reasoning += thought.replace("<thinking>", "", 1)
        answer.text = answer.text.lstrip()
    return answer


def _read_block(block: Json, answer: Answer) -> None:
    cited = block.get("citationsContent") or {}
    answer.text += block.get("text") or ""
    answer.text += "".join(part["text"] for part in cited.get("content") or ())
    for citation in cited.get("citations") or ():
        answer.sources.append(citation["location"].get("web", {}).get("url") or citation["title"])
    if thought := block.get("reasoningContent", {}).get("reasoningText"):
        answer.reasoning += thought["text"]
        answer.signatures += [thought["signature"]] if thought.get("signature") else []
    if call := block.get("toolUse"):
        if call.get("type") == "server_tool_use":
            answer.hosted.append(call["name"])
        else:
            answer.calls.append((call["toolUseId"], call["name"], call["input"]))


def whole_answer(recording: Recording) -> Json | None:
    """The plain answer that a stream amounts to; None where it holds a fault."""
    blocks: dict[int, Json] = {}
    body: Json = {"output": {"message": {"content": []}}}
    for chunk in read_frames(recording.frames, 1 << 20):
        [(kind, told)] = chunk.items()
        if kind.endswith("Exception"):
            return None
        block = blocks.setdefault(told["contentBlockIndex"], {}) if "contentBlockIndex" in told else {}
        if kind == "contentBlockStart":
            block.update(json.loads(json.dumps(told["start"])))
        elif kind == "contentBlockDelta":
            _grow(block, told["delta"])
        elif kind == "messageStop":
            body["stopReason"] = told["stopReason"]
        elif kind == "metadata":
            body["usage"] = told["usage"]
    for _, block in sorted(blocks.items()):
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"].get("input") or "{}")
        if "citationsContent" in block:
            block["citationsContent"]["content"] = [{"text": block.pop("text", "")}]
        body["output"]["message"]["content"].append(block)
    return body


def _grow(block: Json, delta: Json) -> None:
    [(kind, said)] = delta.items()
    match kind:
        case "text":
            block["text"] = block.get("text", "") + said
        case "toolUse":
            block["toolUse"]["input"] = block["toolUse"].get("input", "") + said["input"]
        case "reasoningContent":
            thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
            for name, piece in said.items():
                thought[name] = thought.get(name, "") + piece
        case "citation":
            block.setdefault("citationsContent", {"citations": []})["citations"].append(said)
        case "toolResult":
            block["toolResult"]["content"] = said
        case _:
            raise AssertionError(kind)
