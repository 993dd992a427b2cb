"""Compact a context for a client that goes on from it by itself: nothing of this is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.compaction import Compaction
from lambda_responses.lifecycle.context import assemble
from lambda_responses.lifecycle.known import known_before
from lambda_responses.lifecycle.ports import Unbounded
from lambda_responses.lifecycle.seals import seal_compaction
from lambda_responses.lifecycle.waiting import OutOfTime
from lambda_responses.wire.compact_requests import check_compact_request, compacted_response
from lambda_responses.wire.compaction import COMPACTION, said_again
from lambda_responses.wire.errors import ServerError
from lambda_responses.wire.ids import ItemIds, new_response_id
from lambda_responses.wire.requests import read_model

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Deadline, Principal, Services
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Compacted:
    """The answer, and the target (`provider/model`) that made it."""

    response: Json
    target: str


async def compact_response(
    body: Json,
    *,
    principal: Principal,
    using: Services,
    provider: str | None = None,
    deadline: Deadline | None = None,
) -> Compacted:
    """All users' messages of a context, and one item for the rest of it, as the next request's input.

    `provider` overrides what the model's name says. Raises `APIError`.
    """
    targets = using.router.resolve(read_model(body), provider=provider)
    native = all(target.native for target in targets)
    request = check_compact_request(body, native=native)
    known = await known_before(request, principal=principal, using=using, targets=targets, seals=True)
    response_id = new_response_id(epoch=int(using.now()), thread=None, entropy=using.entropy)
    ids = ItemIds(response_id, using.entropy)
    context = assemble(
        known.input, history=known.history, origins=known.origins, brought=known.brought, ids=ids
    )
    compaction = Compaction(targets, request, context, using, deadline=deadline or Unbounded())
    try:
        async for _ in compaction.compact():
            pass
    except OutOfTime:
        raise ServerError(
            "The compaction took longer than this server lets one request take.",
            headers={"x-should-retry": "false"},
        ) from None
    sealer = known.sealer or await using.sealer(principal.tenant)
    item: Json = {
        "id": ids.next(COMPACTION),
        "type": COMPACTION,
        "encrypted_content": seal_compaction(compaction.origin, sealer),
    }
    said = said_again(context.current(), context.origins)
    response = compacted_response(
        id=response_id,
        created_at=int(using.now()),
        messages=[each for each in said if each.get("role") == "user"],
        item=item,
        counted=compaction.usage,
    )
    return Compacted(response, compaction.target.name)
