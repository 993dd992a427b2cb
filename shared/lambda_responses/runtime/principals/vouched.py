"""What the REST API's authorizer found out, on its way to a door.

API Gateway hands an authorizer's context on in `requestContext.authorizer`, where no client can put anything.
A function URL has no authorizer of ours: what its events have in that place is never read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.wire.scopes import SCOPES

if TYPE_CHECKING:
    from starlette.types import Scope

ALL = "*"
"""All MCP servers; no name of one has it."""


def render_context(principal: Principal) -> dict[str, str]:
    """What the authorizer tells of the caller; API Gateway takes text alone."""
    servers = principal.mcp_servers
    return {
        "tenant": principal.tenant,
        "key_id": principal.key_id or "",
        "scopes": " ".join(sorted(principal.scopes)),
        "mcp_servers": ALL if servers is None else " ".join(sorted(servers)),
        "mcp_urls": "true" if principal.mcp_urls else "false",
    }


def vouched_for(scope: Scope) -> Principal | None:
    """Whom the authorizer let in; None where no authorizer of ours was asked."""
    match scope.get("aws.event"):
        case {"version": "2.0"}:
            return None
        case {"httpMethod": str(), "requestContext": {"authorizer": {"tenant": str(tenant)} as told}} if (
            tenant
        ):
            scopes = SCOPES.intersection(str(told.get("scopes", "")).split())
            servers = str(told.get("mcp_servers", ""))  # what is not told is not allowed
            return Principal(
                tenant,
                key_id=told.get("key_id") or None,
                scopes=scopes,
                mcp_servers=None if servers == ALL else frozenset(servers.split()),
                mcp_urls=told.get("mcp_urls") == "true",
            )
        case _:
            return None
