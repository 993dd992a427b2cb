"""One delivery to a webhook endpoint: signed, bounded, and to nowhere that the outbound guard will not go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.outbound.faults import Refused, TooSlow
from lambda_responses.sealing.sealer import WEBHOOK
from lambda_responses.wire.json import to_bytes
from lambda_responses.wire.webhooks import signed_headers

if TYPE_CHECKING:
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.outbound.faults import OutboundFault
    from lambda_responses.storage.webhook_endpoints import WebhookEndpoint
    from lambda_responses.wire.json import Json

SECONDS = 15.0
"""In which an endpoint has to answer."""


async def delivered(event: Json, endpoint: WebhookEndpoint, *, tenant: str, using: Services) -> int:
    """The status that the endpoint answered with; redirects are not followed.

    Raises `OutboundFault`, and `BrokenEnvelope` where its secret was sealed with keys that are no more.
    """
    sealer = await using.sealer(tenant)
    envelopes = [endpoint.secret.envelope, endpoint.old_secret]
    secrets = [sealer.open(WEBHOOK, each)["secret"] for each in envelopes if each is not None]
    body = to_bytes(event)
    headers = signed_headers(event["id"], body, at=int(using.now()), secrets=secrets)
    return await using.outbound.tell(endpoint.settings["url"], body, headers=headers, seconds=SECONDS)


def why_not(fault: OutboundFault) -> str:
    """Why nothing came of a delivery, as the end of a sentence."""
    match fault:
        case Refused():
            return "its address is not open to this server"
        case TooSlow():
            return f"it did not answer within {SECONDS:g} seconds"
        case _:
            return "it could not be reached"
