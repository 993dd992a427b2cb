"""Instances of functions: processes of their own, stopped between calls, reused, and gone with the host."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.hosted.hosting import Hosted, eventually, hosted_toys, processes, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hosted.hosting import Toys

pytestmark = pytest.mark.anyio


async def act(toys: Toys, path: str, **body: Any) -> dict[str, Any]:
    answer = await toys.api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_instance_is_reused_and_stopped_between_calls(toys: Toys):
    first = await act(toys, "/plain/echo")
    [pid] = toys.pids("PlainFunction")
    assert await eventually(lambda: state(pid).startswith("T"))
    second = await act(toys, "/plain/echo")
    assert first["pid"] == second["pid"] == pid != os.getpid()
    assert (first["calls"], second["calls"]) == (1, 2)
    assert await eventually(lambda: state(pid).startswith("T"))


async def test_a_streaming_instance_is_stopped_between_calls(toys: Toys):
    pid = (await act(toys, "/odd/echo"))["pid"]
    assert await eventually(lambda: state(pid).startswith("T"))
    assert (await act(toys, "/odd/echo"))["pid"] == pid


async def test_an_instance_runs_until_it_asks_for_more(toys: Toys):
    answer = await toys.api.post("/odd/linger")
    assert answer.text == "said"
    assert "linger: done" not in toys.said("OddFunction")
    assert await eventually(lambda: "linger: done" in toys.said("OddFunction"))
    assert await eventually(lambda: state(toys.pids("OddFunction")[0]).startswith("T"))


@pytest.mark.parametrize("path", ["/plain/echo", "/odd/echo"])
async def test_one_call_after_the_other_takes_one_instance(toys: Toys, path: str):
    """However soon the next call comes: an instance that has answered is about to be idle."""
    assert len({(await act(toys, path))["pid"] for _ in range(20)}) == 1


async def test_each_function_has_processes_of_its_own(toys: Toys):
    plain, few, odd = await asyncio.gather(
        act(toys, "/plain/echo"), act(toys, "/few/echo"), act(toys, "/odd/echo")
    )
    assert len({plain["pid"], few["pid"], odd["pid"]}) == 3


async def test_calls_at_the_same_time_have_an_instance_each(toys: Toys):
    waits = [act(toys, "/plain/wait", seconds=0.3) for _ in range(3)]
    pids = {answer["pid"] for answer in await asyncio.gather(*waits)}
    assert len(pids) == 3
    assert (await act(toys, "/plain/echo"))["pid"] in pids
    assert set(toys.pids("PlainFunction")) == pids


async def test_more_calls_than_a_function_may_have_instances_are_throttled(toys: Toys):
    """Two are reserved for it."""
    waits = [toys.api.post("/few/wait", json={"seconds": 0.5}) for _ in range(3)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*waits))
    assert statuses == [200, 200, 429]
    waits = [toys.urls.post("/few/wait", json={"seconds": 0.5}) for _ in range(3)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*waits)) == [200, 200, 429]


async def test_an_instance_that_dies_between_calls_is_replaced(toys: Toys):
    first = (await act(toys, "/plain/echo"))["pid"]
    os.kill(first, signal.SIGKILL)
    assert await eventually(lambda: state(first) == "")
    assert (await act(toys, "/plain/echo"))["pid"] != first


async def test_a_host_that_stops_leaves_no_process():
    async with hosted_toys() as toys:
        pids = [(await act(toys, "/plain/echo"))["pid"], (await act(toys, "/odd/echo"))["pid"]]
        child = int((await toys.api.post("/odd/child")).text)
    assert [state(pid) for pid in (*pids, child)] == ["", "", ""]


@pytest.mark.parametrize("path", ["/plain/echo", "/plain/exit", "/odd/echo", "/odd/many"])
@pytest.mark.parametrize("after", [0.0, 0.05])
async def test_a_host_may_stop_while_it_starts_runs_or_ends_an_instance(path: str, after: float):
    """What it had open is closed, or the collector would complain, which is a failure here."""
    async with hosted_toys() as toys:
        asking = asyncio.ensure_future(toys.api.post(path))
        await asyncio.sleep(after)
        asking.cancel()
        await asyncio.wait([asking])
    assert toys.pids("PlainFunction") == toys.pids("OddFunction") == []
    gc.collect()


async def test_a_snapshot_is_taken_before_the_first_call():
    async with hosted_toys(snap_start=True) as toys:
        await act(toys, "/odd/echo")
        await act(toys, "/plain/echo")
        assert toys.said("OddFunction")[:2] == ["starts as snap-start", "restored: 200"]
        environment = (await act(toys, "/plain/echo"))["environment"]
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_no_signal_to_the_host_leaves_a_process(tmp_path: Path, number: signal.Signals):
    """SIGKILL is what no process can prepare for."""
    hosted = await asyncio.to_thread(Hosted(tmp_path).started)
    headers = {"authorization": f"Bearer {hosted.key}"}
    body = {"model": "scripted/echo", "input": "x"}
    async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
        assert (await http.post(f"{hosted.base_url}/responses", json=body)).status_code == 200
        assert (await http.get(f"{hosted.base_url}/models")).status_code == 200
    assert await eventually(lambda: [each[0] for each in hosted.workers().values()] == ["T"] * 3)
    ours = [pid for pid, parent, *_ in processes() if parent == hosted.pid]
    assert len(ours) == 4  # an instance each of authorizer and two doors, and who watches over them
    status = await asyncio.to_thread(hosted.stop, number)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert await eventually(lambda: not any(state(pid) for pid in ours))
