"""Every recorded answer of every vendor, over HTTP: what was recorded is what a client is told."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.corpus import (
    anthropic_recordings,
    chat_recordings,
    cohere_recordings,
    converse_recordings,
    gemini_recordings,
    responses_recordings,
)
from tests.fakes.events import events_of, obey, text_of
from tests.fakes.official import judge_event, judge_response
from tests.fakes.recorded_answers import EXPECTED, FAILED, parsed
from tests.fakes.replay import model_of

if TYPE_CHECKING:
    from tests.corpus.responses_recordings import Recording as NativeRecording
    from tests.fakes.server import Server

Json = dict[str, Any]

AT_ONCE = 12
EXCHANGES = {
    "chat": 681,
    "responses": 300,
    "messages": 210,
    "invoke_anthropic": 25,
    "anthropic_raw_predict": 5,
    "generate_content": 185,
    "converse": 102,
    "chat_v2": 36,
}


@dataclass
class Told:
    """What a client was told of one recording."""

    status: int
    body: Json = field(default_factory=dict)
    """The response, or the error that came in its place."""
    events: list[Json] = field(default_factory=list)
    fetched: Json | None = None
    texts: list[bytes] = field(default_factory=list[bytes])
    """The response as each reading of it has it, byte by byte: answered, fetched, told again as a stream."""


def recordings() -> list[tuple[str, Any]]:
    """By recorded API."""
    return [
        *(("chat", each) for each in chat_recordings.recordings()),
        *(("responses", each) for each in responses_recordings.recordings()),
        *((each.api, each) for each in anthropic_recordings.recordings()),
        *(("generate_content", each) for each in gemini_recordings.recordings()),
        *(("converse", each) for each in converse_recordings.recordings()),
        *(("chat_v2", each) for each in cohere_recordings.recordings()),
    ]


def cases(*apis: str, failed: bool) -> list[Any]:
    """The recordings of those APIs, as a test's parameters."""
    found = [(api, each) for api, each in recordings() if api in apis and (each.status >= 400) == failed]
    absent = pytest.mark.skip(reason="needs ../shared/corpus/dev")
    return [pytest.param(api, each, id=each.file) for api, each in found] or [
        pytest.param("", None, marks=absent)
    ]


@pytest.fixture(scope="module")
def told(replaying_server: Server) -> dict[str, Told]:
    """By file, what came of asking for it as it had been asked for."""
    return asyncio.run(_ask_for_all(replaying_server.base_url))


@pytest.fixture(scope="module")
def told_otherwise(replaying_server: Server) -> dict[str, Told]:
    """The same, but plainly what was recorded as a stream, and streamed what was recorded plainly."""
    return asyncio.run(_ask_for_all(replaying_server.base_url, otherwise=True))


async def _ask_for_all(base_url: str, *, otherwise: bool = False) -> dict[str, Told]:
    places = asyncio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=base_url, timeout=60, trust_env=False, limits=limits) as http:

        async def ask(api: str, recording: Any) -> tuple[str, Told]:
            async with places:
                return recording.file, await _ask(
                    http, model_of(recording, api), recording.streamed != otherwise
                )

        return dict(await asyncio.gather(*(ask(api, each) for api, each in recordings())))


async def _ask(http: httpx.AsyncClient, model: str, streamed: bool) -> Told:
    body = {"model": model, "input": "x", "stream": streamed}
    async with http.stream("POST", "/responses", json=body) as answer:
        raw = await answer.aread()
        if not answer.headers["content-type"].startswith("text/event-stream"):
            told = Told(answer.status_code, json.loads(raw), texts=[raw])
        else:
            events = [event async for event in events_of(answer.aiter_lines())]
            told = Told(answer.status_code, events[-1].get("response", {}), events, texts=[last_in(raw)])
    if told.status == 200:
        fetched = await http.get(f"/responses/{told.body['id']}")
        replayed = await http.get(f"/responses/{told.body['id']}?stream=true")
        told.fetched = fetched.json()
        told.texts += [fetched.content, last_in(replayed.content)]
    return told


