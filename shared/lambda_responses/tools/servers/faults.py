"""What goes wrong between this server and one of tools, in words that anybody may read.

Nothing that an exception says goes any further, since it may name addresses; what a server itself says in the
words of the protocol does, without the secrets of the request.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from lambda_responses.outbound.faults import Interrupted, Refused, TooLarge, TooSlow, Unreachable
from lambda_responses.tools.servers.credentials import NoToken
from lambda_responses.wire.redaction import redacted
from lambda_responses.wire.tool_outcomes import http_failed, protocol_failed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambda_responses.outbound.faults import OutboundFault
    from lambda_responses.tools.servers.transport import Exchange
    from lambda_responses.wire.tool_outcomes import Outcome

CLOSED = -32_000
TIMED_OUT = -32_001
INVALID = -32_603
UNREADABLE = -32_700
OVERSIZE = -32_098
"""Codes of the protocol for what no server said: https://www.jsonrpc.org/specification#error_object"""

LONGEST_MESSAGE = 2_048
"""Characters of what a server says."""

MAY_HAVE_RUN = "The call may have run."

_SERVERS_FAULT = 500

OUTBOUND: dict[type[OutboundFault], str] = {
    Refused: "The server cannot be reached.",  # as where nobody is: see ADR 9
    Unreachable: "The server cannot be reached.",
    TooSlow: "The server did not take the connection in time.",
    NoToken: "No token for the server could be had.",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    message: str
    code: int = CLOSED
    """Of the protocol."""
    status: int | None = None
    """Of HTTP, where that says it."""
    unsure: bool = False
    """Whether what was asked for may have been done."""

    @property
    def outcome(self) -> Outcome:
        """The same as what came of a call."""
        message = f"{self.message.removesuffix('.')}. {MAY_HAVE_RUN}" if self.unsure else self.message
        if self.status is None:
            return protocol_failed(self.code, message)
        return http_failed(self.status, message)


def of_exchange(exchange: Exchange, result_bytes: int) -> Failure | None:
    """What the HTTP requests of a question tell; None where they went well."""
    if isinstance(exchange.fault, Interrupted):
        return LOST
    if isinstance(exchange.fault, TooLarge):
        return too_large(exchange.largest or result_bytes)
    if exchange.fault is not None:
        return Failure(OUTBOUND.get(type(exchange.fault), OUTBOUND[Unreachable]))
    if exchange.status is not None and not exchange.spoken:
        words = f"Http status code: {_named(exchange.status)}"
        return Failure(words, status=exchange.status, unsure=exchange.status >= _SERVERS_FAULT)
    return NO_PROTOCOL if exchange.strange else None


def too_large(largest: int) -> Failure:
    """More came than may."""
    return Failure(f"The server's answer is larger than {largest} bytes.")


def late(seconds: float) -> Failure:
    """Nothing came in time."""
    return Failure(f"No answer came within {seconds:g} seconds.", TIMED_OUT, unsure=True)


def said(code: int, message: str, secrets: Iterable[str]) -> Failure:
    """An error of the protocol, in the server's words."""
    if code == CLOSED:
        return LOST
    if code == UNREADABLE:  # which the SDK says in the words of its own machinery
        return NO_PROTOCOL
    return Failure(redacted(message[:LONGEST_MESSAGE], secrets), code)


LOST = Failure("The connection ended before an answer came.", unsure=True)
NOT_OPEN = Failure(OUTBOUND[Refused])
TOO_MANY_TOOLS = Failure("The server lists more than 1000 tools.")
NOT_STARTED = Failure("The server could not be connected to.")
NO_PROTOCOL = Failure("The server's answer does not follow the protocol.", INVALID)


def _named(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)
