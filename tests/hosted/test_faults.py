"""What clients see when functions fail, in the manner of each front."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.hosted.hosting import eventually

if TYPE_CHECKING:
    from tests.hosted.hosting import Toys

pytestmark = pytest.mark.anyio

FAILED = {"error": {"message": "Internal server error"}}


@pytest.mark.parametrize("act", ["raise", "exit", "kill", "nothing", "bare", "text", "large", "injected"])
async def test_a_buffered_function_that_fails_is_a_502(toys: Toys, act: str):
    answer = await toys.api.post(f"/plain/{act}")
    assert (answer.status_code, answer.json()) == (502, FAILED)
    assert (await toys.api.post("/plain/echo")).status_code == 200


@pytest.mark.parametrize("act", ["raise", "exit", "kill", "large", "injected"])
async def test_a_function_that_fails_behind_its_url_is_a_502(toys: Toys, act: str):
    answer = await toys.urls.post(f"/plain/{act}")
    assert (answer.status_code, answer.text) == (502, "Internal Server Error")
    assert (await toys.urls.post("/plain/echo")).status_code == 200


async def test_what_has_no_status_is_a_body_behind_a_url(toys: Toys):
    bodies = {"bare": {"told": "without a status"}, "text": "just text", "nothing": None}
    for act, body in bodies.items():
        answer = await toys.urls.post(f"/plain/{act}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json() == body


async def test_the_log_tells_how_a_call_ended(toys: Toys):
    await toys.api.post("/plain/exit")
    exited = await toys.report("PlainFunction", 1)
    assert "Error: Runtime.ExitError Runtime exited with error: exit status 3" in exited
    await toys.api.post("/plain/kill")
    assert "signal: SIGKILL" in await toys.report("PlainFunction", 2)
    await toys.api.post("/plain/echo")
    report = await toys.report("PlainFunction", 3)
    assert "Duration: " in report
    assert "Init Duration: " in report
    assert "Error" not in report


async def test_a_function_that_cannot_start_is_a_502(toys: Toys):
    answer = await toys.api.post("/broken/x")
    assert (answer.status_code, answer.json()) == (502, FAILED)
    assert "RuntimeError there is no way to begin" in await toys.report("BrokenFunction", 1)
    assert toys.pids("BrokenFunction") == []


async def test_a_function_that_starts_too_slowly_is_started_once_more_within_its_own_time(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("infra.host.functions.INIT_SECONDS", 0.5)
    assert (await toys.api.post("/sleepy/x")).text == "awake"
    assert toys.said("SleepyFunction") == ["starting", "starting"]
    assert len(toys.pids("SleepyFunction")) == 1


async def test_a_function_that_takes_too_long_is_ended_and_replaced(toys: Toys):
    first = (await toys.api.post("/hasty/echo")).json()
    assert 0 < first["remaining"] <= 1_000
    await toys.report("HastyFunction", 1)
    answer = await toys.api.post("/hasty/hang")
    assert (answer.status_code, answer.json()) == (502, FAILED)
    assert "Task timed out after 1.00 seconds" in await toys.report("HastyFunction", 2)
    assert (await toys.api.post("/hasty/echo")).json()["pid"] != first["pid"]
    assert (await toys.urls.post("/hasty/hang")).status_code == 502


async def test_api_gateway_waits_no_longer_than_it_was_told(toys: Toys):
    """The function goes on."""
    assert (await toys.api.post("/impatient/echo")).status_code in (200, 504)  # it may have to start first
    await toys.urls.post("/impatient/echo")
    answer = await toys.api.post("/impatient/wait", json={"seconds": 0.6})
    assert (answer.status_code, answer.json()) == (504, {"error": {"message": "Endpoint request timed out"}})
    assert answer.headers["x-amzn-errortype"]
    assert "Error" not in await toys.report("ImpatientFunction", 3)


async def test_a_delimiter_may_be_spread_over_chunks(toys: Toys):
    for client in (toys.api, toys.urls):
        answer = await client.post("/odd/straddle")
        assert (answer.status_code, answer.text) == (200, "one two")
        assert answer.headers["content-type"] == "text/plain"
        assert answer.headers["set-cookie"] == "a=1"


@pytest.mark.parametrize("act", ["no-delimiter", "bad-prelude", "early-trailers", "error", "exit"])
async def test_a_stream_that_never_begins_is_a_502(toys: Toys, act: str):
    assert (await toys.api.post(f"/odd/{act}")).status_code == 502
    assert (await toys.urls.post(f"/odd/{act}")).status_code == 502
    assert (await toys.api.post("/odd/echo")).status_code == 200


@pytest.mark.parametrize("path", ["/odd/trailers", "/odd/long-trailers", "/odd/die", "/hasty-odd/hang"])
async def test_a_stream_that_breaks_off_cuts_the_connection(toys: Toys, path: str):
    for client in (toys.api, toys.urls):
        async with client.stream("POST", path) as answer:
            assert answer.status_code == 200
            pieces = answer.aiter_raw()
            assert await anext(pieces) == b"begun"
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(pieces)
    assert (await toys.api.post("/odd/echo")).status_code == 200


async def test_an_instance_lives_on_after_trailers_and_not_after_long_ones(toys: Toys):
    pid = (await toys.api.post("/odd/echo")).json()["pid"]
    with pytest.raises(httpx.RemoteProtocolError):
        await toys.api.post("/odd/trailers")
    assert (await toys.api.post("/odd/echo")).json()["pid"] == pid
    assert "trailers: 202" in toys.said("OddFunction")
    with pytest.raises(httpx.RemoteProtocolError):
        await toys.api.post("/odd/long-trailers")
    assert await eventually(lambda: "refused: 403" in toys.said("OddFunction"))
    assert (await toys.api.post("/odd/echo")).json()["pid"] != pid


async def test_an_answer_in_one_piece_is_none_where_api_gateway_streams(toys: Toys):
    assert (await toys.api.post("/odd/payload")).status_code == 502
    assert (await toys.api.post("/odd/raw")).status_code == 502


async def test_a_stream_is_no_answer_where_api_gateway_does_not(toys: Toys):
    assert (await toys.api.post("/whole/echo")).status_code == 502
    assert (await toys.api.post("/whole/many")).status_code == 502
    assert (await toys.api.post("/whole/payload")).text == "in one piece"


async def test_a_url_that_streams_passes_on_what_has_no_prelude(toys: Toys):
    whole, raw = await toys.urls.post("/odd/payload"), await toys.urls.post("/odd/raw")
    assert (whole.status_code, whole.json()["body"]) == (200, "in one piece")
    assert (raw.status_code, raw.text) == (200, "bytes alone")
    assert whole.headers["content-type"] == raw.headers["content-type"] == "application/octet-stream"


async def test_the_runtime_api_refuses_what_lambda_refuses(toys: Toys):
    for act in ("bad-mode", "bad-id", "early", "twice"):
        assert (await toys.api.post(f"/odd/{act}")).status_code == 200
    assert await eventually(lambda: any("second answer" in line for line in toys.said("OddFunction")))
    refusals = {"mode: 400", "id: 400", "next: 403", "second answer: 400"}
    assert refusals <= set(toys.said("OddFunction"))


async def test_a_client_that_leaves_does_not_stop_the_function(toys: Toys):
    """It says far more than anybody's buffers hold, and nobody reads."""
    for client in (toys.api, toys.urls):
        async with client.stream("POST", "/odd/many") as answer:
            assert answer.status_code == 200
        said = toys.said("OddFunction").count("many: 202")
        assert await eventually(lambda said=said: toys.said("OddFunction").count("many: 202") == said + 1)
    assert len(toys.pids("OddFunction")) <= 2


async def test_a_client_that_leaves_before_the_answer_does_not_stop_the_function(toys: Toys):
    with pytest.raises(httpx.ReadTimeout):
        await toys.api.post("/plain/wait", json={"seconds": 0.5}, timeout=0.2)
    assert "Error" not in await toys.report("PlainFunction", 1)


async def test_a_slow_reader_keeps_the_function_waiting(toys: Toys):
    """Otherwise the host would hold all that it says."""
    async with toys.api.stream("POST", "/odd/many") as answer:
        pieces = answer.aiter_raw()
        await anext(pieces)
        await asyncio.sleep(0.3)  # long enough to say it all, if somebody took it
        assert "many: said all" not in toys.said("OddFunction")
        size = 0
        async for piece in pieces:
            size += len(piece)
    assert await eventually(lambda: "many: 202" in toys.said("OddFunction"))
    assert size > 20_000_000
