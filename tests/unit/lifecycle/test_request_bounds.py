"""What a request may say of how long its response may go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.wire.errors import UnsupportedError
from tests.played import ME, Played

if TYPE_CHECKING:
    from tests.played import Play

pytestmark = pytest.mark.anyio

PAUSES: list[Any] = [[Text(0, f"{n}"), Stopped("pause")] for n in range(3)]


async def test_a_request_may_ask_for_fewer_steps(play: Play):
    services = play(Played([*PAUSES, [Text(0, "end"), Stopped("end")]]))
    body = {"model": "m", "input": "hi", "bounds": {"max_steps": 2}}
    run = await create_response(body, principal=ME, using=services)
    response = await run.response()
    assert len(response["output"]) == 2
    assert response["bound"] == run.bound == "max_steps"
    stored = await services.responses.get(ME.tenant, run.id)
    assert stored.response["bound"] == "max_steps"


async def test_a_streamed_response_names_its_bound_as_well(play: Play):
    services = play(Played([*PAUSES, [Text(0, "end"), Stopped("end")]]))
    body = {"model": "m", "input": "hi", "bounds": {"max_steps": 2}}
    run = await create_response(body, principal=ME, using=services)
    events = [event async for batch in run.events() for event in batch]
    assert ["bound" in event["response"] for event in events if "response" in event] == [False, False, True]
    assert events[-1]["response"]["bound"] == "max_steps"


async def test_a_bound_in_dollars_is_refused_where_nobody_knows_a_price(play: Play):
    services = play(Played([[Text(0, "end"), Stopped("end")]]))
    body = {"model": "m", "input": "hi", "bounds": {"max_cost": 0.5}}
    with pytest.raises(UnsupportedError) as raised:
        await create_response(body, principal=ME, using=services)
    assert (raised.value.status, raised.value.param) == (400, "bounds.max_cost")
