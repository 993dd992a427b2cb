"""`iam`: AWS has checked a signature before the function ran; the tenant is the account that signed.

What a function is told of the signer differs by the way in:

    REST API       requestContext.identity        {"accountId": "…", "caller": "…", …}
    function URL   requestContext.authorizer.iam  {"accountId": "…", "callerId": "…", …}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.wire.unauthenticated import signature_missing

if TYPE_CHECKING:
    from starlette.types import Scope


async def signer(scope: Scope) -> Principal:
    """Raises `AuthenticationError` for a request that did not come through such a check."""
    match scope.get("aws.event"):
        case {
            "version": "2.0",
            "requestContext": {"authorizer": {"iam": {"accountId": str(account), "callerId": str(caller)}}},
        }:
            pass
        case {
            "httpMethod": str(),
            "requestContext": {"identity": {"accountId": str(account), "caller": str(caller)}},
        }:
            pass
        case _:
            raise signature_missing()
    if not account or not caller:
        raise signature_missing()
    return Principal(account, key_id=caller)
