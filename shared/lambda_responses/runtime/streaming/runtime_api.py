"""The requests of Lambda's Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.runtime.streaming.connection import Connection
from lambda_responses.runtime.streaming.fault import ERROR_BODY, ERROR_TYPE
from lambda_responses.runtime.streaming.invocation import Invocation

if TYPE_CHECKING:
    from lambda_responses.runtime.streaming.connection import Reply
    from lambda_responses.runtime.streaming.fault import Fault

ROOT = "/2018-06-01/runtime"
OK, ACCEPTED, TOO_LARGE = 200, 202, 413

ANSWER_HEADERS = (
    "Content-Type: application/vnd.awslambda.http-integration-response",
    "Transfer-Encoding: chunked",
    "Lambda-Runtime-Function-Response-Mode: streaming",
    f"Trailer: {ERROR_TYPE}, {ERROR_BODY}",
)


class RuntimeApiRefused(Exception):
    """A reply that leaves nothing to do but to end this process; the platform starts another."""


class AnswerTooLarge(Exception):
    """The caller was told so, in place of the answer; the next invocation is not concerned."""


class RuntimeApi:
    """The client, on one connection that is opened again where the other side has closed it.

    Everything raises `ConnectionFault` or `RuntimeApiRefused`.
    """

    def __init__(self, address: str) -> None:
        """`address` is `host:port`, as `AWS_LAMBDA_RUNTIME_API` has it."""
        self._address = address
        self._connection: Connection | None = None

    async def next(self) -> Invocation:
        """The next invocation; this is where the process is frozen."""
        reply = await self._request("GET", "/invocation/next")
        _expect(OK, reply)
        return Invocation(reply.headers, reply.body)

    async def fail(self, invocation: Invocation, fault: Fault) -> None:
        """Say that an invocation has no answer."""
        await self._report(f"/invocation/{invocation.id}/error", fault, *invocation.echoed)

    async def fail_to_start(self, fault: Fault) -> None:
        """Say that no invocation can be taken."""
        await self._report("/init/error", fault)

    async def restored(self) -> None:
        """Return in an environment that was restored from the snapshot which this lets Lambda take."""
        _expect(OK, await self._request("GET", "/restore/next"))

    async def fail_to_restore(self, fault: Fault) -> None:
        """Say that the restored environment cannot be used."""
        await self._report("/restore/error", fault)

    async def begin_answer(self, invocation: Invocation) -> AnswerBody:
        """The body of an invocation's answer. Nothing is sent before its first piece."""
        head = self._head(
            "POST", f"/invocation/{invocation.id}/response", *ANSWER_HEADERS, *invocation.echoed
        )
        return AnswerBody(await self._connected(), head)

    def drop(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _report(self, path: str, fault: Fault, *headers: str) -> None:
        body = fault.body()
        described = ("Content-Type: application/json", f"{ERROR_TYPE}: {fault.type}", *headers)
        _expect(ACCEPTED, await self._request("POST", path, *described, body=body))

    async def _request(self, method: str, path: str, *headers: str, body: bytes = b"") -> Reply:
        length = (f"Content-Length: {len(body)}",) if body else ()
        connection = await self._connected()
        await connection.send(self._head(method, path, *headers, *length), body)
        return await connection.reply()

    def _head(self, method: str, path: str, *headers: str) -> bytes:
        lines = (f"{method} {ROOT}{path} HTTP/1.1", f"Host: {self._address}", *headers, "", "")
        return "\r\n".join(lines).encode("latin-1")

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.usable:
            self.drop()
            self._connection = await Connection.open(self._address)
        return self._connection


class AnswerBody:
    """The body of one answer. Its pieces are chunks, and leave when they are sent."""

    def __init__(self, connection: Connection, head: bytes) -> None:
        self._connection = connection
        self._head = head

    async def send(self, *pieces: bytes | memoryview, last: bool) -> None:
        """The next pieces, in one write; empty ones are left out, because they would end the body."""
        chunks = [part for piece in pieces if piece for part in (b"%x\r\n" % len(piece), piece, b"\r\n")]
        head, self._head = self._head, b""
        await self._connection.send(head, *chunks, b"0\r\n\r\n" if last else b"")

    async def end(self, fault: Fault | None) -> None:
        """The end of the body; a fault goes into the trailers, which make it a failed invocation."""
        await self._connection.send(b"0\r\n", fault.trailers() if fault else b"", b"\r\n")

    async def reply(self) -> None:
        """Return when the answer was accepted. Raises `AnswerTooLarge`, too."""
        reply = await self._connection.reply()
        if reply.status == TOO_LARGE:
            raise AnswerTooLarge
        _expect(ACCEPTED, reply)


def _expect(status: int, reply: Reply) -> None:
    if reply.status != status:
        raise RuntimeApiRefused(
            f"{reply.status} instead of {status}: {reply.body[:200].decode(errors='replace')}"
        )
