"""Where a run begins: at a request, or at what another run of the same response has come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.context import assemble
from lambda_responses.storage.responses import StoredResponse
from lambda_responses.wire.compaction import TRIGGER
from lambda_responses.wire.ids import ItemIds, ResponseId
from lambda_responses.wire.responses import new_response
from lambda_responses.wire.tool_secrets import public_item

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.known import Known
    from lambda_responses.wire.ids import Entropy
    from lambda_responses.wire.json import Event, Json


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A response that was promised before, as its store has it: where it was queued, or was saved last."""

    response: Json
    """The object, its output as of then."""
    input: Sequence[Json]
    """The turn's own items as they are stored, with ids."""
    origins: Mapping[str, Json]
    """Of its own items and of its output, by item id; also of items that `told` finishes."""
    progress: Json | None = None
    """What came with the save; None where nothing was saved."""
    told: Sequence[Event] = ()
    """The events that left since then, in order. None of a response that is not streamed."""
    pending: Sequence[Json] = ()
    """The calls that are made next, see `tools.calls`."""

    @property
    def made(self) -> list[Json]:
        """The finished items, those that were told since then included."""
        told = [event["item"] for event in self.told if event["type"] == "response.output_item.done"]
        return [*self.response["output"], *told]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run begins with."""

    response: Json
    context: ModelContext
    ids: ItemIds
    pending: Sequence[Json] = ()
    """Calls that are made before a model is asked."""

    def queued(self, target: str = "") -> StoredResponse:
        """The record of a response that nobody works on yet. `target`: whom its model's name stands for."""
        response = {**self.response, "status": "queued"}
        return StoredResponse(
            response, own_items(self.context), self.context.own_origins, target, pending=self.pending
        )

    def taken_up(self) -> TakenUp:
        """The same, for a run that follows at once."""
        queued = self.queued()
        return TakenUp(queued.response, queued.input, queued.origins, pending=queued.pending)


def begin(
    request: Json,
    given: Sequence[Json],
    known: Known,
    *,
    response_id: str,
    created_at: int,
    entropy: Entropy,
    pending: Sequence[Json] = (),
) -> Beginning:
    """Begin a response to a checked request; `given` is its input, as far as a model is to be shown it."""
    ids = ItemIds(ResponseId(response_id), entropy)
    context = assemble(given, history=known.history, origins=known.origins, brought=known.brought, ids=ids)
    response = new_response(
        request,
        response_id=response_id,
        created_at=created_at,
        model=request["model"],
        previous_response_id=request.get("previous_response_id"),
    )
    return Beginning(response, context, ids, pending)


def begin_again(given: Sequence[Json], known: Known, taken_up: TakenUp, *, entropy: Entropy) -> Beginning:
    """Begin where another run of the same response was. Its own items keep the ids that they have got."""
    response: Json = {**taken_up.response, "status": "in_progress", "output": [*taken_up.response["output"]]}
    told = sum(event["type"] == "response.output_item.added" for event in taken_up.told)
    issued = len(given) + len(response["output"]) + told
    ids = ItemIds(ResponseId(response["id"]), entropy, issued)
    context = assemble(
        _under_their_ids(given, taken_up.input),
        history=known.history,
        origins={**known.origins, **taken_up.origins},
        brought={},
        ids=ids,
    )
    return Beginning(response, context, ids)


def own_items(context: ModelContext) -> list[Json]:
    """What of a request's own items is stored."""
    return [public_item(item) for item in context.own if item["type"] != TRIGGER]


def _under_their_ids(given: Sequence[Json], stored: Sequence[Json]) -> list[Json]:
    """The items as they were sent, secrets and all, each under the id that it is stored under."""
    kept = iter(stored)
    return [item if item["type"] == TRIGGER else {**item, "id": next(kept)["id"]} for item in given]
