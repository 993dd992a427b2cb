"""The way to a provider and back, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_responses.providers.base import (
    Marker,
    UpstreamCutShort,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreachable,
    UpstreamUnreadable,
)
from lambda_responses.providers.connections import Connections, Patience
from lambda_responses.providers.http import LONGEST_COMPLAINT, HttpProvider
from lambda_responses.providers.retries import Retries
from lambda_responses.transformers.base import Rendered
from tests.integration.providers.loopback import STREAM, Call, loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = pytest.mark.anyio

SECRET = "sk-very-secret-0123456789"
SHORT = "pass"
ASKED = Rendered("chat/completions", {"model": "m", "messages": []})
EVENTS = b'data: {"n": 1}\n\ndata: {"n": 2}\n\n'
DONE = b"data: [DONE]\n\n"


@asynccontextmanager
async def provider_of(
    behave: Callable[[Call], Awaitable[None]], *, silence: float = 5, limit: int = 2, query: str = ""
) -> AsyncIterator[tuple[HttpProvider, Any, list[float]]]:
    """A provider of that upstream; the upstream; how long each wait before a retry was."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    connections = Connections(Patience(connect=2, silence=silence), through_proxies=False)
    async with loopback(behave) as upstream:
        yield (
            HttpProvider(
                "acme",
                upstream.base_url,
                connections=connections,
                headers={"authorization": f"Bearer {SECRET}", "x-pass": SHORT, "x-team": "search"},
                secrets=[SECRET, SHORT],
                query=query,
                retries=Retries(limit=limit, sleep=sleep, random=lambda: 0.0, clock=lambda: 0.0),
            ),
            upstream,
            waits,
        )
        await connections.aclose()


async def read(provider: HttpProvider, rendered: Rendered = ASKED) -> tuple[list[Any], UpstreamError | None]:
    """Every chunk up to the end or the fault."""
    chunks: list[Any] = []
    try:
        async with provider.open(rendered) as answer:
            async for batch in answer:
                chunks += batch
    except UpstreamError as error:
        return chunks, error
    return chunks, None


async def test_chunks_arrive_as_many_at_a_time_as_one_read_held():
    async def behave(call: Call) -> None:
        await call.stream(EVENTS + DONE)

    async with provider_of(behave) as (provider, _, _), provider.open(ASKED) as answer:
        assert not answer.plain
        assert [batch async for batch in answer] == [[{"n": 1}, {"n": 2}, Marker()]]


async def test_chunks_are_handed_out_as_they_come():
    go_on = asyncio.Event()

    async def behave(call: Call) -> None:
        await call.write(STREAM + b'10\r\ndata: {"n": 1}\n\n\r\n')
        await go_on.wait()
        await call.write(b'10\r\ndata: {"n": 2}\n\n\r\n0\r\n\r\n')

    async with provider_of(behave) as (provider, _, _), provider.open(ASKED) as answer:
        parts = aiter(answer)
        assert await anext(parts) == [{"n": 1}]
        go_on.set()
        assert await anext(parts) == [{"n": 2}]
        with pytest.raises(StopAsyncIteration):
            await anext(parts)


async def test_whoever_peeks_may_go_on_later():
    async def behave(call: Call) -> None:
        await call.write(STREAM + b'10\r\ndata: {"n": 1}\n\n\r\n')
        await asyncio.sleep(0)
        await call.write(b'10\r\ndata: {"n": 2}\n\n\r\n0\r\n\r\n')

    async with provider_of(behave) as (provider, _, _), provider.open(ASKED) as answer:
        seen = [*await anext(aiter(answer))]
        async for batch in answer:
            seen += batch
        assert seen == [{"n": 1}, {"n": 2}]


async def test_an_array_is_a_stream_of_its_elements():
    body = json.dumps([{"n": 1, "text": "]["}, {"n": 2}]).encode()
    for at in range(1, len(body)):

        async def behave(call: Call, at: int = at) -> None:
            await call.stream(body[:at], body[at:], media_type="application/json")

        async with provider_of(behave) as (provider, _, _):
            assert await read(provider) == ([{"n": 1, "text": "]["}, {"n": 2}], None)


@pytest.mark.parametrize("body", [b"[", b'[{"n": 1}', b'[{"n": 1},', b'[{"n": 1}, {"n"'])
async def test_an_array_that_ends_too_early_was_cut(body: bytes):
    async def behave(call: Call) -> None:
        await call.answer(200, body, content_type="application/json")

    async with provider_of(behave) as (provider, _, _):
        chunks, fault = await read(provider)
        assert chunks == ([{"n": 1}] if b"}" in body else [])
        assert type(fault) is UpstreamCutShort


