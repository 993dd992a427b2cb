"""A function's answer means the same however its bytes are cut, and nothing that is not an answer passes."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.host.answers import DELIMITER, PRELUDE, Head, Malformed, opened, proxy_answer, url_answer
from infra.host.invocation import Fault, Stream, StreamCut

HEADERS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True), st.from_regex(r"[!-~]{0,20}", fullmatch=True)
)


async def read(pieces: list[bytes], fault: Fault | None = None) -> tuple[Head, bytes]:
    """What a stream of those pieces says."""
    stream = Stream(PRELUDE)
    for piece in pieces:
        await stream.feed(piece)
    stream.end(fault)
    head, body, rest = await opened(stream)
    async for piece in rest:
        body += piece
    return head, body


@given(st.binary(max_size=200), st.integers(200, 599), st.data())
def test_a_stream_says_the_same_wherever_it_is_cut(body: bytes, status: int, data: st.DataObject):
    prelude = json.dumps({"statusCode": status, "headers": {"content-type": "x/y"}, "cookies": ["a=1"]})
    whole = prelude.encode() + DELIMITER + body
    cuts = sorted({0, len(whole), *data.draw(st.lists(st.integers(0, len(whole)), max_size=20))})
    pieces = [whole[start:end] for start, end in pairwise(cuts)]
    head, read_body = asyncio.run(read(pieces))
    assert head == Head(status, [("content-type", "x/y"), ("set-cookie", "a=1")])
    assert read_body == body


def test_a_stream_that_breaks_off_says_why_after_what_it_said():
    async def said() -> bytes:
        stream = Stream(PRELUDE)
        await stream.feed(b"{}" + DELIMITER + b"begun")
        stream.end(Fault("Broke", "half-way"))
        stream.end()  # what ended once has ended
        _, first, rest = await opened(stream)
        with pytest.raises(StreamCut, match="half-way"):
            await anext(rest)
        return first

    assert asyncio.run(said()) == b"begun"


def test_a_stream_that_nobody_reads_takes_whatever_comes():
    async def feed() -> None:
        stream = Stream(PRELUDE)
        stream.abandon()
        for _ in range(1_000):
            await stream.feed(b"x")

    asyncio.run(asyncio.wait_for(feed(), 10))


@pytest.mark.parametrize(
    "told",
    [
        *(None, [], "text", 1, {}, {"statusCode": "many"}, {"statusCode": 99}, {"statusCode": None}),
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["1"]}},
        {"statusCode": 200, "headers": {"": "1"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "multiValueHeaders": {"a": "1"}},
        {"statusCode": 200, "headers": {"a b": "1"}},
        {"statusCode": 200, "headers": {"a": "1\r\nb: 2"}},
        {"statusCode": 200, "multiValueHeaders": {"a": ["\n"]}},
    ],
)
def test_what_is_no_proxy_answer_is_refused(told: Any):
    with pytest.raises(Malformed):
        proxy_answer(json.dumps(told).encode())


def test_what_is_not_json_is_refused():
    for read_answer in (proxy_answer, url_answer):
        with pytest.raises(Malformed):
            read_answer(b"\0")


@pytest.mark.parametrize("told", [None, [], "text", 1, {}, {"a": 1}, {"body": "x"}])
def test_what_has_no_status_is_a_body_behind_a_url(told: Any):
    payload = json.dumps(told).encode()
    assert url_answer(payload) == (Head(200, [("content-type", "application/json")]), payload)


@given(HEADERS, st.text(max_size=50))
def test_headers_and_body_come_through(headers: dict[str, str], body: str):
    for read_answer in (proxy_answer, url_answer):
        told = {"statusCode": 200, "headers": {**headers, "content-type": "t/p"}, "body": body}
        head, read_body = read_answer(json.dumps(told).encode())
        kept = {name: value for name, value in head.headers}
        expected = {**headers, "content-type": "t/p"}
        for ours in ("content-length", "transfer-encoding", "connection"):
            expected.pop(ours, None)
        assert kept == expected
        assert read_body == body.encode()


def test_base64_is_undone_where_it_is_asked_for():
    told = json.dumps({"statusCode": 200, "body": "_w==", "isBase64Encoded": True}).replace("_", "/").encode()
    assert proxy_answer(told)[1] == b"/w=="
    assert proxy_answer(told, decoding=True)[1] == url_answer(told)[1] == b"\xff"
    with pytest.raises(Malformed):
        url_answer(json.dumps({"statusCode": 200, "body": "a", "isBase64Encoded": True}).encode())
