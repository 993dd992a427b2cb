"""From an event to the ASGI scope and body of the request that it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mangum import Mangum

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Scope

    from lambda_responses.runtime.streaming.invocation import Invocation


class UnknownEvent(Exception):
    """The event is none that API Gateway or a function URL sends for an HTTP request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as ASGI has it."""

    scope: Scope
    """With `aws.event` and `aws.context`."""
    body: bytes

    @property
    def from_function_url(self) -> bool:
        """Whether the event has the payload format that function URLs send, and REST APIs never."""
        return self.scope["aws.event"].get("version") == "2.0"


class Requests:
    """Reads events with the classes that the buffered doors read them with."""

    def __init__(self, app: ASGIApp) -> None:
        self._adapter = Mangum(cast("Any", app), lifespan="off")

    def read(self, invocation: Invocation) -> Request:
        """The request of an invocation. Raises `UnknownEvent`."""
        try:
            handler = self._adapter.infer(invocation.event(), cast("Any", invocation.context()))
            return Request(handler.scope, handler.body)
        except Exception as error:  # whatever Mangum runs into where it finds other things than it expects
            raise UnknownEvent from error