_LAST = re.compile(rb'"response":(\{.*\}),"sequence_number":\d+\}')


def last_in(stream: bytes) -> bytes:
    """The response in the terminal event of a stream."""
    _, _, data = stream.strip().rpartition(b"\ndata: ")
    found = _LAST.search(data)
    return found[1] if found else b""


@pytest.mark.parametrize("api", EXCHANGES)
def test_every_exchange_is_played(api: str):
    played = [each for kind, each in recordings() if kind == api]
    if not played:
        pytest.skip("needs ../shared/corpus/dev")
    assert len(played) == EXCHANGES[api]


@pytest.mark.parametrize(("api", "recording"), cases(*EXPECTED, failed=False))
def test_an_answer_holds_what_was_recorded(api: str, recording: Any, told: dict[str, Told]):
    heard, expected = told[recording.file], EXPECTED[api](recording)
    if expected.ending == FAILED and heard.status != 200:  # nothing had been said before the error
        check_error(heard)
        return
    check_sound(heard, streamed=recording.streamed)
    response = heard.body
    if expected.again:  # and again, until there have been enough
        assert expected.text in text_of(response)
        return
    assert (ending_of(response), refusal_of(response)) == (expected.ending, expected.refusal)
    assert text_of(response).strip() == expected.text.strip()
    assert reasoning_of(response).strip() == expected.reasoning.strip()
    assert [(name, read(kind, said)) for kind, name, said in calls_of(response)] == expected.calls
    if api != "chat":
        check_cited(response, expected.cited)
    check_usage(response["usage"], expected.usage)


def check_usage(usage: Json | None, counted: Any) -> None:
    if not counted:
        assert usage is None
        return
    assert usage is not None
    assert usage["total_tokens"] >= usage["input_tokens"] + usage["output_tokens"]
    assert {**usage, **usage["input_tokens_details"]}.items() >= counted.items()


def read(kind: str, said: str) -> Any:
    """A call's arguments, or a custom tool's input."""
    return said if kind == "custom_tool_call" else parsed(said)


def ending_of(response: Json) -> str:
    return (response["incomplete_details"] or {}).get("reason") or response["status"]


def parts_of(response: Json, kind: str) -> list[Json]:
    """The parts of all items of that kind."""
    items = [item for item in response["output"] if item["type"] == kind]
    return [part for item in items for part in [*item.get("summary", ()), *(item.get("content") or ())]]


def refusal_of(response: Json) -> str:
    return "".join(part.get("refusal", "") for part in parts_of(response, "message"))


def reasoning_of(response: Json) -> str:
    return "".join(part["text"] for part in parts_of(response, "reasoning"))


def check_cited(response: Json, sources: list[str]) -> None:
    """Each source is cited once, in order, by its address, its name or its id."""
    notes = [note for part in parts_of(response, "message") for note in part.get("annotations", ())]
    for note, source in zip(notes, sources, strict=True):
        assert source in (note.get("url"), note.get("filename"), note.get("file_id"))


# Responses


def read_native(recording: NativeRecording) -> tuple[Json | None, list[Json]]:
    """The recorded response as its end told it, and its items; of two streams in a file, the first."""
    if not recording.streamed:
        whole = json.loads(recording.body)
        return whole, whole["output"]
    items: list[Json] = []
    for line in re.split(r"\r\n|\n|\r", recording.body):
        text = line.removeprefix("data:").strip()
        event: Json = json.loads(text) if line.startswith("data:") and text != "[DONE]" else {"type": ""}
        if event["type"] == "response.output_item.done":
            items.append(event["item"])
        elif event["type"] in ("response.completed", "response.incomplete", "response.failed"):
            return event["response"], event["response"]["output"] or items
    return None, items


