"""A file is fetched within bounds of time and bytes, and nothing of ours goes out with the request."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from lambda_responses.outbound.client import MOST_REDIRECTS, Outbound
from lambda_responses.outbound.faults import Refused, TooLarge, TooSlow, Unreachable, Unsuccessful
from tests.integration.outbound.authority import contexts
from tests.integration.outbound.internet import PUBLIC

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.outbound.internet import Behaviour, Internet, Visit

pytestmark = pytest.mark.anyio

URL = "http://files.example.com/cat.png"
PNG = b"\x89PNG\r\n\x1a\n and more"
LIMIT = 1_000
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
def outbound(internet: Internet) -> Outbound:
    internet.names = {"files.example.com": [[PUBLIC]]}
    return Outbound(resolver=internet.resolve, largest=LIMIT, seconds=20)


def says(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    """A server that always answers the same."""

    async def behave(visit: Visit) -> None:
        await visit.answer(body, status, **headers)

    return behave


async def test_a_file_comes_with_its_type_and_name(outbound: Outbound, internet: Internet) -> None:
    async with internet.server(says(PNG, content_type="text/html; charset=utf-8"), PUBLIC):
        fetched = await outbound.fetch("http://files.example.com/a/my%20cat?size=1#top")
    assert (fetched.media_type, fetched.data, fetched.name) == ("image/png", PNG, "my cat.png")
    assert internet.visits[0].line == "GET /a/my%20cat?size=1 HTTP/1.1"


async def test_nothing_of_ours_goes_out(
    outbound: Outbound, internet: Internet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine files.example.com login me password secret\n")
    for name, value in {
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "HTTP_PROXY": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)

    async def cookie(visit: Visit) -> None:
        if visit.line.startswith("GET /first"):
            await visit.answer(status=302, location="/second", set_cookie="a=b; Path=/")
        else:
            await visit.answer(PNG)

    async with internet.server(cookie, PUBLIC):
        await outbound.fetch("http://files.example.com/first")
    assert internet.calls == [(PUBLIC, 80), (PUBLIC, 80)]
    for visit in internet.visits:
        assert visit.headers == {
            "host": "files.example.com",
            "user-agent": "lambda-responses",
            "accept": "*/*",
            "accept-encoding": "identity",
        }


async def test_redirects_within_an_origin_are_followed_so_far(outbound: Outbound, internet: Internet) -> None:
    async def onward(visit: Visit) -> None:
        step = int(visit.line.split(" ")[1].removeprefix("/"))
        if step == 0:
            await visit.answer(PNG)
        else:
            await visit.answer(status=307, location=f"{step - 1}")

    async with internet.server(onward, PUBLIC):
        assert (await outbound.fetch(f"http://files.example.com/{MOST_REDIRECTS}")).data == PNG
        with pytest.raises(Unsuccessful):
            await outbound.fetch(f"http://files.example.com/{MOST_REDIRECTS + 1}")
    assert len(internet.visits) == 2 * (MOST_REDIRECTS + 1)


async def test_a_server_may_send_its_visitors_to_its_own_tls(internet: Internet, tmp_path: Path) -> None:
    internet.names = {"files.example.com": [[PUBLIC]]}
    server, client = contexts("files.example.com", tmp_path)
    outbound = Outbound(resolver=internet.resolve, tls=client)

    async def to_tls(visit: Visit) -> None:
        async with internet.server(says(PNG), PUBLIC, tls=server):
            await visit.answer(status=301, location="https://files.example.com/cat.png")
            await visit.gone()

    async with internet.server(to_tls, PUBLIC):
        fetching = asyncio.create_task(outbound.fetch(URL))
        assert (await fetching).data == PNG
    assert internet.calls == [(PUBLIC, 80), (PUBLIC, 443)]


async def test_a_certificate_is_checked_by_name_though_the_call_goes_to_an_address(
    internet: Internet, tmp_path: Path
) -> None:
    internet.names = {"files.example.com": [[PUBLIC]], "other.example.com": [[PUBLIC]]}
    server, client = contexts("files.example.com", tmp_path)
    outbound = Outbound(resolver=internet.resolve, tls=client)
    async with internet.server(says(PNG), PUBLIC, tls=server):
        assert (await outbound.fetch("https://files.example.com/")).data == PNG
        with pytest.raises(Unreachable):
            await outbound.fetch("https://other.example.com/")
        with pytest.raises(Unreachable):
            await Outbound(resolver=internet.resolve).fetch("https://files.example.com/")
    assert len(internet.visits) == 1


@pytest.mark.parametrize("status", [201, 204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])
async def test_only_a_whole_file_is_one(status: int, outbound: Outbound, internet: Internet) -> None:
    async with internet.server(says(b"", status), PUBLIC):
        with pytest.raises(Unsuccessful) as caught:
            await outbound.fetch(URL)
    assert caught.value.status == status


async def test_a_file_as_large_as_allowed_is_fetched(outbound: Outbound, internet: Internet) -> None:
    async with internet.server(says(b"x" * LIMIT), PUBLIC):
        assert len((await outbound.fetch(URL)).data) == LIMIT


@pytest.mark.parametrize("largest", [0, LIMIT - 1, LIMIT, 10 * LIMIT])
async def test_a_larger_file_is_not_fetched_whatever_is_asked_for(
    largest: int, outbound: Outbound, internet: Internet
) -> None:
    async with internet.server(says(b"x" * (min(largest, LIMIT) + 1)), PUBLIC):
        with pytest.raises(TooLarge):
            await outbound.fetch(URL, largest=largest)


async def test_a_file_that_says_it_is_too_large_is_not_read(outbound: Outbound, internet: Internet) -> None:
    async def boast(visit: Visit) -> None:
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n")
        await visit.gone()

    async with internet.server(boast, PUBLIC):
        with pytest.raises(TooLarge):
            await outbound.fetch(URL)


async def test_a_file_without_end_is_read_no_further_than_allowed(
    outbound: Outbound, internet: Internet
) -> None:
    async def gush(visit: Visit) -> None:
        await visit.write(CHUNKED)
        while True:
            await visit.write(b"64\r\n" + b"x" * 100 + b"\r\n")
            await asyncio.sleep(0)

    async with internet.server(gush, PUBLIC):
        with pytest.raises(TooLarge):
            await outbound.fetch(URL)


@pytest.mark.parametrize(
    ("packing", "pack"), [("gzip", gzip.compress), ("X-GZip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_a_file_that_was_packed_unasked_is_unpacked(
    packing: str, pack: type[bytes], outbound: Outbound, internet: Internet
) -> None:
    async with internet.server(says(pack(PNG), content_encoding=packing), PUBLIC):
        assert (await outbound.fetch(URL)).data == PNG


async def test_a_file_that_unfolds_beyond_bounds_is_not_unfolded(
    outbound: Outbound, internet: Internet
) -> None:
    bomb = gzip.compress(b"0" * 500_000)
    assert len(bomb) < LIMIT
    async with internet.server(says(bomb, content_encoding="gzip"), PUBLIC):
        with pytest.raises(TooLarge):
            await outbound.fetch(URL)


@pytest.mark.parametrize("packing", ["br", "zstd", "gzip, gzip"])
async def test_other_packings_are_not_read(packing: str, outbound: Outbound, internet: Internet) -> None:
    async with internet.server(says(gzip.compress(PNG), content_encoding=packing), PUBLIC):
        with pytest.raises(Unreachable):
            await outbound.fetch(URL)


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(PNG)[:-9], b""], ids=["none", "cut", "empty"])
async def test_a_broken_packing_is_no_file(data: bytes, outbound: Outbound, internet: Internet) -> None:
    async with internet.server(says(data, content_encoding="gzip"), PUBLIC):
        with pytest.raises(Unreachable):
            await outbound.fetch(URL)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        CHUNKED + b"3\r\nabc\r\n",
    ],
)
async def test_a_server_that_says_no_more_is_too_slow(begun: bytes, internet: Internet) -> None:
    async def stall(visit: Visit) -> None:
        await visit.write(begun)
        await visit.gone()

    internet.names = {"files.example.com": [[PUBLIC]]}
    async with internet.server(stall, PUBLIC):
        with pytest.raises(TooSlow):
            await Outbound(resolver=internet.resolve, seconds=0.05).fetch(URL)


async def test_a_server_that_drips_is_too_slow(internet: Internet) -> None:
    async def drip(visit: Visit) -> None:
        await visit.write(CHUNKED)
        while True:
            await visit.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.005)  # The pace of the drip: time is what is tested.

    internet.names = {"files.example.com": [[PUBLIC]]}
    async with internet.server(drip, PUBLIC):
        with pytest.raises(TooSlow):
            await Outbound(resolver=internet.resolve, seconds=0.05).fetch(URL)


async def test_a_name_that_takes_for_ever_is_too_slow(internet: Internet) -> None:
    async def think(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return [PUBLIC]

    with pytest.raises(TooSlow):
        await Outbound(resolver=think, seconds=0.05).fetch(URL)
    assert internet.calls == []


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nabc",
        CHUNKED + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_proper_answer_is_none(
    garbage: bytes, outbound: Outbound, internet: Internet
) -> None:
    async def babble(visit: Visit) -> None:
        await visit.write(garbage)

    async with internet.server(babble, PUBLIC):
        with pytest.raises(Unreachable):
            await outbound.fetch(URL)


async def test_a_request_says_what_it_is_given_and_tells_every_status(
    outbound: Outbound, internet: Internet
) -> None:
    async with internet.server(says(b"gone", 410, x_reason="over"), PUBLIC):
        answer = await outbound.request(
            "POST",
            "http://files.example.com/hook",
            headers={"Content-Type": "application/json", "Host": "127.0.0.1", "User-Agent": "me"},
            body=b"{}",
        )
    visit = internet.visits[0]
    assert (answer.status, answer.headers["x-reason"], answer.data) == (410, "over", b"gone")
    assert (visit.line, visit.body) == ("POST /hook HTTP/1.1", b"{}")
    assert visit.headers["content-type"] == "application/json"
    assert (visit.headers["host"], visit.headers["user-agent"]) == ("files.example.com", "lambda-responses")


async def test_a_request_follows_no_redirect(outbound: Outbound, internet: Internet) -> None:
    async with internet.server(says(b"", 302, location="/again"), PUBLIC):
        answer = await outbound.request("GET", URL)
    assert (answer.status, answer.headers["location"], len(internet.visits)) == (302, "/again", 1)


async def test_a_request_is_guarded_and_bounded(internet: Internet) -> None:
    outbound = Outbound(resolver=internet.resolve)
    with pytest.raises(Refused):
        await outbound.request("POST", "http://127.0.0.1/", body=b"{}")
    internet.names = {"files.example.com": [[PUBLIC]]}
    async with internet.server(says(b"x" * 11), PUBLIC):
        with pytest.raises(TooLarge):
            await outbound.request("GET", URL, largest=10)
