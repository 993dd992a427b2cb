"""Recorded exchanges of Anthropic's Messages, wherever they were served, and a reader of them that shares no
code with ours."""

from __future__ import annotations

import base64
import csv
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.eventstream import EventStreamBuffer

from lambda_responses.stream.sse import SSEDecoder
from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, MessagesProfile, profiles
from lambda_responses.transformers.base import Turn, UpstreamFailure

Json = dict[str, Any]

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "dev"

APIS = {"messages", "invoke_anthropic", "anthropic_raw_predict"}

PROFILES: dict[str, MessagesProfile] = {
    "anthropic": profiles.ANTHROPIC,
    "bedrock": profiles.BEDROCK,
    "google_vertex": profiles.VERTEX,
}
"""Whose dialect each recorded provider speaks."""

_MODEL_IN_PATH = re.compile(r"/models?/([^/]+?)(?:/invoke|:\w*[rR]awPredict)")


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    file: str
    provider: str
    api: str
    status: int
    headers: dict[str, str]
    body: str
    frames: bytes | None
    """The body, where it is an AWS event stream."""
    request: Json | None
    url: str
    source: tuple[str, int]
    """Which conversation it belongs to, and its place there."""

    @property
    def profile(self) -> MessagesProfile:
        return PROFILES[self.provider]

    @property
    def streamed(self) -> bool:
        return self.frames is not None or self.body.lstrip().startswith(("data:", ":", "event:", "id:"))

    @property
    def model(self) -> str:
        in_path = _MODEL_IN_PATH.search(self.url)
        return unquote(in_path[1]) if in_path else str((self.request or {}).get("model") or "unknown")

    @property
    def failure(self) -> UpstreamFailure:
        return UpstreamFailure(self.status, self.headers, self.body)

    def chunks(self, *, at_a_time: int = 65_536) -> tuple[list[Json], bool]:
        """The chunks, and whether an end marker came; a plain answer is its own end."""
        if self.frames is not None:
            return read_frames(self.frames, at_a_time), False
        if not self.streamed:
            return list(ANTHROPIC_MESSAGES.as_chunks(json.loads(self.body))), True
        return [json.loads(text) for text in read_events(self.body.encode(), at_a_time)], False


def read_events(body: bytes, at_a_time: int) -> list[str]:
    """The data of all events in these bytes, as they come in reads of that size."""
    decoder, data = SSEDecoder(), list[str]()
    for start in range(0, len(body), at_a_time):
        data += decoder.feed(body[start : start + at_a_time])
    return data + decoder.end()


def read_frames(body: bytes, at_a_time: int) -> list[Json]:
    """The frames of an AWS event stream, each under the name of its event or exception."""
    buffer, chunks = EventStreamBuffer(), list[Json]()
    for start in range(0, len(body), at_a_time):
        buffer.add_data(body[start : start + at_a_time])
        for frame in buffer:
            name = frame.headers.get(":event-type") or frame.headers[":exception-type"]
            chunks.append({name: json.loads(frame.payload)})
    return chunks


@cache
def recordings() -> tuple[Recording, ...]:
    """Every exchange of the format; none where the corpus is absent."""
    if not CORPUS.is_dir():
        return ()
    with (CORPUS / "index.csv").open() as lines:
        return tuple(_load(row["file"], row["api"]) for row in csv.DictReader(lines) if row["api"] in APIS)


def _load(file: str, api: str) -> Recording:
    exchange: Json = json.loads((CORPUS / file).read_text())
    request, response = exchange["request"], exchange["response"]
    framed = response.get("body_base64")
    return Recording(
        file=file,
        provider=exchange["provider"],
        api=api,
        status=response["status"],
        headers=response.get("headers") or {},
        body=response.get("body") or "",
        frames=base64.b64decode(framed) if framed else None,
        request=request.get("json"),
        url=request.get("url") or "",
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
    calls: list[tuple[str, str, Json | None]] = field(default_factory=list)
    """Id, name, arguments; these are None where they were cut."""
    hosted: list[tuple[str, str, Json]] = field(default_factory=list)
    """Id, name and input of the calls of hosted tools."""
    citations: list[tuple[str, str]] = field(default_factory=list)
    """What was cited, and the text that cites it."""
    blocks: list[Json] = field(default_factory=list)
    """The content, whole."""
    finish: str | None = None
    usage: Json = field(default_factory=dict)


def read_answer(recording: Recording) -> Answer:
    """An independent reading of a successful exchange."""
    if recording.frames is not None:
        framed = [frame["chunk"]["bytes"] for frame in read_frames(recording.frames, 1 << 20)]
        message = _put_together([json.loads(base64.b64decode(data)) for data in framed])
    elif recording.streamed:
        lines = [line[5:] for line in re.split(r"\r\n|\n|\r", recording.body) if line.startswith("data:")]
        message = _put_together([json.loads(line) for line in lines])
    else:
        message = json.loads(recording.body)
    answer = Answer(finish=message.get("stop_reason"), usage=message.get("usage") or {})
    answer.text = message.get("completion") or ""
    for block in message.get("content") or []:
        answer.blocks.append(block)
        _read_block(block, answer)
    answer.refusal = (message.get("stop_details") or {}).get("explanation") or ""
    return answer


def _put_together(events: list[Json]) -> Json:
    """The message that a stream makes: the first, where several were recorded in one."""
    message: Json = {"content": [], "usage": {}}
    pieces: dict[int, str] = {}
    for event in events:
        match event:
            case {"type": "message_start", "message": started}:
                message |= {**started, "usage": dict(started["usage"])}
            case {"type": "content_block_start", "content_block": block}:
                message["content"].append({**block})
                pieces[event["index"]] = ""
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                _add(message["content"][index], delta, pieces, index)
            case {"type": "message_delta", "delta": delta, "usage": usage}:
                message |= delta
                message["usage"] |= {name: count for name, count in usage.items() if count is not None}
            case {"type": "message_stop"}:
                break
            case {"completion": text, **rest}:
                message |= {**rest, "completion": message.get("completion", "") + text}
            case _:
                pass
    for index, text in pieces.items():
        if text:
            message["content"][index]["input"] = _parsed(text)
    return message


def _add(block: Json, delta: Json, pieces: dict[int, str], index: int) -> None:
    match delta:
        case {"type": "input_json_delta", "partial_json": text}:
            pieces[index] += text
        case {"type": "citations_delta", "citation": citation}:
            block["citations"] = [*(block.get("citations") or []), citation]
        case _:
            for name in delta.keys() - {"type"}:
                block[name] = (block.get(name) or "") + delta[name]


def _parsed(text: str) -> Json | None:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _read_block(block: Json, answer: Answer) -> None:
    match block["type"]:
        case "text":
            answer.text += block["text"]
            for cited in block.get("citations") or []:
                source = cited.get("url") or cited.get("source") or cited.get("document_title") or ""
                answer.citations.append((source, block["text"]))
        case "thinking":
            answer.reasoning += block["thinking"]
        case "tool_use":
            answer.calls.append((block["id"], block["name"], block["input"]))
        case "server_tool_use" | "mcp_tool_use":
            answer.hosted.append((block["id"], block["name"], block["input"]))
        case _:
            pass