@pytest.mark.parametrize(("api", "recording"), cases("responses", failed=False))
def test_a_native_answer_holds_what_was_recorded(api: str, recording: Any, told: dict[str, Told]):
    heard, (response, items) = told[recording.file], read_native(recording)
    if (response is None or response["status"] == "failed") and heard.status != 200:
        check_error(heard)
        return
    check_sound(heard, streamed=recording.streamed, upstream=recording.body)
    ours = heard.body
    assert ours["status"] == ("failed" if response is None else response["status"])
    assert Counter(item["type"] for item in ours["output"]) == Counter(item["type"] for item in items)
    recorded = {"output": items}
    assert text_of(ours) == text_of(recorded)
    assert calls_of(ours) == calls_of(recorded)
    if response is not None:
        assert (ours["incomplete_details"] or {}).get("reason") == (
            response.get("incomplete_details") or {}
        ).get("reason")
        for counter in ("input_tokens", "output_tokens", "total_tokens"):
            assert (ours["usage"] or {}).get(counter) == (response.get("usage") or {}).get(counter)


# All of them


def calls_of(response: Json) -> list[tuple[str, str, str]]:
    """Kind, name, and what is said."""
    return [
        (item["type"], item["name"], item.get("arguments", item.get("input")))
        for item in response["output"]
        if item["type"] in ("function_call", "custom_tool_call")
    ]


UNKNOWN_TO_THE_SDK = re.compile(r"response\.apply_patch_call_operation_diff\.(delta|done)")


def essence(response: Json) -> Json:
    """A response without what is its own: ids and times."""
    own = {"id", "created_at", "completed_at", "call_id"}
    return json.loads(
        json.dumps(response), object_hook=lambda each: {k: v for k, v in each.items() if k not in own}
    )


@pytest.mark.slow
@pytest.mark.parametrize(("api", "recording"), cases(*EXCHANGES, failed=False))
def test_a_plain_answer_is_the_stream_drained(
    api: str, recording: Any, told: dict[str, Told], told_otherwise: dict[str, Told]
):
    one, other = told[recording.file], told_otherwise[recording.file]
    if {one.status, other.status} == {200} and one.body["status"] != "failed":
        assert essence(one.body) == essence(other.body)
        obey(one.events or other.events)
    else:  # what fails is a status when asked for plainly, and may be an event in a stream
        assert max(one.status, other.status) >= 400


def check_sound(heard: Told, *, streamed: bool, upstream: str = "") -> None:
    """A success, in order, valid by the official types, and kept as it was told."""
    assert heard.status == 200, heard.body
    assert bool(heard.events) == streamed
    obey(heard.events) if streamed else None
    for event in heard.events:
        if not UNKNOWN_TO_THE_SDK.fullmatch(event["type"]):
            judge_event(event, upstream=upstream)
    judge_response(heard.body, upstream=upstream)
    assert heard.fetched == heard.body
    assert len(set(heard.texts)) == 1


def check_error(heard: Told) -> Json:
    """An error that a client may see."""
    error: Json = heard.body["error"]
    assert heard.status >= 400
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    shown = json.dumps(error)
    assert "<html" not in shown.lower()
    assert "nginx" not in shown
    assert len(shown) < 2_500
    return error


POLICY: dict[int, set[int]] = {
    400: {400},
    401: {502},
    402: {429},
    403: {502},
    404: {400, 404},
    413: {400},
    422: {400},
    429: {429},
    **{key: {502} for key in (500, 501, 502, 504, 520)},
    **{key: {503} for key in (503, 529)},
}
"""By recorded status, what a client is told. What a body says beside it is in `KINDS`."""

KINDS: list[tuple[str, int, str | None]] = [
    (r"context.{0,20}(length|window)|too.{0,3}long|too many.{0,10}tokens", 400, "context_length_exceeded"),
    (r"(incorrect|invalid).{0,10}api.key", 502, "upstream_auth_error"),
    (r"insufficient_quota", 429, "insufficient_quota"),
]


@pytest.mark.parametrize(("api", "recording"), cases(*EXCHANGES, failed=True))
def test_a_recorded_error_is_mapped_by_who_is_to_blame(api: str, recording: Any, told: dict[str, Told]):
    heard = told[recording.file]
    error = check_error(heard)
    for pattern, status, code in KINDS:
        if re.search(pattern, recording.body, re.I):
            assert (heard.status, error["code"]) == (status, code)
            return
    assert heard.status in POLICY[recording.status]
