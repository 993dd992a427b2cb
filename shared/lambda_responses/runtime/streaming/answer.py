"""What an ASGI application receives and sends: https://asgi.readthedocs.io/en/latest/specs/www.html"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lambda_responses.runtime.streaming.connection import ConnectionFault
from lambda_responses.runtime.streaming.prelude import render_prelude
from lambda_responses.runtime.streaming.runtime_api import RuntimeApiRefused

if TYPE_CHECKING:
    from starlette.types import Message

    from lambda_responses.runtime.streaming.fault import Fault
    from lambda_responses.runtime.streaming.invocation import Invocation
    from lambda_responses.runtime.streaming.request import Request
    from lambda_responses.runtime.streaming.runtime_api import AnswerBody, RuntimeApi

BODILESS = frozenset({204, 205, 304})
"""Statuses that never have a body; no answer to `HEAD` has one either."""


class UnexpectedMessage(RuntimeError):
    """The application sent a message that may not come now."""


class Answer:
    """One answer on its way out, message by message.

    The status leaves together with the first message of the body: a fault before it can still be told as one.
    """

    def __init__(self, api: RuntimeApi, invocation: Invocation, request: Request) -> None:
        self._api = api
        self._invocation = invocation
        self._request = request
        self._asked: bytes | None = request.body
        self._has_body = request.scope["method"] != "HEAD"
        self._prelude: bytes | None = None
        self._sending = asyncio.Lock()
        self._body: AnswerBody | None = None
        self._reply: asyncio.Future[None] | None = None
        self._gone = asyncio.Event()
        self.over = False
        """Whether the application has said all."""
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails as soon as nobody takes the rest: the connection is lost, or the answer refused half-way."""

    @property
    def whole(self) -> bool:
        """Whether all has been said, and has left for the Runtime API."""
        return self._gone.is_set()

    async def receive(self) -> Message:
        """The request in one piece, then nothing until the answer is over: Lambda tells of no lost client."""
        if self._asked is not None:
            body, self._asked = self._asked, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass a message of the application on. Raises `UnexpectedMessage`, `UnusablePrelude`."""
        async with self._sending:
            match message:
                case {"type": "http.response.start", "status": status} if self._prelude is None:
                    self._prelude = render_prelude(
                        status, message.get("headers", ()), repeats=not self._request.from_function_url
                    )
                    self._has_body = self._has_body and status not in BODILESS
                case {"type": "http.response.body"} if self._prelude is not None and not self.over:
                    body = memoryview(message.get("body", b""))
                    self.over = not message.get("more_body", False)
                    await self._forward(self._prelude, body if self._has_body else b"")
                case _:
                    raise UnexpectedMessage(message["type"])

    async def finish(self, fault: Fault | None) -> None:
        """Tell of that fault, unless all has been said; return when the Runtime API has taken everything.

        Raises `AnswerTooLarge`, `ConnectionFault`, `RuntimeApiRefused`.
        """
        if self.broken.done():
            self._api.drop()
            self.broken.result()
        elif self._body is None or self._reply is None:
            if fault is not None:
                await self._api.fail(self._invocation, fault)
        else:
            if not self.over:
                self.over = True
                await self._body.end(fault)
            await self._reply

    async def _forward(self, prelude: bytes, body: bytes | memoryview) -> None:
        try:
            if self._body is None:
                self._body = await self._api.begin_answer(self._invocation)
                self._reply = asyncio.ensure_future(self._body.reply())
                self._reply.add_done_callback(self._replied)
                await self._body.send(prelude, body, last=self.over)
            else:
                await self._body.send(body, last=self.over)
        except ConnectionFault as fault:
            refused = self._reply is not None and self._reply.done() and self._reply.exception()
            self._break(refused or fault)
            # It is not the application's fault, so it is not told, but cancelled here.
            await asyncio.Future[Any]()
        if self.over:
            self._gone.set()

    def _replied(self, reply: asyncio.Future[None]) -> None:
        """A reply before the end is a refusal, whatever it says."""
        error = None if reply.cancelled() else reply.exception()
        if not self.over:
            self._break(error or RuntimeApiRefused("The answer was taken before its end."))

    def _break(self, error: BaseException) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)
