"""What stands around a server: a vault of secrets, an issuer of tokens, and Google's token endpoint."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]


class Amenities:
    """Answers whatever is asked for at a path with the document that a test put there."""

    def __init__(self) -> None:
        self.documents: dict[str, Json] = {}
        self.asked = b""
        """Paths, headers and bodies that came in."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.amenities = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, path: str, document: Json) -> str:
        """Where a document is now."""
        self.documents[path] = document
        return self.root + path

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    amenities: Amenities


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """A test looks at what was asked, not at what was printed."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.amenities.asked += f"{self.path}\n{self.headers}\n".encode() + body
        document = self.server.amenities.documents.get(urlsplit(self.path).path)
        content = json.dumps(document or {}).encode()
        self.send_response(200 if document is not None else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
