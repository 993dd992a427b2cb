"""Create a response: everything that is checked and read before a model is asked.

The order of faults is the live API's: the body first, then what it refers to, then whether there is any
input at all, then what the target can do. A bad body never costs a read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.lifecycle.bounds import RunBounds
from lambda_responses.lifecycle.known import known_before
from lambda_responses.lifecycle.placement import too_large_to_store
from lambda_responses.lifecycle.run import ResponseRun
from lambda_responses.storage.responses import TooLargeToStore
from lambda_responses.transformers.base import shows_seals
from lambda_responses.wire.compaction import asks_to_compact
from lambda_responses.wire.context import check_whole_context
from lambda_responses.wire.errors import UnsupportedError
from lambda_responses.wire.mcp_tools import asks_for_servers
from lambda_responses.wire.requests import check_create_request, read_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.lifecycle.known import Known
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.providers.base import Target
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Json


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was found to be sound."""

    request: Json
    """Checked, its input with each reference replaced by what it names."""
    targets: Sequence[Target]
    known: Known
    servers: Sequence[Server] = ()
    """Whose tools are run here for it."""
    pending: Sequence[Json] = ()
    """Calls that it approves of, which are made before a model is asked."""


async def create_response(
    body: Json,
    *,
    principal: Principal,
    using: Services,
    provider: str | None = None,
    bounds: RunBounds | None = None,
) -> ResponseRun:
    """Check a request and prepare its run; nothing is written, and no model asked, before that is read.

    `provider` overrides what the model's name says. Raises `APIError` for a fault of the request.
    """
    asked = await check_request(body, principal=principal, using=using, provider=provider)
    return ResponseRun(
        asked.request,
        asked.targets,
        principal.tenant,
        asked.known,
        using,
        bounds or RunBounds(),
        servers=asked.servers,
        pending=asked.pending,
    )


async def check_request(
    body: Json, *, principal: Principal, using: Services, provider: str | None = None
) -> Asked:
    """Everything that can be said of a request without asking a model. Raises `APIError`."""
    targets = using.router.resolve(read_model(body), provider=provider)
    native = all(target.native for target in targets)
    request = check_create_request(body, native=native)
    _check_priced(request, targets)
    servers = _servers_of(request, targets, principal, using)
    seals = shows_seals(request) or bool(request.get("context_management")) or asks_to_compact(request)
    known = await known_before(request, principal=principal, using=using, targets=targets, seals=seals)
    request["input"] = known.input
    check_whole_context(request, known.current)
    if request.get("store", True) or request.get("background"):
        await _check_storable(request, using)
    pending = await _approved(request, targets, known, servers, principal, using)
    return Asked(request, targets, known, servers, pending)


def _check_priced(request: Json, targets: Sequence[Target]) -> None:
    """Raises `UnsupportedError` for a bound in dollars on what nobody knows the price of."""
    bounds: Json = request.get("bounds") or {}
    if bounds.get("max_cost") is None:
        return
    for target in targets:
        if target.price is None:
            message = f"What '{target.name}' costs is not known to this server."
            raise UnsupportedError(message, param="bounds.max_cost")


def _servers_of(
    request: Json, targets: Sequence[Target], principal: Principal, using: Services
) -> Sequence[Server]:
    """Raises `InvalidRequestError` for a server that cannot be used."""
    if not asks_for_servers(request):
        return ()
    from lambda_responses.lifecycle.servers import resolve_servers  # which few requests need

    return resolve_servers(request, targets=targets, principal=principal, using=using)


async def _approved(
    request: Json,
    targets: Sequence[Target],
    known: Known,
    servers: Sequence[Server],
    principal: Principal,
    using: Services,
) -> Sequence[Json]:
    """Raises `InvalidRequestError` for an answer to what was not asked."""
    if all(item["type"] != "mcp_approval_response" for item in known.input):
        return ()
    from lambda_responses.lifecycle.approvals import approved_calls
    from lambda_responses.lifecycle.servers import upstream_runs

    if not servers and upstream_runs(request, targets, using):
        return ()  # who asked knows the answer
    calls = await approved_calls(known, servers, tenant=principal.tenant, using=using)
    return [call.as_json() for call in calls]


async def _check_storable(request: Json, using: Services) -> None:
    """Raises `InvalidRequestError` for more than the store takes."""
    try:
        await using.responses.check_storable(request["input"], request)
    except TooLargeToStore:
        raise too_large_to_store() from None