async def test_the_request_is_what_the_transformer_rendered():
    async def behave(call: Call) -> None:
        await call.stream(DONE)

    async with provider_of(behave, query="api-version=1") as (provider, upstream, _):
        rendered = Rendered("responses", {"input": "half \ud83d"}, headers={"x-grok-conv-id": "abc"})
        assert await read(provider, rendered) == ([Marker()], None)
    request = upstream.requests[0]
    assert request.path == "/v1/responses?api-version=1"
    assert request.body == {"input": "half \ud83d"}
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["x-grok-conv-id"] == "abc"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["content-type"] == "application/json"


async def test_one_connection_serves_one_request_after_another():
    async def behave(call: Call) -> None:
        await call.stream(EVENTS, DONE)

    async with provider_of(behave) as (provider, upstream, _):
        for _ in range(5):
            assert (await read(provider))[1] is None
        assert (upstream.connections, len(upstream.requests)) == (1, 5)


async def test_a_connection_is_kept_when_its_last_bytes_come_after_the_marker():
    async def behave(call: Call) -> None:
        await call.write(STREAM + b"e\r\n%b\r\n" % DONE)
        await asyncio.sleep(0)
        await call.write(b"0\r\n\r\n")

    async with provider_of(behave) as (provider, upstream, _):
        for _ in range(3):
            assert await read(provider) == ([Marker()], None)
        assert upstream.connections == 1


@pytest.mark.parametrize("later", [False, True])
async def test_a_connection_is_kept_when_its_reader_has_heard_enough(later: bool):
    """Where a format says by itself that an answer is over, nobody asks for what follows."""

    async def behave(call: Call) -> None:
        await call.write(STREAM + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS))
        if later:
            await asyncio.sleep(0)
        await call.write(b"0\r\n\r\n")

    async with provider_of(behave) as (provider, upstream, _):
        for _ in range(5):
            async with provider.open(ASKED) as answer:
                assert await anext(aiter(answer)) == [{"n": 1}, {"n": 2}]
        assert upstream.connections == 1


async def test_an_upstream_that_stays_on_the_line_after_the_marker_is_left():
    async def behave(call: Call) -> None:
        await call.write(STREAM + b"e\r\n%b\r\n" % DONE)
        await call.gone()

    async with provider_of(behave, silence=60) as (provider, _, _):
        assert await asyncio.wait_for(read(provider), 5) == ([Marker()], None)


async def test_parallel_requests_have_connections_of_their_own():
    everybody = asyncio.Barrier(20)

    async def behave(call: Call) -> None:
        await everybody.wait()
        await call.stream(EVENTS)

    async with provider_of(behave) as (provider, upstream, _):
        answers = await asyncio.wait_for(asyncio.gather(*(read(provider) for _ in range(20))), 10)
        assert answers == [([{"n": 1}, {"n": 2}], None)] * 20
        assert upstream.connections == 20


async def test_cookies_of_one_answer_are_not_sent_with_the_next_request():
    async def behave(call: Call) -> None:
        await call.answer(200, b"{}", content_type="application/json", set_cookie="tenant=one; Path=/")

    async with provider_of(behave) as (provider, upstream, _):
        await read(provider)
        await read(provider)
        assert [("cookie" in request.headers) for request in upstream.requests] == [False, False]


# Plain answers.


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "", "text/plain"]
)
async def test_a_plain_answer_is_one_chunk_and_says_so(content_type: str):
    async def behave(call: Call) -> None:
        headers = {"content_type": content_type} if content_type else {}
        await call.answer(200, b' \n{"id": "x", "text": "\xc3\xa9"}', **headers)

    async with provider_of(behave) as (provider, _, _), provider.open(ASKED) as answer:
        assert answer.plain
        assert [batch async for batch in answer] == [[{"id": "x", "text": "é"}]]


