"""A client that was made before a snapshot, in a process that starts from it long afterwards."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.storage.keyed.dynamodb import connect

if TYPE_CHECKING:
    from collections.abc import Iterator


class Aws(ThreadingHTTPServer):
    """Where Lambda keeps credentials for functions with SnapStart, and the service that they open."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.lasting = timedelta()
        self.given = 0
        self.connections = 0
        self.signed: list[str] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Aws

    def do_GET(self) -> None:
        self.server.given += 1
        expiry = datetime.now(UTC) + self.server.lasting
        keys = {"AccessKeyId": f"AKID{self.server.given}", "SecretAccessKey": "s", "Token": "t"}
        self._answer({**keys, "Expiration": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.signed.append(self.headers["authorization"].split("Credential=")[1].split("/")[0])
        self._answer({})

    def _answer(self, body: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with Aws() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.address}/credentials")
        yield server
        server.shutdown()
        thread.join()


def ask(client: Any) -> None:
    client.get_item(TableName="t", Key={"pk": {"S": "p"}, "sk": {"S": "s"}})


def test_credentials_of_before_are_not_used_after_they_have_expired(aws: Aws) -> None:
    aws.lasting = timedelta(seconds=-1)
    client = connect(endpoint_url=aws.address, region="us-east-1")
    aws.lasting = timedelta(hours=6)
    ask(client)
    ask(client)
    assert aws.signed == [f"AKID{aws.given}"] * 2
    assert aws.given > 1


def test_a_client_that_has_asked_nothing_holds_no_connection(aws: Aws) -> None:
    aws.lasting = timedelta(hours=6)
    client = connect(endpoint_url=aws.address, region="us-east-1")
    assert (aws.connections, aws.given) == (1, 1)  # to where credentials are kept
    ask(client)
    assert aws.connections == 2
