"""Who asks, by the operator's choice of how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.wire.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Scope

    from lambda_responses.wire.json import Json


async def anybody(scope: Scope) -> Principal:
    """`none`: whoever can connect is the one tenant there is."""
    return Principal("default")


async def signer(scope: Scope) -> Principal:
    """`iam`: API Gateway has checked the signature; the tenant is the AWS account that signed.

    Raises `AuthenticationError` for a request that did not come through such a check.
    """
    event: Json = scope.get("aws.event") or {}
    identity: Json = event.get("requestContext", {}).get("identity", {})
    account, caller = identity.get("accountId"), identity.get("caller")
    if not account or not caller:
        raise AuthenticationError("This request was not signed.")
    return Principal(account, key_id=caller)


PRINCIPALS: dict[str, Callable[[Scope], Awaitable[Principal]]] = {"none": anybody, "iam": signer}
