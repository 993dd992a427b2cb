"""What the settings make of those who ask."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from lambda_responses.runtime.principals.callers import Callers
from lambda_responses.runtime.settings import Settings, SettingsError
from lambda_responses.wire.errors import AuthenticationError
from tests.fakes.issuer import claims, private_key, public_jwk

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio

ISSUER = "https://issuer.example"


def no_store() -> Any:
    raise AssertionError("a store was made that nobody needs")


def callers(**settings: Any) -> Callers:
    return Callers(Settings(**settings), store=no_store, now=time.time)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "RESPONSES_JWT_ISSUER"),
        ({"jwt_issuer": ISSUER}, "RESPONSES_JWT_AUDIENCE"),
        ({"jwt_audience": "responses"}, "RESPONSES_JWT_ISSUER"),
        ({"jwt_issuer": "", "jwt_audience": ""}, "RESPONSES_JWT_ISSUER"),
        ({"jwt_issuer": "issuer.example", "jwt_audience": "a"}, "RESPONSES_JWT_ISSUER"),
        ({"jwt_issuer": "http://issuer.example", "jwt_audience": "a"}, "RESPONSES_JWT_ISSUER"),
        ({"jwt_issuer": ISSUER, "jwt_audience": "a", "jwt_jwks_url": "http://x"}, "RESPONSES_JWT_JWKS_URL"),
    ],
)
def test_tokens_of_nobody_in_particular_stop_the_start_with_one_sentence(given: dict[str, str], named: str):
    with pytest.raises(SettingsError) as raised:
        callers(auth="jwt", **given)
    assert named in str(raised.value)
    assert str(raised.value).endswith(".")
    assert str(raised.value).count(". ") == 0


@pytest.mark.parametrize("auth", ["none", "iam"])
def test_where_callers_show_no_credential_there_is_nothing_to_ask_an_authorizer(auth: str):
    with pytest.raises(SettingsError, match=auth):
        _ = callers(auth=auth).bearers


@pytest.mark.parametrize("auth", ["keys", "jwt"])
async def test_a_request_without_a_credential_costs_nothing(auth: str):
    asked = callers(auth=auth, jwt_issuer=ISSUER, jwt_audience="a")
    with pytest.raises(AuthenticationError):
        await asked.principal_of({"headers": []})
    assert "bearers" not in vars(asked)


async def test_everybody_is_one_tenant_where_nobody_is_asked():
    assert (await callers().principal_of({"headers": []})).tenant == "default"


LOADED = """
import sys, time
from lambda_responses.runtime.principals.callers import Callers
from lambda_responses.runtime.settings import Settings
settings = Settings(auth=sys.argv[1], jwt_issuer="https://issuer.example", jwt_audience="a")
made = Callers(settings, store=object, now=time.time).bearers
print(sorted({"jwt", "cryptography", "httpx", "httpcore", "boto3"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("auth", "loaded"), [("keys", "[]"), ("jwt", "['cryptography', 'jwt']")])
def test_a_mode_loads_what_it_needs_and_nothing_of_the_others(auth: str, loaded: str):
    done = subprocess.run([sys.executable, "-c", LOADED, auth], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded


class Pages(BaseHTTPRequestHandler):
    """An issuer on this machine."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        root = f"http://{self.headers['host']}"
        pages: dict[str, Any] = {
            "/tenant/.well-known/openid-configuration": {
                "issuer": f"{root}/tenant",
                "jwks_uri": f"{root}/keys",
            },
            "/keys": {"keys": [public_jwk("P-256", kid="k0")]},
        }
        body = json.dumps(pages.get(self.path, {})).encode()
        self.send_response(200 if self.path in pages else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def issuer() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/tenant"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_an_issuer_is_asked_over_http_wherever_it_is(issuer: str):
    """On an address that no client of this server may name."""
    asked = callers(auth="jwt", jwt_issuer=issuer, jwt_audience="responses", jwt_tenant_claim="org")
    token = jwt.encode(claims(iss=issuer, org="acme"), private_key("P-256"), "ES256", {"kid": "k0"})
    scope = {"headers": [(b"authorization", f"Bearer {token}".encode())]}
    assert (await asked.principal_of(scope)).tenant == "acme"
