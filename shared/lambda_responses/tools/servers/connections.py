"""The connections of one response: to each server one, opened when it is first needed and kept until the end.

The SDK, whose import takes longer than many a response, is not imported before that.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from lambda_responses.outbound.client import Outbound
from lambda_responses.outbound.faults import Refused, TooLarge
from lambda_responses.outbound.policy import check_url
from lambda_responses.tools.servers.credentials import credentials_of, secrets_of
from lambda_responses.tools.servers.faults import LOST, NOT_OPEN, Failure, late, of_exchange
from lambda_responses.tools.servers.results import outcome_of
from lambda_responses.tools.servers.server import Http, ListedTool, ServerFault, Stdio, ToolList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import TracebackType

    from mcp import Client

    from lambda_responses.tools.servers.links import Link
    from lambda_responses.tools.servers.server import Server
    from lambda_responses.wire.json import Json
    from lambda_responses.wire.tool_outcomes import Outcome

Answer = TypeVar("Answer")

CLOSING_SECONDS = 2.0


class Unanswered(Exception):
    """A question came to nothing."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Connections:
    """Lists and calls tools, wherever they are, and closes in the end what it has opened for that."""

    _has_sdk: ClassVar[bool] = False

    def __init__(self, outbound: Outbound | None = None, *, secrets: Iterable[str] = ()) -> None:
        """`secrets` are taken out of what servers say of failures, and so are those of the server itself."""
        self._outbound = outbound or Outbound()
        self._secrets = tuple(secrets)
        self._links: dict[tuple[str, bool, int], Link] = {}
        self._retired: list[Link] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes all connections at once; servers that take long to say goodbye are not waited for.

        That goes on, within its bound, where whoever waits for it is cancelled.
        """
        links = [*self._links.values(), *self._retired]
        self._links.clear()
        self._retired.clear()
        await asyncio.shield(asyncio.gather(*(link.close(CLOSING_SECONDS) for link in links)))

    async def list_tools(self, server: Server) -> ToolList:
        """All tools of a server, of all pages, within its `list_seconds`. Raises `ServerFault`."""
        await self._import_sdk()
        from lambda_responses.tools.servers.questions import tools_of

        async def told(client: Client) -> ToolList:
            return await tools_of(client, server.result_bytes)

        try:
            return await self._answer(server, told, server.list_seconds)
        except Unanswered as nothing:
            raise ServerFault(nothing.failure.message, nothing.failure.status) from None

    async def call(self, server: Server, tool: ListedTool | str, arguments: Json) -> Outcome:
        """What came of a call, within the server's `call_seconds`; whatever goes wrong is an outcome too.

        It is made once, however it ends. Only what the server certainly did nothing of, because it had
        forgotten the session or speaks in other words by now, is said again.
        """
        await self._import_sdk()
        from lambda_responses.tools.servers.questions import result_of

        name = tool if isinstance(tool, str) else tool.name

        async def called(client: Client) -> Json:
            return await result_of(client, name, arguments, server.result_bytes)

        try:
            result = await self._answer(server, called, server.call_seconds)
        except Unanswered as nothing:
            return nothing.failure.outcome
        return outcome_of(result, server.context_bytes, credentials_of(server))

    async def _import_sdk(self) -> None:
        """In a thread: on a slow machine it takes longer than leases last without a sign of life."""
        if not Connections._has_sdk:
            for module in ("opening", "questions"):
                await asyncio.to_thread(import_module, f"lambda_responses.tools.servers.{module}")
            Connections._has_sdk = True

    async def _answer(
        self, server: Server, question: Callable[[Client], Awaitable[Answer]], seconds: float
    ) -> Answer:
        """What the server says. Raises `Unanswered`."""
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await self._asked(server, question, last=False)
                except _NotHeard:
                    return await self._asked(server, question, last=True)
        except TimeoutError:
            raise Unanswered(late(seconds)) from None

    async def _asked(
        self, server: Server, question: Callable[[Client], Awaitable[Answer]], *, last: bool
    ) -> Answer:
        from lambda_responses.tools.servers.opening import forget
        from lambda_responses.tools.servers.questions import failure_of, was_not_heard
        from lambda_responses.tools.servers.transport import Exchange

        exchange = Exchange()
        link = self._link(server)
        try:
            return await link.asked(question, exchange)
        except asyncio.CancelledError:
            # Whoever asks next does not wait for what may never open, nor for a pipe that may be jammed.
            if link.opening or isinstance(server.where, Stdio):
                self._retire(server, link)
            raise
        except Exception as error:  # the SDK's own, its transports' and its validators' are of many kinds
            if not last and was_not_heard(error, exchange, guessing=link.guessing):
                forget(server)
                self._retire(server, link)
                raise _NotHeard from None
            secrets = (*self._secrets, *secrets_of(server))
            failure = failure_of(error, exchange, server.result_bytes, secrets)
            if failure is LOST:
                self._retire(server, link)
                if isinstance(link.exchange.fault, TooLarge):
                    failure = of_exchange(link.exchange, server.result_bytes) or LOST
            raise Unanswered(failure) from None

    def _link(self, server: Server) -> Link:
        """The connection to that server, which may be still about to open. Raises `Unanswered`."""
        from lambda_responses.tools.servers.links import Link
        from lambda_responses.tools.servers.opening import is_known, opened

        link = self._links.get(_key(server))
        if link is None or link.over:
            outbound = self._outbound_to(server)
            link = self._links[_key(server)] = Link(
                lambda: opened(server, outbound), guessing=is_known(server)
            )
        return link

    def _retire(self, server: Server, link: Link) -> None:
        """Ask nothing more over that connection, whose other questions may still be answered."""
        if self._links.get(_key(server)) is link:
            self._retired.append(self._links.pop(_key(server)))

    def _outbound_to(self, server: Server) -> Outbound:
        """What that server may be reached by: an operator's address is open, whatever network it is in.

        What can be seen to be closed is refused before another library reads the address in its own way.
        """
        if not isinstance(server.where, Http):
            return self._outbound
        url = server.where.url
        try:
            outbound = self._outbound.opening(url) if server.operators else self._outbound
            check_url(url, outbound.policy)
        except Refused:
            raise Unanswered(NOT_OPEN) from None
        return outbound


class _NotHeard(Exception):
    """What was asked may be asked again."""


def _key(server: Server) -> tuple[str, bool, int]:
    return server.digest, server.operators, server.result_bytes