@pytest.mark.parametrize("start", [b"", b": hello\n\n", b"event: x\n", b"id: 1\n", b"retry: 5\n\n"])
async def test_a_stream_without_a_type_is_known_by_its_first_bytes(start: bytes):
    async def behave(call: Call) -> None:
        await call.answer(200, start + EVENTS)

    async with provider_of(behave) as (provider, _, _):
        assert await read(provider) == ([{"n": 1}, {"n": 2}], None)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!doctype html><p>Sign in", "text/html"),
        (b"<html>", "application/json"),
        (b"", "application/json"),
        (b"  \n", "application/json"),
        (b'{"id": ', "application/json"),
        (b"[1]", "application/json"),
        (b'{"a": "\xff"}', "application/json"),
        (b"OK", "text/plain"),
    ],
)
async def test_a_success_that_nobody_can_read_is_told_as_such(body: bytes, content_type: str):
    async def behave(call: Call) -> None:
        await call.answer(200, body, content_type=content_type)

    async with provider_of(behave) as (provider, upstream, waits):
        chunks, error = await read(provider)
        assert (chunks, type(error)) == ([], UpstreamUnreadable)
        assert (len(upstream.requests), waits) == (1, [])


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_a_chunk_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch, content_type: str):
    monkeypatch.setattr("lambda_responses.providers.answers.LARGEST_CHUNK", 50_000)
    left = asyncio.Event()

    async def behave(call: Call) -> None:
        head = STREAM.replace(b"text/event-stream", content_type.encode())
        await call.write(head + b'6\r\n{"a":"\r\n')
        try:
            while True:
                await call.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        finally:
            left.set()

    async with provider_of(behave) as (provider, _, _):
        chunks, error = await read(provider)
        assert (chunks, type(error)) == ([], UpstreamUnreadable)
        await asyncio.wait_for(left.wait(), 1)


async def test_a_compressed_answer_is_read_all_the_same():
    async def behave(call: Call) -> None:
        await call.answer(
            200, gzip.compress(EVENTS), content_type="text/event-stream", content_encoding="gzip"
        )

    async with provider_of(behave) as (provider, _, _):
        assert await read(provider) == ([{"n": 1}, {"n": 2}], None)


async def test_a_compression_that_is_none_cannot_be_read():
    async def behave(call: Call) -> None:
        await call.answer(200, EVENTS, content_type="text/event-stream", content_encoding="gzip")

    async with provider_of(behave) as (provider, _, _):
        assert type((await read(provider))[1]) is UpstreamUnreadable


# Streams that go wrong.


@pytest.mark.parametrize("bad", [b"data: {broken\n\n", b"data: [1]\n\n", b"data: \xff\n\n", b"data: 7\n\n"])
async def test_chunks_before_an_unreadable_event_still_count(bad: bytes):
    async def behave(call: Call) -> None:
        await call.stream(EVENTS, bad, EVENTS)

    async with provider_of(behave) as (provider, _, _):
        chunks, error = await read(provider)
        assert (chunks[:2], type(error)) == ([{"n": 1}, {"n": 2}], UpstreamUnreadable)
        assert len(chunks) == 2


@pytest.mark.parametrize("tail", [b'data: {"n": 3', b"data: \xf0\x9f", b'data: {"n": "\xc3'])
async def test_a_stream_that_ends_inside_an_event_was_cut(tail: bytes):
    async def behave(call: Call) -> None:
        await call.stream(EVENTS, tail)

    async with provider_of(behave) as (provider, _, _):
        chunks, error = await read(provider)
        assert (chunks, type(error)) == ([{"n": 1}, {"n": 2}], UpstreamCutShort)


async def test_a_last_event_without_a_blank_line_counts():
    async def behave(call: Call) -> None:
        await call.stream(b'data: {"n": 1}\n\ndata: {"n": 2}')

    async with provider_of(behave) as (provider, _, _):
        assert await read(provider) == ([{"n": 1}, {"n": 2}], None)


async def test_a_connection_that_breaks_in_mid_answer_is_cut_and_not_tried_again():
    async def behave(call: Call) -> None:
        await call.write(STREAM + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS))
        call.cut()

    async with provider_of(behave) as (provider, upstream, waits):
        chunks, error = await read(provider)
        assert type(error) is UpstreamCutShort
        assert chunks in ([], [{"n": 1}, {"n": 2}])  # a reset may overtake what was sent before
        assert (len(upstream.requests), waits) == (1, [])


async def test_a_line_that_goes_silent_is_cut():
    async def behave(call: Call) -> None:
        await call.write(STREAM + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS))
        await call.gone()

    async with provider_of(behave, silence=0.05) as (provider, _, _):
        chunks, error = await read(provider)
        assert (chunks, type(error)) == ([{"n": 1}, {"n": 2}], UpstreamCutShort)


async def test_silence_before_the_status_is_not_answered_with_a_second_request():
    async def behave(call: Call) -> None:
        await call.gone()

    async with provider_of(behave, silence=0.05) as (provider, upstream, waits):
        assert type((await read(provider))[1]) is UpstreamSilent
        assert (len(upstream.requests), waits) == (1, [])


