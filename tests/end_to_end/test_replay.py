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

from tests.corpus import chat_recordings, responses_recordings
from tests.corpus.chat_recordings import read_answer
from tests.fakes.events import events_of, obey, text_of
from tests.fakes.official import judge_event, judge_response
from tests.fakes.replay import model_of

if TYPE_CHECKING:
    from tests.corpus.chat_recordings import Recording as ChatRecording
    from tests.corpus.responses_recordings import Recording as NativeRecording
    from tests.fakes.server import Server

    Recording = ChatRecording | NativeRecording

Json = dict[str, Any]

AT_ONCE = 12
EXCHANGES = {"chat": 681, "responses": 300}
CUT = {"length": "max_output_tokens", "model_length": "max_output_tokens", "content_filter": "content_filter"}


@dataclass
class Told:
    """What a client was told of one recording."""

    status: int
    body: Json = field(default_factory=dict)
    """The response, or the error that came in its place."""
    events: list[Json] = field(default_factory=list)
    fetched: Json | None = None


def recordings() -> list[tuple[str, Recording]]:
    return [
        *(("chat", each) for each in chat_recordings.recordings()),
        *(("responses", each) for each in responses_recordings.recordings()),
    ]


def cases(api: str, *, failed: bool) -> list[Any]:
    found = [each for kind, each in recordings() if kind == api and (each.status >= 400) == failed]
    absent = pytest.mark.skip(reason="needs ../shared/corpus/dev")
    return [pytest.param(each, id=each.file) for each in found] or [pytest.param(None, marks=absent)]


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

        async def ask(api: str, recording: Recording) -> tuple[str, Told]:
            async with places:
                return recording.file, await _ask(
                    http, model_of(recording, api), recording.streamed != otherwise
                )

        return dict(await asyncio.gather(*(ask(api, each) for api, each in recordings())))


async def _ask(http: httpx.AsyncClient, model: str, streamed: bool) -> Told:
    body = {"model": model, "input": "x", "stream": streamed}
    async with http.stream("POST", "/responses", json=body) as answer:
        if not answer.headers["content-type"].startswith("text/event-stream"):
            told = Told(answer.status_code, json.loads(await answer.aread()))
        else:
            events = [event async for event in events_of(answer.aiter_lines())]
            told = Told(answer.status_code, events[-1].get("response", {}), events)
    if told.status == 200:
        told.fetched = (await http.get(f"/responses/{told.body['id']}")).json()
    return told


@pytest.mark.parametrize("api", EXCHANGES)
def test_every_exchange_is_played(api: str):
    played = [each for kind, each in recordings() if kind == api]
    if not played:
        pytest.skip("needs ../shared/corpus/dev")
    assert len(played) == EXCHANGES[api]


# Chat Completions


@pytest.mark.parametrize("recording", cases("chat", failed=False))
def test_a_chat_answer_holds_what_was_recorded(recording: ChatRecording, told: dict[str, Told]):
    heard, answer = told[recording.file], read_answer(recording)
    if answer.failed and heard.status != 200:  # nothing had been said before the error
        check_error(heard)
        return
    check_sound(heard, streamed=recording.streamed)
    response = heard.body
    broken = not answer.custom and not all(parses(arguments) for _, _, arguments in answer.calls)
    if answer.failed or answer.finish == "error":
        assert response["status"] == "failed"
    elif (reason := CUT.get(answer.finish or "stop")) or broken:
        assert response["status"] == "incomplete"
        assert response["incomplete_details"]["reason"] == (reason or "max_output_tokens")
    else:
        assert response["status"] == "completed"
    called = [(name, arguments or "{}") for _, name, arguments in answer.calls]
    assert calls_of(response) == called
    assert text_of(response).strip() == answer.text.strip()
    check_chat_usage(response["usage"], answer.usage)


def check_chat_usage(usage: Json | None, counted: Json | None) -> None:
    if not counted:
        assert usage is None
        return
    assert usage is not None
    assert usage["input_tokens"] == counted["prompt_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    own = counted["prompt_tokens"] + counted["completion_tokens"]
    assert usage["total_tokens"] in (own, counted["total_tokens"])


def parses(arguments: str) -> bool:
    try:
        json.loads(arguments or "{}")
    except ValueError:
        return False
    return True


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


@pytest.mark.parametrize("recording", cases("responses", failed=False))
def test_a_native_answer_holds_what_was_recorded(recording: NativeRecording, told: dict[str, Told]):
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


# Both


def calls_of(response: Json) -> list[tuple[str, str]]:
    return [
        (item["name"], item.get("arguments", item.get("input")))
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
@pytest.mark.parametrize("recording", [*cases("chat", failed=False), *cases("responses", failed=False)])
def test_a_plain_answer_is_the_stream_drained(
    recording: Recording, told: dict[str, Told], told_otherwise: dict[str, Told]
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


@pytest.mark.parametrize("recording", [*cases("chat", failed=True), *cases("responses", failed=True)])
def test_a_recorded_error_is_mapped_by_who_is_to_blame(recording: Recording, told: dict[str, Told]):
    heard = told[recording.file]
    error = check_error(heard)
    for pattern, status, code in KINDS:
        if re.search(pattern, recording.body, re.I):
            assert (heard.status, error["code"]) == (status, code)
            return
    assert heard.status in POLICY[recording.status]
