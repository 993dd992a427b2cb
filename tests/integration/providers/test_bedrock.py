"""Bedrock over a socket: what is signed is what is sent, and frames become chunks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.providers.base import (
    UpstreamCutShort,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreadable,
)
from lambda_responses.providers.connections import Connections
from lambda_responses.providers.retries import Retries
from lambda_responses.providers.routing import ProviderRouter
from lambda_responses.transformers.base import Rendered
from tests.fakes.formats.aws_frames import event, exception
from tests.integration.providers.loopback import STREAM, Call, Loopback, loopback
from tests.unit.providers.test_aws import GIVEN, recomputed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from lambda_responses.providers.base import Target

pytestmark = pytest.mark.anyio

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PATH = "model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
ASKED = Rendered(PATH, {"messages": [{"role": "user", "content": [{"text": "é"}]}]})
START = event("messageStart", {"role": "assistant"})
DELTA = event("contentBlockDelta", {"delta": {"text": "Hello"}, "contentBlockIndex": 0})
READ = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}},
]


@asynccontextmanager
async def bedrock(
    behave: Callable[[Call], Awaitable[None]], model: str = MODEL, **environment: str
) -> AsyncIterator[tuple[Target, Loopback]]:
    connections = Connections(through_proxies=False)
    async with loopback(behave) as upstream:
        root = upstream.base_url.removesuffix("/v1")
        router = ProviderRouter(
            {"AWS_REGION": "us-east-1", "BEDROCK_BASE_URL": root, **environment},
            connections=connections,
            retries=Retries(first_delay=0.0),
        )
        yield router.resolve(f"bedrock/{model}")[0], upstream
        await router.aclose()


async def read(target: Target, rendered: Rendered = ASKED) -> tuple[list[Any], UpstreamError | None]:
    chunks: list[Any] = []
    try:
        async with target.provider.open(rendered) as answer:
            async for batch in answer:
                chunks += batch
    except UpstreamError as fault:
        return chunks, fault
    return chunks, None


async def test_frames_are_chunks_as_many_as_came_together():
    async def behave(call: Call) -> None:
        await call.frames(START + DELTA)

    async with bedrock(behave, **GIVEN) as (target, _), target.provider.open(ASKED) as answer:
        assert not answer.plain
        assert [batch async for batch in answer] == [READ]


async def test_what_is_signed_is_what_is_sent():
    async def behave(call: Call) -> None:
        await call.frames(START)

    async with bedrock(behave, **GIVEN) as (target, upstream):
        assert (await read(target))[1] is None
    [request] = upstream.requests
    url = f"http://{request.headers['host']}{request.path}"
    assert request.path == f"/{PATH}"
    assert request.headers["authorization"] == recomputed(request.headers, "bedrock", url, request.raw)
    assert request.headers["accept"].startswith("application/vnd.amazon.eventstream")


async def test_mantle_is_signed_for_its_own_service():
    async def behave(call: Call) -> None:
        await call.stream(b'data: {"type": "response.created"}\n\n')

    async with bedrock(behave, "openai.gpt-5.5", **GIVEN) as (target, upstream):
        chunks, fault = await read(target, Rendered("responses", {"model": target.model}))
    assert (chunks, fault, target.native) == ([{"type": "response.created"}], None, True)
    [request] = upstream.requests
    url = f"http://{request.headers['host']}/openai/v1/responses"
    authorization = recomputed(request.headers, "bedrock-mantle", url, request.raw)
    assert request.headers["authorization"] == authorization


async def test_every_attempt_is_signed_anew():
    async def behave(call: Call) -> None:
        if call.number == 1:
            await call.answer(503, b'{"message": "busy"}')
        else:
            await call.frames(START)

    async with bedrock(behave, **GIVEN) as (target, upstream):
        assert (await read(target))[1] is None
    for request in upstream.requests:
        url = f"http://{request.headers['host']}{request.path}"
        assert request.headers["authorization"] == recomputed(request.headers, "bedrock", url, request.raw)
    assert len(upstream.requests) == 2


async def test_a_bearer_is_enough():
    async def behave(call: Call) -> None:
        await call.frames(START)

    async with bedrock(behave, AWS_BEARER_TOKEN_BEDROCK="the-key") as (target, upstream):
        assert (await read(target))[1] is None
    assert upstream.requests[0].headers["authorization"] == "Bearer the-key"
    assert "x-amz-date" not in upstream.requests[0].headers


async def test_an_exception_in_the_first_frame_is_a_chunk_like_others():
    async def behave(call: Call) -> None:
        await call.frames(exception("throttlingException", {"message": "slow down"}))

    async with bedrock(behave, **GIVEN) as (target, _):
        chunks, fault = await read(target)
    assert (chunks, fault) == ([{"throttlingException": {"message": "slow down"}}], None)


async def test_half_a_frame_at_the_end_was_cut():
    async def behave(call: Call) -> None:
        await call.frames(START, DELTA[:-1])

    async with bedrock(behave, **GIVEN) as (target, _):
        chunks, fault = await read(target)
    assert chunks == READ[:1]
    assert type(fault) is UpstreamCutShort


async def test_a_connection_that_breaks_between_frames_was_cut():
    async def behave(call: Call) -> None:
        head = STREAM.replace(b"text/event-stream", b"application/vnd.amazon.eventstream")
        await call.write(head + b"%x\r\n%b\r\n" % (len(START), START))
        call.cut()

    async with bedrock(behave, **GIVEN) as (target, _):
        chunks, fault = await read(target)
    assert chunks in ([], READ[:1])
    assert type(fault) is UpstreamCutShort


async def test_a_damaged_frame_is_unreadable():
    async def behave(call: Call) -> None:
        await call.frames(START + DELTA[:-1] + b"\0")

    async with bedrock(behave, **GIVEN) as (target, _):
        chunks, fault = await read(target)
    assert chunks == READ[:1]
    assert type(fault) is UpstreamUnreadable


async def test_no_fault_tells_of_a_signature():
    async def behave(call: Call) -> None:
        echo = f"{call.request.headers['authorization']} {call.request.headers['x-amz-security-token']}"
        await call.answer(403, f'{{"message": "The canonical request was {echo}"}}'.encode())

    async with bedrock(behave, **GIVEN) as (target, _):
        _, fault = await read(target)
    assert isinstance(fault, UpstreamRefused)
    assert fault.failure.status == 403
    told = f"{fault}{fault.failure}"
    assert "the-session-token" not in told
    assert "AKIDEXAMPLE" not in told
    assert "Signature=" not in told
