"""Count the input tokens of a request that has not been made.

Whoever would answer it is asked, where that can be had. Where it cannot (no such endpoint, an outage, limits,
credentials that are good for answers alone, more input than the model takes) the tokens are estimated, and
the count says so. What is wrong with the request itself is told as creating a response tells it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from lambda_responses.lifecycle.context import assemble
from lambda_responses.lifecycle.known import known_before
from lambda_responses.lifecycle.media import carried
from lambda_responses.lifecycle.steps import searches_tools
from lambda_responses.lifecycle.upstream import as_api_error, without_secrets
from lambda_responses.lifecycle.weights import TokenWeights
from lambda_responses.providers.base import (
    Marker,
    UpstreamError,
    UpstreamRefused,
    UpstreamSilent,
    UpstreamUnreadable,
)
from lambda_responses.providers.catalog import RESERVED
from lambda_responses.transformers.base import CountsTokens, Turn
from lambda_responses.wire.context import check_whole_context
from lambda_responses.wire.count_requests import check_count_request
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.ids import ItemIds, new_response_id
from lambda_responses.wire.mcp_tools import asks_for_servers
from lambda_responses.wire.requests import read_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.context import ModelContext
    from lambda_responses.lifecycle.known import Known
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.transformers.base import Rendered
    from lambda_responses.wire.json import Json

Counter: TypeAlias = Literal["provider", "tokenizer", "estimate"]

PATIENCE = 10.0
"""Seconds for which a provider is waited for: an estimate now is worth more than a count later."""

_ABSENT = (404, 405, 501)
_UNCOUNTABLE = re.compile(r"(?i)(?:n't|not) support(?:ed)?\b.{0,40}\bcount")


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens a request has, by whose count, for which target (`provider/model`)."""

    tokens: int
    counter: Counter
    target: str


async def count_input_tokens(
    body: Json, *, principal: Principal, using: Services, provider: str | None = None
) -> TokenCount:
    """The input tokens of that request, its history included.

    `provider` overrides what the model's name says. Raises `APIError` for a fault of the request.
    """
    targets = using.router.resolve(read_model(body), provider=provider)
    native = all(target.native for target in targets)
    request = check_count_request(body, native=native)
    servers: Sequence[Server] = ()
    if asks_for_servers(request):
        from lambda_responses.lifecycle.servers import resolve_servers

        servers = resolve_servers(request, targets=targets, principal=principal, using=using)
    known = await known_before(request, principal=principal, using=using, targets=targets, seals=False)
    check_whole_context(request, known.current)
    context, target = _context(known, using), targets[0]
    if servers or searches_tools(request, targets):
        from lambda_responses.lifecycle.server_tools.offered import as_offered

        request = await as_offered(request, servers, context, tenant=principal.tenant, using=using)
    tokens = await _counted(target, request, context, using)
    if tokens is not None:
        return TokenCount(
            tokens, "tokenizer" if target.provider.name in RESERVED else "provider", target.name
        )
    shown = context.shown_to(None)
    estimated = await TokenWeights().tokens({**request, "model": target.model}, shown.items)
    return TokenCount(estimated, "estimate", target.name)


def _context(known: Known, using: Services) -> ModelContext:
    """With ids for the items of a response that will never be."""
    response_id = new_response_id(epoch=int(using.now()), thread=None, entropy=using.entropy)
    return assemble(
        known.input,
        history=known.history,
        origins=known.origins,
        brought=known.brought,
        ids=ItemIds(response_id, using.entropy),
    )


async def _counted(target: Target, request: Json, context: ModelContext, using: Services) -> int | None:
    """The target's own count; None where it cannot be had."""
    transformer = target.transformer
    if not isinstance(transformer, CountsTokens):
        return None
    turn = await _turn(target, request, context, using)
    rendered = transformer.render_count(turn, target.profile)
    if rendered is None:
        return None
    try:
        return await _answered(target, transformer, rendered)
    except UpstreamError as error:
        fault = without_secrets(as_api_error(target, error), turn)
        if _blames_request(fault, error):
            raise fault from error
        if not _is_absent(error):
            fault.__cause__ = error
            using.upstream_failed(target.name, fault)
        return None


async def _turn(target: Target, request: Json, context: ModelContext, using: Services) -> Turn:
    """What the target would be shown. Raises `InvalidRequestError` for media that it cannot be."""
    shown = context.shown_to(target.maker)
    past = next((at for at, place in enumerate(shown.places) if place is not None), len(shown.places))
    outbound = using.outbound
    media = await carried(
        shown.items, traits=target.traits, fetch=outbound.fetch, policy=outbound.policy, history=past
    )
    return Turn(target.model, request, media.items, shown.origins)


async def _answered(target: Target, transformer: CountsTokens, rendered: Rendered) -> int:
    """Raises `UpstreamError`."""
    try:
        async with asyncio.timeout(PATIENCE), target.provider.open(rendered) as answer:
            async for chunks in answer:
                for chunk in chunks:
                    if not isinstance(chunk, Marker):
                        return transformer.read_count(chunk)
    except TimeoutError:
        raise UpstreamSilent("no count in time") from None
    except ValueError:
        pass
    raise UpstreamUnreadable("a success that is no count")


def _blames_request(fault: Exception, error: UpstreamError) -> bool:
    """Whether creating that response would fail as well. More input than fits can still be counted."""
    match fault, error:
        case InvalidRequestError(code="context_length_exceeded"), _:
            return False
        case InvalidRequestError(code="model_not_found"), UpstreamRefused():
            return True
        case InvalidRequestError(message=message), UpstreamRefused(failure=failure):
            return failure.status not in _ABSENT and not _UNCOUNTABLE.search(message)
        case _:
            return False


def _is_absent(error: UpstreamError) -> bool:
    """Whether nobody counts there: nothing of which an operator need hear."""
    return isinstance(error, UpstreamRefused) and error.failure.status in (*_ABSENT, 400)