async def test_what_follows_the_end_marker_is_not_read():
    async def behave(call: Call) -> None:
        await call.stream(EVENTS + DONE + b"data: {broken\n\n")

    async with provider_of(behave) as (provider, _, _):
        assert await read(provider) == ([{"n": 1}, {"n": 2}, Marker()], None)


async def test_comments_and_empty_events_say_nothing():
    async def behave(call: Call) -> None:
        await call.stream(b": OPENROUTER PROCESSING\n\n", b"data:\n\n", b"event: ping\ndata: \n\n", EVENTS)

    async with provider_of(behave) as (provider, _, _):
        assert await read(provider) == ([{"n": 1}, {"n": 2}], None)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 200), max_size=12, unique=True))
def test_chunk_boundaries_change_nothing(cuts: list[int]):
    told = [{"text": "é😀"}, {"text": "\u2028"}, {"n": 3}]
    stream = "".join(f"event: e\r\ndata: {json.dumps(c, ensure_ascii=False)}\r\n\r\n" for c in told).encode()
    edges = [0, *sorted(c for c in cuts if c < len(stream)), len(stream)]

    async def behave(call: Call) -> None:
        await call.stream(*(stream[a:b] for a, b in pairwise(edges)))

    async def run() -> None:
        async with provider_of(behave) as (provider, _, _):
            assert await read(provider) == (told, None)

    asyncio.run(run())


# Refusals and retries.


async def test_a_refusal_has_status_headers_and_body():
    async def behave(call: Call) -> None:
        await call.answer(400, b'{"error": {"message": "no"}}', x_request_id="r1", set_cookie="a=b")

    async with provider_of(behave) as (provider, upstream, waits):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert (error.failure.status, error.failure.body) == (400, '{"error": {"message": "no"}}')
        assert error.failure.headers["x-request-id"] == "r1"
        assert "set-cookie" not in error.failure.headers
        assert (len(upstream.requests), waits) == (1, [])


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_a_transient_refusal_is_tried_again_twice(status: int):
    async def behave(call: Call) -> None:
        await (call.answer(status, b"{}") if call.number < 3 else call.stream(EVENTS))

    async with provider_of(behave) as (provider, upstream, waits):
        assert await read(provider) == ([{"n": 1}, {"n": 2}], None)
        assert (len(upstream.requests), waits) == (3, [0.05, 0.1])


async def test_the_last_refusal_is_the_one_that_is_told():
    async def behave(call: Call) -> None:
        await call.answer(500 + call.number, b"{}")

    async with provider_of(behave) as (provider, _, waits):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert (error.failure.status, waits) == (503, [0.05, 0.1])


async def test_the_upstream_says_how_long_to_wait():
    async def behave(call: Call) -> None:
        match call.number:
            case 1:
                await call.answer(429, b"", retry_after="0.1")
            case 2:
                await call.answer(429, b"", retry_after_ms="70")
            case _:
                await call.stream(DONE)

    async with provider_of(behave) as (provider, _, waits):
        assert await read(provider) == ([Marker()], None)
        assert waits == [0.1, 0.07]


async def test_who_is_to_wait_too_long_is_told_at_once():
    async def behave(call: Call) -> None:
        await call.answer(429, b"", retry_after="600")

    async with provider_of(behave) as (provider, upstream, waits):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert error.failure.headers["retry-after"] == "600"
        assert (len(upstream.requests), waits) == (1, [])


async def test_a_connection_that_breaks_before_an_answer_is_tried_again():
    async def behave(call: Call) -> None:
        if call.number < 3:
            call.cut()
        else:
            await call.stream(DONE)

    async with provider_of(behave) as (provider, upstream, waits):
        assert await read(provider) == ([Marker()], None)
        assert (len(upstream.requests), waits) == (3, [0.05, 0.1])


async def test_a_connection_that_always_breaks_before_an_answer_is_a_silent_one():
    async def behave(call: Call) -> None:
        call.cut()

    async with provider_of(behave, limit=1) as (provider, upstream, waits):
        assert type((await read(provider))[1]) is UpstreamSilent
        assert (len(upstream.requests), waits) == (2, [0.05])


async def test_where_nobody_listens_the_provider_is_unreachable():
    async def behave(call: Call) -> None: ...

    async with provider_of(behave) as (provider, _, _):
        pass  # its server is gone now
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    connections = Connections(through_proxies=False)
    provider = HttpProvider(
        "acme", provider.base_url, connections=connections, retries=Retries(sleep=sleep, random=lambda: 0.0)
    )
    assert type((await read(provider))[1]) is UpstreamUnreachable
    assert waits == [0.05, 0.1]
    await connections.aclose()


