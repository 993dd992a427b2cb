"""A Runtime API that is strict: a test says what it answers, and it takes nothing that is out of turn.

It reads byte by byte what AWS's would read, so that a test sees each chunk when it arrives.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

WITHIN = 30.0
"""Seconds that anything may take, on a machine that does other things at the same time."""

ROOT = "/2018-06-01/runtime"


@dataclass
class Request:
    """A request whose body has not been read."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Answer:
    """A streamed answer; what there is of it so far."""

    headers: dict[str, str]
    _api: StrictApi
    chunks: list[bytes] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    """When each chunk did, in seconds since 1970."""
    trailers: dict[str, str] | None = None
    """None before the body has ended."""
    trailer_bytes: int = 0

    def read_chunk(self) -> bytes | None:
        """The next chunk, or None at the end."""
        data = self._api.read_chunk()
        if data:
            self.arrived.append(time.time())
            self.chunks.append(data)
            return data
        lines = self._api.read_lines()
        self.trailer_bytes = sum(len(line) + 2 for line in lines) + 2
        self.trailers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return None

    def read(self) -> Answer:
        """All of it."""
        while self.read_chunk() is not None:
            pass
        return self

    @property
    def prelude(self) -> dict[str, Any]:
        return json.loads(b"".join(self.chunks).partition(bytes(8))[0])

    @property
    def body(self) -> bytes:
        head, delimiter, body = b"".join(self.chunks).partition(bytes(8))
        assert head
        assert delimiter
        return body


class StrictApi:
    """One process's Runtime API, on a port that was free."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WITHIN)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._connection: socket.socket | None = None
        self._buffer = b""
        self._asked_for_more = False
        self.connections = 0

    def close(self) -> None:
        self.hang_up()
        self.stop_listening()

    def stop_listening(self) -> None:
        """Be gone for whoever is not connected."""
        self._listener.close()

    @property
    def at_hand(self) -> bytes:
        """What has arrived and is not read yet."""
        return self._buffer

    # What a process asks

    def expect(self, method: str, path: str) -> Request:
        """The next request, which must be this one."""
        request = self._read_request()
        assert (request.method, request.path) == (method, f"{ROOT}{path}")
        assert request.headers["host"] == self.address
        return request

    def invoke(self, event: Any, *, seconds: float = 60.0, chunked: bool = False, **headers: str) -> None:
        """Answer the request for the next invocation."""
        self.wait_for_more()
        self._asked_for_more = False
        described = {
            "Lambda-Runtime-Aws-Request-Id": "id-1",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:toy",
            **{f"Lambda-Runtime-{name.replace('_', '-')}": value for name, value in headers.items()},
        }
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.reply(200, body, chunked=chunked, **described)

    def wait_for_more(self) -> None:
        """Return when the next invocation is asked for, if it has not been already."""
        if not self._asked_for_more:
            self.expect("GET", "/invocation/next")
            self._asked_for_more = True

    def answer(self, request_id: str = "id-1") -> Answer:
        """The answer that begins to arrive."""
        request = self.expect("POST", f"/invocation/{request_id}/response")
        assert request.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
        assert request.headers["transfer-encoding"] == "chunked"
        assert request.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert request.headers["trailer"] == (
            "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
        )
        return Answer(request.headers, self)

    def fault(self, path: str = "/invocation/id-1/error", status: int = 202) -> tuple[str, dict[str, Any]]:
        """The type and body of a fault that is told, which is accepted."""
        request = self.expect("POST", path)
        body = json.loads(self._read(int(request.headers["content-length"])))
        self.reply(status)
        return request.headers["lambda-runtime-function-error-type"], body

    # What it is answered

    def reply(self, status: int = 202, body: bytes = b"{}", *, chunked: bool = False, **headers: str) -> None:
        head = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        if chunked:
            head.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            parts = [body[:half], body[half:], b""]
            body = b"".join(b"%x;of=server\r\n%b\r\n" % (len(part), part) for part in parts if part)
            body += b"0\r\n\r\n"
        else:
            head.append(f"Content-Length: {len(body)}")
        self._connected().sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    def send_garbage(self, data: bytes) -> None:
        """Something that is no reply."""
        self._connected().sendall(data)

    def forget_connection(self) -> None:
        """The process on the other side is gone."""
        self.hang_up()
        self._asked_for_more = False

    def hang_up(self) -> None:
        """Close the connection, with whatever stands in it."""
        if self._connection is not None:
            self._connection.close()
            self._connection, self._buffer = None, b""

    # Bytes

    def read_chunk(self) -> bytes:
        size = int(self._read_until(b"\r\n"), 16)
        data = self._read(size)
        if size:
            assert self._read(2) == b"\r\n"
        return data

    def read_lines(self) -> list[str]:
        return list(iter(lambda: self._read_until(b"\r\n").decode("ascii"), ""))

    def _read_request(self) -> Request:
        first, *lines = self._read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        method, path, version = first.split(" ")
        assert version == "HTTP/1.1"
        return Request(
            method, path, {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        )

    def _read_until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._fill()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        return found

    def _fill(self) -> None:
        data = self._connected().recv(65536)
        if data:
            self._buffer += data
            return
        assert not self._buffer, "the process went away in the middle of something"
        self.hang_up()

    def _connected(self) -> socket.socket:
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.settimeout(WITHIN)
            self.connections += 1
        return self._connection
