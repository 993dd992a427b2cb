"""From a request to its upstream: files that the upstream takes as bytes, and addresses that nobody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.input_items import list_input_items
from lambda_responses.outbound.client import Outbound
from lambda_responses.stream.deltas import Stopped, Text
from lambda_responses.transformers.base import Traits
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.queries import ListQuery
from tests.fakes.closed_addresses import LOOPBACK, PORTS, PRIVATE, SCHEMES
from tests.integration.outbound.internet import PUBLIC
from tests.played import ME, Identity, Played

if TYPE_CHECKING:
    from tests.integration.outbound.internet import Internet, Visit
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

CAT = "http://files.example.com/cat.png"
PNG = b"\x89PNG\r\n\x1a\n"
CAT_DATA = "data:image/png;base64,iVBORw0KGgo="
HELLO = [Text(0, "Hello"), Stopped("end")]
FETCHES = {"passed on": Traits(), "fetched": Traits(fetches=frozenset(("input_image", "input_file")))}


@pytest.fixture(params=FETCHES)
def traits(request: pytest.FixtureRequest) -> Traits:
    return FETCHES[request.param]


@pytest.fixture
def upstream() -> Played:
    return Played([HELLO, HELLO])


@pytest.fixture
def services(
    play: Play, upstream: Played, traits: Traits, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> PlayedServices:
    """Around an upstream that takes files so, on a small internet."""
    monkeypatch.setattr(Identity, "traits", lambda *_: traits)
    internet.names = {"files.example.com": [[PUBLIC]], "inside.example.com": [["10.0.0.1"]]}
    made = play(upstream)
    made.outbound = Outbound(resolver=internet.resolve)
    return made


def asking(part: dict[str, Any], **body: Any) -> dict[str, Any]:
    return {"model": "m", "input": [{"role": "user", "content": [part]}], **body}


async def create(services: PlayedServices, body: dict[str, Any]) -> dict[str, Any]:
    return await (await create_response(body, principal=ME, using=services)).response()


async def cat(visit: Visit) -> None:
    await visit.answer(PNG)


async def test_an_image_reaches_the_upstream_as_it_takes_it_and_stays_an_address_in_the_store(
    services: PlayedServices, upstream: Played, traits: Traits, internet: Internet
) -> None:
    async with internet.server(cat, PUBLIC):
        first = await create(services, asking({"type": "input_image", "image_url": CAT}))
        await create(services, {"model": "m", "input": "Again?", "previous_response_id": first["id"]})
    shown = [turn.items[0]["content"][0]["image_url"] for turn in upstream.turns]
    assert shown == [CAT_DATA if traits.fetches else CAT] * 2
    assert len(internet.visits) == (2 if traits.fetches else 0)
    kept = await list_input_items(first["id"], ListQuery(), principal=ME, using=services)
    assert "input_image" in str(kept)
    assert "iVBORw0KGgo" not in str(kept)


async def test_a_file_that_cannot_be_had_is_a_fault_of_the_request(
    services: PlayedServices, upstream: Played, traits: Traits, internet: Internet
) -> None:
    url = "https://inside.example.com/cat.png"
    body = asking({"type": "input_file", "file_url": url})
    if not traits.fetches:
        await create(services, body)  # the provider's network is not ours
        assert internet.lookups == []
        return
    with pytest.raises(InvalidRequestError) as caught:
        await create(services, body)
    assert caught.value.param == "input[0].content[0].file_url"
    assert (upstream.turns, internet.calls) == ([], [])


@pytest.mark.parametrize("kind", ["input_image", "input_file"])
@pytest.mark.parametrize("url", [*LOOPBACK, *PRIVATE, *PORTS, *SCHEMES])
async def test_a_closed_address_reaches_neither_the_upstream_nor_the_network(
    url: str, kind: str, services: PlayedServices, upstream: Played, internet: Internet
) -> None:
    member = "image_url" if kind == "input_image" else "file_url"
    with pytest.raises(InvalidRequestError) as caught:
        await create(services, asking({"type": kind, member: url.format(port=9001)}))
    assert caught.value.param == f"input[0].content[0].{member}"
    assert (upstream.turns, internet.lookups, internet.calls) == ([], [], [])
