"""A client that costs next to nothing: one keep-alive connection, no more parsed than the end requires."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

KEY = "sk-bench-" + "0123456789abcdef" * 4
"""What every server is told; one of them wants to be told it."""

_READ = 1 << 18


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, with the seconds from the request's first byte to its own first and last."""

    first: float
    whole: float
    body: bytes

    @property
    def events(self) -> int:
        """Server-sent events in it."""
        return self.body.count(b"data: ")


class Connection:
    """To one base URL, such as `http://127.0.0.1:8080/v1`."""

    def __init__(self, base_url: str) -> None:
        where = urlsplit(base_url)
        self._host, self._path = where.netloc, where.path
        self._socket = socket.create_connection((where.hostname, where.port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def post(self, path: str, body: dict[str, Any]) -> Reply:
        """Send it, and read the whole answer. Raises `RuntimeError` for anything but a success."""
        request = request_bytes(self._host, self._path + path, body)
        started = time.perf_counter()
        self._socket.sendall(request)
        heard = b""
        while b"\r\n\r\n" not in heard:
            heard += self._more()
        head, _, start = heard.partition(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"{path}: {heard[:500]!r}")
        first = time.perf_counter() - started if start else 0.0
        pieces, size, wanted = [start], len(start), _content_length(head)
        while size != wanted if wanted is not None else not pieces[-1].endswith(b"0\r\n\r\n"):
            pieces.append(self._more())
            first = first or time.perf_counter() - started
            size += len(pieces[-1])
        return Reply(first, time.perf_counter() - started, b"".join(pieces))

    def _more(self) -> bytes:
        data = self._socket.recv(_READ)
        if not data:
            raise RuntimeError("the server hung up")
        return data


def request_bytes(host: str, path: str, body: dict[str, Any]) -> bytes:
    """The whole request."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def _content_length(head: bytes) -> int | None:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return None
