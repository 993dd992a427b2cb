"""Nobody has this server call an address that is not on the internet, however the address is written."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import httpcore
import pytest

from lambda_responses.outbound import policy as policy_room
from lambda_responses.outbound.client import Outbound
from lambda_responses.outbound.faults import OutboundFault, Refused, Unreachable, Unsuccessful
from lambda_responses.outbound.guarded import GuardedBackend
from lambda_responses.outbound.policy import OutboundPolicy
from lambda_responses.outbound.resolving import resolve
from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE, SCHEMES
from tests.integration.outbound.internet import PUBLIC, PUBLIC_V6

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.outbound.internet import Internet, Visit

pytestmark = pytest.mark.anyio

NAMES = {
    "loopback": ["127.0.0.1"],
    "loopback-v6": ["::1"],
    "mapped": ["::ffff:127.0.0.1"],
    "translated": ["64:ff9b::7f00:1"],
    "metadata": ["169.254.169.254"],
    "private": ["10.0.0.1"],
    "public-then-private": [PUBLIC, "10.0.0.1"],
    "private-then-public": ["192.168.0.1", PUBLIC],
    "public-and-loopback-v6": [PUBLIC, PUBLIC_V6, "::1"],
    "link-local": ["fe80::1%2"],
    "nonsense": ["not an address"],
}
"""What a name may resolve to."""


async def welcome(visit: Visit) -> None:
    await visit.answer(b"secret")


class Listener:
    """A server on loopback, whose port the guard takes for a usual one: only its address can be wrong."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0

    def accept(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
        writer.close()


@pytest.fixture
async def listener(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = Listener(taken.getsockname()[1])
        server = await asyncio.start_server(listener.accept, sock=taken)
        monkeypatch.setattr(policy_room, "USUAL_PORTS", frozenset((80, 443, listener.port)))
        async with server:
            yield listener


async def test_the_listener_is_there_for_whoever_is_allowed(listener: Listener) -> None:
    outbound = Outbound(OutboundPolicy([f"localhost:{listener.port}"]))
    fetched = await outbound.fetch(f"http://localhost:{listener.port}/")
    assert (fetched.data, listener.connections) == (b"secret", 1)


@pytest.mark.parametrize("url", LOOPBACK)
async def test_no_way_of_writing_loopback_reaches_it(url: str, listener: Listener) -> None:
    with pytest.raises(Refused):
        await Outbound().fetch(url.format(port=listener.port))
    assert listener.connections == 0


@pytest.mark.parametrize("url", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0177.1", "0"])
async def test_a_host_that_was_not_looked_at_before_is_looked_at_when_it_is_called(
    url: str, listener: Listener
) -> None:
    """The socket's guard stands on its own: it needs nobody to have judged the URL."""
    backend = GuardedBackend(OutboundPolicy(), resolve)
    with pytest.raises(Refused):
        await backend.connect_tcp(url, listener.port)
    assert listener.connections == 0


async def test_a_file_is_nowhere_on_the_internet() -> None:
    with pytest.raises(Refused):
        await GuardedBackend(OutboundPolicy(), resolve).connect_unix_socket("/var/run/docker.sock")


@pytest.mark.parametrize("url", [*PRIVATE, *PORTS, *SCHEMES])
async def test_a_closed_address_is_neither_looked_up_nor_called(url: str, internet: Internet) -> None:
    internet.names = {"files.example.com": [[PUBLIC]]}
    with pytest.raises(Refused):
        await Outbound(resolver=internet.resolve).fetch(url)
    assert (internet.lookups, internet.calls) == ([], [])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", NAMES)
async def test_a_name_is_as_closed_as_the_worst_of_its_addresses(
    name: str, scheme: str, internet: Internet
) -> None:
    internet.names = {f"{name}.example.com": [NAMES[name]]}
    async with internet.server(welcome, PUBLIC, PUBLIC_V6, "127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"):
        with pytest.raises(Refused):
            await Outbound(resolver=internet.resolve).fetch(f"{scheme}://{name}.example.com/")
    assert internet.lookups == [f"{name}.example.com"]
    assert (internet.calls, internet.visits) == ([], [])


async def test_a_name_that_is_bound_anew_after_it_was_vetted_changes_nothing(internet: Internet) -> None:
    internet.names = {"rebound.example.com": [[PUBLIC], ["127.0.0.1"]]}
    async with internet.server(welcome, PUBLIC, "127.0.0.1"):
        fetched = await Outbound(resolver=internet.resolve).fetch("http://rebound.example.com/")
    assert fetched.data == b"secret"
    assert internet.lookups == ["rebound.example.com"]
    assert internet.calls == [(PUBLIC, 80)]


async def test_a_name_that_is_bound_anew_between_two_requests_is_closed(internet: Internet) -> None:
    internet.names = {"rebound.example.com": [[PUBLIC], ["127.0.0.1"]]}
    outbound = Outbound(resolver=internet.resolve)
    async with internet.server(welcome, PUBLIC, "127.0.0.1"):
        await outbound.fetch("http://rebound.example.com/")
        with pytest.raises(Refused):
            await outbound.fetch("http://rebound.example.com/")
    assert internet.calls == [(PUBLIC, 80)]


async def test_a_name_that_is_bound_anew_between_two_redirects_is_closed(internet: Internet) -> None:
    async def onward(visit: Visit) -> None:
        await visit.answer(status=302, location="/again")

    internet.names = {"rebound.example.com": [[PUBLIC], ["10.0.0.1"]]}
    async with internet.server(onward, PUBLIC, "10.0.0.1"):
        with pytest.raises(Refused):
            await Outbound(resolver=internet.resolve).fetch("http://rebound.example.com/")
    assert internet.calls == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "//10.0.0.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://localhost/",
        "http://files.example.com:22/",
        "http://user:password@files.example.com/",
        "http://other.example.com/",
        "http://10.0.0.1\\@files.example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://[::1",
    ],
)
async def test_a_redirect_elsewhere_is_not_followed(location: str, internet: Internet) -> None:
    async def onward(visit: Visit) -> None:
        await visit.answer(status=302, location=location)

    internet.names = {"files.example.com": [[PUBLIC]], "other.example.com": [[PUBLIC]]}
    async with internet.server(onward, PUBLIC, "127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"):
        with pytest.raises(Unsuccessful) as caught:
            await Outbound(resolver=internet.resolve).fetch("http://files.example.com/a")
    assert caught.value.status == 302
    assert internet.calls == [(PUBLIC, 80)]
    assert len(internet.visits) == 1


async def test_an_address_that_does_not_answer_gives_way_to_the_next(internet: Internet) -> None:
    internet.names = {"files.example.com": [[PUBLIC_V6, PUBLIC]]}
    async with internet.server(welcome, PUBLIC):
        assert (
            await Outbound(resolver=internet.resolve).fetch("http://files.example.com/")
        ).data == b"secret"
    assert internet.calls == [(PUBLIC_V6, 80), (PUBLIC, 80)]


@pytest.mark.parametrize("addresses", [[], [PUBLIC]])
async def test_a_name_where_nobody_is_cannot_be_reached(addresses: list[str], internet: Internet) -> None:
    internet.names = {"files.example.com": [addresses]} if addresses else {}
    with pytest.raises(Unreachable):
        await Outbound(resolver=internet.resolve).fetch("http://files.example.com/")


async def test_a_resolver_that_says_nothing_is_no_way_round(internet: Internet) -> None:
    async def silent(host: str, port: int) -> list[str]:
        return []

    with pytest.raises(Unreachable):
        await Outbound(resolver=silent).fetch("http://files.example.com/")
    assert internet.calls == []


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://10.0.0.1:22/", "http://nobody.internal/"])
async def test_a_refusal_says_nothing_of_what_is_there(url: str) -> None:
    with pytest.raises(OutboundFault) as caught:
        await Outbound().fetch(url)
    assert str(caught.value) == ""


async def test_the_operating_system_is_asked_for_names() -> None:
    assert set(await resolve("localhost", 80)) <= {"127.0.0.1", "::1"}


async def test_connections_are_made_with_httpcores_own_sockets(internet: Internet) -> None:
    """What these tests record is what really opens sockets."""
    with pytest.raises(httpcore.ConnectError):
        await httpcore.AnyIOBackend().connect_tcp(PUBLIC, 80)
    assert internet.calls == [(PUBLIC, 80)]