async def test_an_endless_complaint_is_read_in_part():
    async def behave(call: Call) -> None:
        await call.write(b"HTTP/1.1 400 X\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await call.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")

    async with provider_of(behave) as (provider, _, _):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert error.failure.body == "x" * LONGEST_COMPLAINT


async def test_a_complaint_that_is_cut_is_told_as_far_as_it_came():
    async def behave(call: Call) -> None:
        await call.write(b"HTTP/1.1 400 X\r\ncontent-length: 100\r\n\r\nbad \xff request")
        call.cut()

    async with provider_of(behave) as (provider, _, _):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert error.failure.status == 400


async def test_a_redirect_is_not_followed():
    async def behave(call: Call) -> None:
        await call.answer(307, b"", location="http://127.0.0.1:9/elsewhere")

    async with provider_of(behave) as (provider, _, _):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert error.failure.status == 307


# Leaving.


@pytest.mark.parametrize("read_first", [True, False])
async def test_the_upstream_sees_within_a_second_that_its_client_has_left(read_first: bool):
    left = asyncio.Event()

    async def behave(call: Call) -> None:
        await call.write(STREAM + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS))
        await call.gone()
        left.set()

    async with provider_of(behave, silence=60) as (provider, _, _):
        async with provider.open(ASKED) as answer:
            if read_first:
                await anext(aiter(answer))
        await asyncio.wait_for(left.wait(), 1)


@pytest.mark.parametrize("moment", ["before the status", "in mid-answer"])
async def test_a_cancelled_request_hangs_up_within_a_second(moment: str):
    heard, left = asyncio.Event(), asyncio.Event()

    async def behave(call: Call) -> None:
        if moment == "in mid-answer":
            await call.write(STREAM + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS))
        heard.set()
        await call.gone()
        left.set()

    async with provider_of(behave, silence=60) as (provider, _, _):
        reading = asyncio.create_task(read(provider))
        await heard.wait()
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait_for(left.wait(), 1)
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_a_fault_of_the_reader_hangs_up_too():
    left = asyncio.Event()

    async def behave(call: Call) -> None:
        await call.write(STREAM + b"%x\r\n%b\r\n" % (len(EVENTS), EVENTS))
        await call.gone()
        left.set()

    async def read_and_fail(provider: HttpProvider) -> None:
        async with provider.open(ASKED) as answer:
            await anext(aiter(answer))
            raise ZeroDivisionError

    async with provider_of(behave, silence=60) as (provider, _, _):
        with pytest.raises(ZeroDivisionError):
            await read_and_fail(provider)
        await asyncio.wait_for(left.wait(), 1)


# Secrets.


async def test_no_text_about_a_fault_holds_a_secret():
    async def behave(call: Call) -> None:
        match call.request.body["model"]:
            case "echo":
                await call.answer(401, f"Incorrect API key provided: {SECRET}".encode())
            case "html":
                await call.answer(200, f"<p>{SECRET}".encode())
            case "broken":
                await call.stream(f"data: {{{SECRET}\n\n".encode())
            case _:
                call.cut()

    async with provider_of(behave, limit=0) as (provider, _, _):
        for model in ("echo", "html", "broken", "cut"):
            error = (await read(provider, Rendered("x", {"model": model})))[1]
            assert isinstance(error, UpstreamError)
            told = [
                repr(error),
                str(error),
                repr(error.__cause__),
                repr(error.__context__),
                repr(vars(error)),
            ]
            assert not [text for text in told if SECRET in text or "127.0.0.1" in text]
        assert SECRET not in repr(provider)


async def test_what_is_no_secret_stays_in_a_complaint():
    async def behave(call: Call) -> None:
        await call.answer(400, f"research of {SECRET} cannot be passed on".encode())

    async with provider_of(behave) as (provider, upstream, _):
        error = (await read(provider))[1]
        assert isinstance(error, UpstreamRefused)
        assert error.failure.body == "research of [redacted] cannot be passed on"
        assert upstream.requests[0].headers["x-team"] == "search"


def test_each_loop_has_connections_of_its_own():
    connections = Connections(through_proxies=False)

    async def behave(call: Call) -> None:
        await call.stream(DONE)

    async def run() -> Any:
        async with loopback(behave) as upstream:
            provider = HttpProvider("acme", upstream.base_url, connections=connections)
            assert await read(provider) == ([Marker()], None)
            client = connections.client
            await connections.aclose()
        return client

    assert asyncio.run(run()) is not asyncio.run(run())
