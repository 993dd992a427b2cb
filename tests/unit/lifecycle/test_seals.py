"""What makers want back: kept for them, shown sealed to those who ask, and opened for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.lifecycle.create import create_response
from lambda_responses.lifecycle.input_items import list_input_items
from lambda_responses.lifecycle.retrieve import get_response
from lambda_responses.stream.deltas import BlockEnded, ItemOpened, Opaque, Reasoning, Stopped, Text
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.queries import ListQuery
from tests.played import ME, YOU, Played

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Principal
    from tests.played import Play, PlayedServices

pytestmark = pytest.mark.anyio

Json = dict[str, Any]

SECRET = {"signature": "secret", "blocks": [{"thinking": "Hm.", "n": 1.5}]}
HELLO = [Text(1, "Hello"), Stopped("end")]
REASONED = [Reasoning(0, "Hm.", summary=True), Opaque(0, SECRET), BlockEnded(0), *HELLO]
ASKED = {"include": ["reasoning.encrypted_content"]}


async def plain(services: PlayedServices, *, principal: Principal = ME, **body: Any) -> Json:
    request = {"model": "m", "input": "x", **body}
    return await (await create_response(request, principal=principal, using=services)).response()


def brought_back(response: Json, **changes: Any) -> list[Json]:
    """The output as a client echoes it, with a further question."""
    return [*({**item, **changes} for item in response["output"]), {"role": "user", "content": "And?"}]


async def test_the_store_keeps_them_for_their_maker(play: Play) -> None:
    maker = Played([REASONED, HELLO], name="maker")
    services = play(maker)
    first = await plain(services)
    assert "encrypted_content" not in first["output"][0]
    await plain(services, previous_response_id=first["id"])
    (origin,) = maker.turns[-1].origins.values()
    assert origin.items() >= SECRET.items()


async def test_another_maker_gets_none(play: Play) -> None:
    first = await plain(play(Played([REASONED], name="maker")))
    other = Played([HELLO], name="other")
    await plain(play(other), previous_response_id=first["id"])
    assert other.turns[-1].origins == {}
    assert "secret" not in str(other.turns[-1].items)


@pytest.mark.parametrize("asking", [ASKED, {"store": False}])
async def test_a_client_that_keeps_the_conversation_brings_them_back(play: Play, asking: Json) -> None:
    maker = Played([REASONED, HELLO], name="maker")
    services = play(maker)
    first = await plain(services, **asking)
    assert "secret" not in str(first)
    await plain(services, store=False, input=brought_back(first))
    reasoning = maker.turns[-1].items[0]
    assert "encrypted_content" not in reasoning
    assert maker.turns[-1].origins[reasoning["id"]].items() >= SECRET.items()


async def test_without_its_id_a_sealed_item_is_opened_all_the_same(play: Play) -> None:
    maker = Played([REASONED, HELLO], name="maker")
    services = play(maker)
    first = await plain(services, **ASKED)
    items = [{k: v for k, v in item.items() if k != "id"} for item in brought_back(first)]
    await plain(services, store=False, input=items)
    assert [origin["signature"] for origin in maker.turns[-1].origins.values()] == ["secret"]


async def test_another_maker_is_shown_the_visible_part_and_the_first_gets_the_rest_again(
    play: Play,
) -> None:
    first = await plain(play(Played([REASONED], name="maker")), store=False)
    other = Played([HELLO], name="other")
    second = await plain(play(other), input=brought_back(first))
    assert other.turns[-1].items[0]["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert other.turns[-1].origins == {}
    assert "secret" not in str(other.turns[-1].items)
    maker = Played([HELLO], name="maker")
    await plain(play(maker), previous_response_id=second["id"])
    assert [origin["signature"] for origin in maker.turns[-1].origins.values()] == ["secret"]


async def test_what_was_altered_is_refused(play: Play) -> None:
    services = play(Played([REASONED, HELLO], name="maker"))
    first = await plain(services, **ASKED)
    envelope = first["output"][0]["encrypted_content"]
    altered = envelope[:-1] + ("A" if envelope[-1] != "A" else "B")
    with pytest.raises(InvalidRequestError) as refused:
        await plain(services, input=brought_back(first, encrypted_content=altered)[:1])
    assert (refused.value.code, refused.value.param) == (
        "invalid_encrypted_content",
        "input[0].encrypted_content",
    )


async def test_another_tenant_cannot_use_it(play: Play) -> None:
    services = play(Played([REASONED, HELLO], name="maker"))
    first = await plain(services, **ASKED)
    with pytest.raises(InvalidRequestError) as refused:
        await plain(services, principal=YOU, input=brought_back(first))
    assert refused.value.code == "invalid_encrypted_content"


async def test_what_somebody_else_sealed_is_passed_on(play: Play) -> None:
    maker = Played([HELLO], name="maker")
    item = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAAAB"}
    await plain(play(maker), input=[item, {"role": "user", "content": "x"}])
    assert maker.turns[-1].items[0]["encrypted_content"] == "gAAAAAB"


async def test_a_compacted_context_is_always_sealed(play: Play) -> None:
    compaction = {"type": "compaction", "encrypted_content": ""}
    compacted = [
        ItemOpened(0, compaction),
        Opaque(0, {"encrypted_content": "secret"}),
        BlockEnded(0, compaction),
        *HELLO,
    ]
    maker = Played([compacted, HELLO], name="maker", profile="native")
    services = play(maker)
    management = [{"type": "compaction", "compact_threshold": 1000}]
    first = await plain(services, store=False, context_management=management)
    assert first["output"][0]["encrypted_content"].startswith("lr1.")
    await plain(services, input=brought_back(first)[:1], context_management=management)
    assert [origin["encrypted_content"] for origin in maker.turns[-1].origins.values()] == ["secret"]


async def test_who_asks_later_sees_it_sealed(play: Play) -> None:
    services = play(Played([REASONED, HELLO], name="maker"))
    first = await plain(services)
    include = ["reasoning.encrypted_content"]
    later = await get_response(first["id"], include=include, principal=ME, using=services)
    assert later["output"][0]["encrypted_content"].startswith("lr1.")
    assert later == await get_response(first["id"], include=include, principal=ME, using=services)
    assert await get_response(first["id"], principal=ME, using=services) == first
    second = await plain(services, previous_response_id=first["id"])
    query = ListQuery(include=frozenset(include))
    listed = await list_input_items(second["id"], query, principal=ME, using=services)
    sealed = [item["encrypted_content"] for item in listed["data"] if item["type"] == "reasoning"]
    assert sealed == [later["output"][0]["encrypted_content"]]
