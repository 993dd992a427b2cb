"""What stands between a client and a server, as API Gateway, CloudFront or a proxy may: with its faults."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HOP_BY_HOP = ("connection", "content-length", "date", "host", "server", "transfer-encoding")


@dataclass(frozen=True)
class Ways:
    """How a hop is. By default it passes everything on as it comes."""

    collects: bool = False
    """It sends an answer when it has all of it."""
    bunches: float = 0.0
    """It collects for so many seconds, and then sends what it has."""
    drops_comments: bool = False
    bears: float = 60.0
    """Seconds in which it has nothing to send until it gives up."""
    takes: int = 10**9
    """Bytes of a body until it is too large."""
    refuses: str = "\0"
    """It refuses requests with this in their path or query, in OpenAI's words..."""
    refuses_in_bodies: bool = False
    """... and in bodies too."""
    refusal: bytes = (
        b'{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"refused"}}'
    )
    keeps_faults: bool = False
    """It tells a 404 to whoever asks for the same path next."""
    adds: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers of its own."""


class Hop:
    """A hop on loopback, in front of the server at `origin` (scheme, host and port)."""

    def __init__(self, origin: str, ways: Ways) -> None:
        self._server = _Server(("127.0.0.1", 0), _Passing)
        self._server.origin, self._server.ways = origin, ways
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    origin: str
    ways: Ways

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.kept: dict[str, httpx.Response] = {}


class _GivenUp(Exception):
    """Too long a silence."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        ways, body = self.server.ways, self.rfile.read(int(self.headers.get("content-length", 0)))
        shown = self.path + body.decode() * ways.refuses_in_bodies
        if len(body) > ways.takes:
            self._send(413, {"content-type": "application/json"}, ways.refusal)
        elif ways.refuses in shown:
            self._send(403, {"content-type": "application/json"}, ways.refusal)
        elif kept := self.server.kept.get(self.path):
            self._send(kept.status_code, _own(kept.headers), kept.content)
        else:
            self._pass_on(body)

    do_POST = do_DELETE = do_GET

    def _pass_on(self, body: bytes) -> None:
        ways, address = self.server.ways, self.server.origin + self.path
        headers = _own(self.headers)
        with (
            httpx.Client(timeout=ways.bears, trust_env=False) as client,
            client.stream(self.command, address, headers=headers, content=body) as answer,
        ):
            streams = answer.headers["content-type"].startswith("text/event-stream")
            if streams and not ways.collects:
                self._stream(answer)
                return
            content = answer.read()
            if ways.keeps_faults and answer.status_code == 404:
                self.server.kept[self.path] = answer
            self._send(answer.status_code, _own(answer.headers), content)

    def _stream(self, answer: httpx.Response) -> None:
        self._head(answer.status_code, {**_own(answer.headers), "transfer-encoding": "chunked"})
        try:
            for piece in self._pieces(answer):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except (_GivenUp, httpx.ReadTimeout):
            self.close_connection = True

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        ways, held, since = self.server.ways, b"", time.monotonic()
        for piece in answer.iter_raw():
            silent = time.monotonic() - since
            held += b"" if ways.drops_comments and piece.startswith(b":") else piece
            if held and silent >= ways.bunches:
                yield held
                held, since = b"", time.monotonic()
            elif silent >= ways.bears:
                raise _GivenUp
        if held:
            yield held

    def _send(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self._head(status, {**headers, "content-length": str(len(content))})
        self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, **self.server.ways.adds}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not to the tests' output."""


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
