"""What targets are asked, in which order, and what is told of those that fail."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.create import create_response
from lambda_responses.outbound.client import Fetched
from lambda_responses.outbound.faults import Unsuccessful
from lambda_responses.outbound.policy import OutboundPolicy
from lambda_responses.providers.base import UpstreamRefused, UpstreamUnreachable
from lambda_responses.stream.deltas import Failed, Stopped, Text
from lambda_responses.transformers.base import Rendered, Traits, UpstreamFailure
from lambda_responses.wire.errors import (
    APIError,
    InvalidRequestError,
    OverloadedError,
    ServerError,
    UnsupportedError,
)
from tests.played import ME, Identity, Played

if TYPE_CHECKING:
    from lambda_responses.lifecycle.run import ResponseRun
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

HELLO = [Text(0, "Hello"), Stopped("end")]
IMAGE = {"type": "input_image", "image_url": "https://files.example.com/cat.png"}


async def begun(services: PlayedServices, *, bounds: RunBounds | None = None, **body: Any) -> ResponseRun:
    request = {"model": "m", "input": "x", **body}
    return await create_response(request, principal=ME, using=services, bounds=bounds)


async def plain(services: PlayedServices, **body: Any) -> Json:
    return await (await begun(services, **body)).response()


@dataclass
class Web:
    """Files that take their time."""

    seconds: float = 0.0
    policy: OutboundPolicy = field(default_factory=OutboundPolicy)
    fetched: list[str] = field(default_factory=list)

    async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
        self.fetched.append(url)
        await asyncio.sleep(self.seconds)
        return Fetched("image/png", b"cat", "cat.png")


class Bytes(Identity):
    """A format that takes images as bytes alone."""

    def traits(self, model: str, profile: Any) -> Traits:
        return Traits(fetches=frozenset({"input_image"}))


class Picky(Identity):
    """A format that finds fault with an item, and names what it leaves out."""

    def __init__(self, fault: str = "", dropped: tuple[str, ...] = ()) -> None:
        self._fault, self._dropped = fault, dropped

    def render_request(self, turn: Any, profile: Any) -> Rendered:
        if self._fault:
            raise UnsupportedError("No.", param=self._fault)
        return Rendered("", {"turn": turn}, dropped=self._dropped)


def speaking(services: PlayedServices, transformer: Any) -> PlayedServices:
    """The same services with targets of that format."""
    services.speak(transformer)
    return services


def looking(*content: Any) -> Json:
    return {"input": [{"role": "user", "content": list(content)}]}


@dataclass
class Within:
    """A deadline so many seconds from now."""

    seconds: float
    begun: float = field(default_factory=time.monotonic)

    def remaining(self) -> float:
        return self.seconds - (time.monotonic() - self.begun)


async def test_a_deadline_ends_the_wait_for_a_file(play: Play) -> None:
    services = speaking(play(Played([HELLO])), Bytes())
    services.outbound = Web(seconds=30)
    run = await begun(services, bounds=RunBounds(deadline=Within(0.05)), **looking(IMAGE))
    started = time.monotonic()
    with pytest.raises(ServerError):
        await run.response()
    assert time.monotonic() - started < 10


async def test_a_stream_begins_although_a_file_takes_its_time(play: Play) -> None:
    services = speaking(play(Played([HELLO]), first_event_wait=0.01), Bytes())
    services.outbound = Web(seconds=0.2)
    run = await begun(services, stream=True, **looking(IMAGE))
    batches = [batch async for batch in run.events()]
    assert [event["type"] for event in batches[0]] == ["response.created", "response.in_progress"]
    assert batches[-1][-1]["type"] == "response.completed"


async def test_a_file_is_fetched_once_for_all_targets(play: Play) -> None:
    broken = Played([[UpstreamUnreachable("gone")]], name="a")
    services = speaking(play(broken, Played([HELLO], name="b")), Bytes())
    services.outbound = web = Web()
    await plain(services, **looking(IMAGE))
    assert len(web.fetched) == 1


@pytest.mark.parametrize(
    ("fault", "param"),
    [
        ("input[2].content[1]", "input[0].content[1]"),
        ("input[1]", "previous_response_id"),
        ("tools[1]", "tools[1]"),
    ],
)
async def test_faults_name_places_as_the_client_knows_them(play: Play, fault: str, param: str) -> None:
    services = play(Played([HELLO]))
    first = await plain(services)
    with pytest.raises(InvalidRequestError) as raised:
        await plain(speaking(services, Picky(fault)), previous_response_id=first["id"])
    assert raised.value.param == param


async def test_what_is_left_out_is_named_so_too(play: Play) -> None:
    services = play(Played([HELLO, HELLO]))
    first = await plain(services)
    dropped = ("input[2].content[0].detail", "input[0]", "temperature")
    run = await begun(speaking(services, Picky(dropped=dropped)), previous_response_id=first["id"])
    await run.response()
    assert run.dropped == ["input[0].content[0].detail", "previous_response_id", "temperature"]


async def test_the_first_fault_is_told_where_no_format_can_carry_the_request(play: Play) -> None:
    services = play(Played([]), Played([]))
    services.speak(Picky("input[0]"), Picky("tools[0]"))
    with pytest.raises(InvalidRequestError) as raised:
        await plain(services)
    assert raised.value.param == "input[0]"


async def test_a_key_that_an_upstream_quotes_in_its_answer_is_not_told(play: Play) -> None:
    quoting = Failed(ServerError("The key s3cret may not do that."))
    with pytest.raises(APIError) as raised:
        await plain(play(Played([[quoting]])))
    assert raised.value.message == "The key [redacted] may not do that."


async def test_only_outages_count_against_a_target(play: Play) -> None:
    malformed = Played([[Failed(ServerError("The model wrote no valid call."))]], name="a")
    crowded = Played([[Failed(OverloadedError("No room."))]], name="b")
    unreachable = Played([[UpstreamUnreachable("gone")]], name="c")
    services = play(malformed, crowded, unreachable, Played([HELLO], name="d"))
    await plain(services)
    assert services.noted == [("b/m", 503), ("c/m", 502), ("d/m", None)]
    assert services.failed == [
        ("a/m", "ServerError"),
        ("b/m", "OverloadedError"),
        ("c/m", "UpstreamUnreachable"),
    ]


async def test_a_pause_that_says_nothing_leads_to_no_further_step(play: Play) -> None:
    played = Played([[Text(0, "Hm"), Stopped("pause")], [Stopped("pause")], HELLO])
    response = await plain(play(played))
    assert response["status"] == "incomplete"
    assert len(played.turns) == 2


async def test_the_bound_that_ended_the_loop_is_known(play: Play) -> None:
    paused = [Text(0, "Hm"), Stopped("pause")]
    run = await begun(play(Played([paused] * 9)))
    response = await run.response()
    assert (run.bound, response["status"]) == ("max_steps", "incomplete")
    whole = await begun(play(Played([HELLO])), store=False)
    await whole.response()
    assert whole.bound is None


class Missing(Web):
    """Nothing is there."""

    async def fetch(self, url: str, *, largest: int | None = None) -> Fetched:
        self.fetched.append(url)
        raise Unsuccessful(404)


async def test_a_file_that_is_not_there_is_asked_for_once_and_named_as_the_client_knows_it(
    play: Play,
) -> None:
    services = speaking(play(Played([HELLO]), Played([]), Played([])), Bytes())
    first = await plain(services)
    services.outbound = web = Missing()
    text = {"type": "input_text", "text": "Look"}
    with pytest.raises(InvalidRequestError) as raised:
        await plain(services, previous_response_id=first["id"], **looking(text, IMAGE))
    assert raised.value.param == "input[0].content[1].image_url"
    assert len(web.fetched) == 1


async def test_what_is_left_out_of_earlier_turns_is_named_once(play: Play) -> None:
    services = play(Played([HELLO, HELLO]))
    first = await plain(services)
    picky = Picky(dropped=("input[0]", "input[1]", "temperature"))
    run = await begun(speaking(services, picky), previous_response_id=first["id"])
    await run.response()
    assert run.dropped == ["previous_response_id", "temperature"]


async def test_a_model_that_is_gone_counts_against_its_target(play: Play) -> None:
    gone = UpstreamRefused(UpstreamFailure(404, {}, ""))

    class Gone(Identity):
        def map_error(self, failure: UpstreamFailure) -> APIError:
            return InvalidRequestError("No such model.", code="model_not_found", param="model")

    services = play(Played([[gone]], name="a"), Played([HELLO], name="b"))
    services.speak(Gone(), Identity())
    await plain(services)
    assert services.noted == [("a/m", 400), ("b/m", None)]
    assert services.failed == [("a/m", "UpstreamRefused")]
