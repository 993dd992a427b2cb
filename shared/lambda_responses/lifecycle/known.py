"""What had been said before a request: the history that it continues, what it refers to, what it brings.

Whatever shows a model a context asks here for it: creating a response, compacting one, counting its tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import NO_ORIGINS
from lambda_responses.lifecycle.seals import hold_seals, opened
from lambda_responses.storage.records import RUNNING
from lambda_responses.storage.responses import ResponseNotFound
from lambda_responses.wire.compaction import is_compaction, kept_messages, pruned, said_again
from lambda_responses.wire.context import without_cut_calls
from lambda_responses.wire.mcp_tools import without_servers
from lambda_responses.wire.not_found import (
    conversation_not_found,
    previous_response_not_found,
    previous_response_running,
    prompt_not_found,
)
from lambda_responses.wire.requests import check_input_present

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.conversations.store import ConversationContext
    from lambda_responses.storage.responses import Context
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Known:
    """What had been said, and sealed, before the request."""

    previous: Context | None
    conversation: ConversationContext | None
    """At most one of the two is there."""
    history: Sequence[Json]
    """What was said before, as far as a model can go on from it."""
    input: Sequence[Json]
    """The request's own items, each reference replaced by what it names."""
    origins: Mapping[str, Json]
    """Of what was said before and of referenced items, by item id."""
    brought: Mapping[int, Json]
    """Origins that the client brought back sealed, by the place of their item in the request."""
    sealer: Sealer | None
    """None where nothing is to be sealed."""

    @property
    def current(self) -> list[Json]:
        """What of all that a model still has to see; of compactions, the messages that they keep."""
        own: list[Json] = []
        for place in reversed(range(len(self.input))):
            item, origin = self.input[place], self.brought.get(place, {})
            own[:0] = kept_messages(item, origin) if origin and is_compaction(item) else [item]
            if origin.get("whole"):
                return own
        return [*said_again(pruned(self.history, self.origins), self.origins), *own]


async def known_before(
    request: Json, *, principal: Principal, using: Services, targets: Sequence[Target], seals: bool
) -> Known:
    """What a checked request stands on. `seals` says whether something will be sealed for the client.

    No item brings servers of tools to `targets` that may not run them.

    Raises `APIError` for what is not there, in the live API's order, and where there is nothing to answer.
    """
    native = all(target.native for target in targets)
    conversation, previous = await _look_up(request, principal, using, native=native)
    before = conversation or previous
    check_input_present(request)
    history = without_cut_calls(before.items, continued=request["input"]) if before else ()
    input: list[Json] = list(request["input"])
    origins = NO_ORIGINS
    if any(item["type"] == "item_reference" for item in input):
        from lambda_responses.lifecycle.references import resolved  # which few requests need

        known = {item["id"] for item in history}
        input, origins = await resolved(input, known=known, principal=principal, using=using)
    if not upstream_may_run_servers(targets, using):
        history, input = without_servers(history), without_servers(input)
    sealer = await using.sealer(principal.tenant) if seals or hold_seals(input) else None
    origins = {**(before.origins if before else {}), **origins}
    brought = opened(input, sealer, native=native) if sealer is not None else {}
    return Known(previous, conversation, history, input, origins, brought, sealer)


def upstream_may_run_servers(targets: Sequence[Target], using: Services) -> bool:
    """Whether the operator lets the providers of all targets call MCP servers by themselves."""
    return all(target.native and target.provider.name in using.mcp_upstream for target in targets)


async def _look_up(
    request: Json, principal: Principal, using: Services, *, native: bool
) -> tuple[ConversationContext | None, Context | None]:
    """What the request refers to, in the live API's order. Prompts live with the upstream, if anywhere."""
    named = request.get("conversation")
    conversation = None if named is None else await _conversation(named, principal, using)
    if request.get("prompt") is not None and not native:
        raise prompt_not_found(request["prompt"]["id"])
    previous_response_id = request.get("previous_response_id")
    if previous_response_id is None:
        return conversation, None
    try:
        previous = await using.responses.context(principal.tenant, previous_response_id)
    except ResponseNotFound:
        raise previous_response_not_found(previous_response_id) from None
    if previous.status in RUNNING:
        raise previous_response_running(previous_response_id)
    return None, previous


async def _conversation(named: str | Json, principal: Principal, using: Services) -> ConversationContext:
    from lambda_responses.storage.conversations.store import ConversationNotFound  # which few requests need

    id: str = named if isinstance(named, str) else named["id"]
    try:
        return await using.conversations.context(principal.tenant, id)
    except ConversationNotFound:
        raise conversation_not_found(id) from None
