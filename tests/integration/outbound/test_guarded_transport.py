"""Clients made with httpx2 call nobody that the guard does not, and read no more than they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore2
import httpx2
import pytest

from lambda_responses.outbound.client import Outbound
from lambda_responses.outbound.faults import Interrupted, OutboundFault, Refused, TooLarge, Unreachable
from lambda_responses.outbound.guarded_transport import GuardedTransport
from lambda_responses.outbound.policy import OutboundPolicy
from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE
from tests.integration.outbound.internet import PUBLIC, PUBLIC_V6

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.outbound.internet import Internet, Visit

pytestmark = pytest.mark.anyio

OPEN = OutboundPolicy(["tools.example.com", "10.0.0.7:8080"])


@pytest.fixture(autouse=True)
def sockets(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", internet.connect(httpcore2))


@pytest.fixture
async def client(internet: Internet) -> AsyncIterator[httpx2.AsyncClient]:
    async with made(internet, OPEN) as client:
        yield client


def made(internet: Internet, policy: OutboundPolicy) -> httpx2.AsyncClient:
    outbound = Outbound(policy, resolver=internet.resolve)
    return httpx2.AsyncClient(transport=GuardedTransport(outbound, largest=1_000), trust_env=False)


async def welcome(visit: Visit) -> None:
    await visit.answer(b"secret")


@pytest.mark.parametrize("url", [*LOOPBACK, *PRIVATE, *PORTS])
async def test_a_closed_address_is_neither_looked_up_nor_called(url: str, internet: Internet) -> None:
    internet.names = {"files.example.com": [[PUBLIC]]}
    async with made(internet, OutboundPolicy()) as client:
        with pytest.raises((Refused, httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
            await client.get(url.format(port=80))
    assert (internet.lookups, internet.calls) == ([], [])


@pytest.mark.parametrize("addresses", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["64:ff9b::7f00:1"], ["fe80::1"]])
async def test_a_name_is_as_closed_as_the_worst_of_its_addresses(
    addresses: list[str], internet: Internet
) -> None:
    internet.names = {"other.example.com": [addresses]}
    async with made(internet, OutboundPolicy()) as client:
        with pytest.raises(Refused):
            await client.get("https://other.example.com/")
    assert (internet.lookups, internet.calls) == (["other.example.com"], [])


async def test_nothing_is_sent_without_tls_to_what_nobody_opened(
    internet: Internet, client: httpx2.AsyncClient
) -> None:
    internet.names = {"other.example.com": [[PUBLIC]], "tools.example.com": [[PUBLIC]]}
    async with internet.server(welcome, PUBLIC):
        with pytest.raises(Refused):
            await client.post("http://other.example.com/")
        assert (await client.post("http://tools.example.com/")).content == b"secret"
    assert (internet.lookups, internet.calls) == (["tools.example.com"], [(PUBLIC, 80)])


async def test_an_operators_own_address_is_open_to_one_caller(internet: Internet) -> None:
    internet.names = {"tools.corp": [["10.0.0.9"]]}
    async with internet.server(welcome, "10.0.0.9"):
        outbound = Outbound(resolver=internet.resolve).opening("http://tools.corp:9000/mcp")
        async with httpx2.AsyncClient(transport=GuardedTransport(outbound, largest=9)) as client:
            assert (await client.get("http://tools.corp:9000/other")).content == b"secret"
            for closed in ("http://tools.corp:9001/", "http://10.0.0.9:9000/", "http://other.corp:9000/"):
                with pytest.raises(Refused):
                    await client.get(closed)
    assert internet.calls == [("10.0.0.9", 9000)]


async def test_a_redirect_is_judged_as_any_request(internet: Internet, client: httpx2.AsyncClient) -> None:
    async def onward(visit: Visit) -> None:
        await visit.answer(status=307, location="http://127.0.0.1:9001/runtime")

    internet.names = {"tools.example.com": [[PUBLIC]]}
    async with internet.server(onward, PUBLIC, "127.0.0.1"):
        with pytest.raises(Refused):
            await client.post("http://tools.example.com/", follow_redirects=True)
    assert internet.calls == [(PUBLIC, 80)]


async def test_an_address_that_does_not_answer_gives_way_to_the_next(
    internet: Internet, client: httpx2.AsyncClient
) -> None:
    internet.names = {"tools.example.com": [[PUBLIC_V6, PUBLIC]]}
    async with internet.server(welcome, PUBLIC):
        assert (await client.get("http://tools.example.com/")).content == b"secret"
    assert internet.calls == [(PUBLIC_V6, 80), (PUBLIC, 80)]


@pytest.mark.parametrize("addresses", [[], [PUBLIC]])
async def test_a_name_where_nobody_is_cannot_be_reached(
    addresses: list[str], internet: Internet, client: httpx2.AsyncClient
) -> None:
    internet.names = {"tools.example.com": [addresses]} if addresses else {}
    with pytest.raises(Unreachable) as caught:
        await client.get("http://tools.example.com/")
    assert not isinstance(caught.value, Interrupted)


async def test_a_connection_that_breaks_off_is_told_from_none(
    internet: Internet, client: httpx2.AsyncClient
) -> None:
    async def leave(visit: Visit) -> None:
        pass

    internet.names = {"tools.example.com": [[PUBLIC]]}
    async with internet.server(leave, PUBLIC):
        with pytest.raises(Interrupted):
            await client.post("http://tools.example.com/")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_is_bounded(method: str, internet: Internet, client: httpx2.AsyncClient) -> None:
    async def babble(visit: Visit) -> None:
        await visit.answer(b"x" * 1_001)

    internet.names = {"tools.example.com": [[PUBLIC]]}
    async with internet.server(babble, PUBLIC):
        with pytest.raises(TooLarge):
            await client.request(method, "http://tools.example.com/")


async def test_a_stream_of_events_goes_on_for_as_long_as_it_is_read(
    internet: Internet, client: httpx2.AsyncClient
) -> None:
    async def stream(visit: Visit) -> None:
        await visit.answer(b"data: x\n\n" * 500, content_type="text/event-stream")

    internet.names = {"tools.example.com": [[PUBLIC]]}
    async with internet.server(stream, PUBLIC):
        assert len((await client.get("http://tools.example.com/")).content) == 4_500
        with pytest.raises(TooLarge):
            await client.post("http://tools.example.com/")


async def test_what_is_packed_unasked_is_not_unfolded(internet: Internet, client: httpx2.AsyncClient) -> None:
    async def pack(visit: Visit) -> None:
        await visit.answer(b"\x1f\x8b", content_encoding="gzip")

    internet.names = {"tools.example.com": [[PUBLIC]]}
    async with internet.server(pack, PUBLIC):
        with pytest.raises(OutboundFault):
            await client.get("http://tools.example.com/")
