"""How this server proves to others who it is: signatures of AWS, and tokens that it asks for.

What is found out is kept in the memory of the process for as long as it holds.
"""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote_plus, urlencode

from lambda_responses.outbound.faults import OutboundFault
from lambda_responses.tools.servers.server import ClientCredentials, Http, SigV4, Stdio
from lambda_responses.wire.json import from_text
from lambda_responses.wire.server_addresses import members_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from lambda_responses.outbound.client import Outbound
    from lambda_responses.tools.servers.server import Server

LARGEST_TOKEN_ANSWER = 65_536
MARGIN = 60.0
"""Seconds before its end at which a token is renewed."""
USUAL_LIFE = 300.0
"""Seconds for a token whose issuer does not say."""

_SECRETIVE = ("auth", "cookie", "key", "password", "secret", "token")
"""Parts of the names of headers, and in addresses, whose values are credentials..."""
_RANDOM = re.compile(r"(?=\S*[0-9])(?=\S*[A-Za-z])\S{16,}")
"""... and what is one by its looks, whatever it is called."""

_tokens: dict[ClientCredentials, _Token] = {}
_sessions: dict[SigV4, str] = {}
"""Tokens and sessions of the operator's few servers."""


class NoToken(OutboundFault):
    """The token endpoint gave none."""


class Proof(Protocol):
    """Signs requests."""

    async def sign(self, request: httpx2.Request) -> None:
        """Adds what proves it, to the headers. Raises `OutboundFault`."""
        ...

    def renew(self) -> bool:
        """Whether something else than was refused may be tried."""
        ...


def proof_of(auth: ClientCredentials | SigV4 | None, outbound: Outbound) -> Proof | None:
    """What signs requests to such a server; None where its headers say all."""
    match auth:
        case ClientCredentials():
            return _Tokens(auth, outbound)
        case SigV4():
            return _Signature(auth)
        case None:
            return None


def credentials_of(server: Server) -> Iterator[str]:
    """What proves to a server who is calling, whole and by the word: never to be seen in what it says."""
    yield from server.secrets
    sent = [
        *server.headers.items(),
        *(members_of(server.where.url) if isinstance(server.where, Http) else ()),
    ]
    for name, value in sent:
        if any(word in name.lower() for word in _SECRETIVE) or _RANDOM.fullmatch(value):
            yield from (value, *value.split())
    match server.auth:
        case ClientCredentials() as auth:
            yield auth.client_secret
            if token := _tokens.get(auth):
                yield token.value
        case SigV4() as auth:
            yield _sessions.get(auth, "")
        case None:
            pass


def secrets_of(server: Server) -> Iterator[str]:
    """The same, with all else that an error must not repeat: headers, variables, and what an address has."""
    yield from credentials_of(server)
    for value in server.headers.values():
        yield from (value, *value.split())
    match server.where:
        case Http(url):
            yield from (value for _, value in members_of(url))
        case Stdio():
            yield from server.where.env.values()


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    ends: float
    """On the monotonic clock."""


class _Tokens:
    """Bearer tokens from a token endpoint: https://www.rfc-editor.org/rfc/rfc6749#section-4.4"""

    def __init__(
        self, auth: ClientCredentials, outbound: Outbound, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._auth = auth
        self._outbound = outbound.opening(auth.token_url)
        self._clock = clock
        self._asking = asyncio.Lock()

    async def sign(self, request: httpx2.Request) -> None:
        async with self._asking:
            token = _tokens.get(self._auth)
            if token is None or token.ends <= self._clock():
                token = _tokens[self._auth] = await self._issued()
        request.headers["authorization"] = f"Bearer {token.value}"

    def renew(self) -> bool:
        _tokens.pop(self._auth, None)
        return True

    async def _issued(self) -> _Token:
        auth = self._auth
        form = {"grant_type": "client_credentials"}
        form |= {"scope": auth.scope} if auth.scope else {}
        form |= {"resource": auth.resource} if auth.resource else {}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if auth.in_body:
            form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
        else:
            pair = f"{quote_plus(auth.client_id)}:{quote_plus(auth.client_secret)}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        answer = await self._outbound.request(
            "POST",
            auth.token_url,
            headers=headers,
            body=urlencode(form).encode(),
            largest=LARGEST_TOKEN_ANSWER,
        )
        if answer.status != 200:
            raise NoToken
        try:
            return self._read(from_text(answer.data))
        except ValueError:
            raise NoToken from None

    def _read(self, told: Any) -> _Token:
        match told:
            case {"access_token": str(value), "expires_in": int() | float() as life}:
                return _Token(value, self._clock() + max(0.0, life - MARGIN))
            case {"access_token": str(value)}:
                return _Token(value, self._clock() + USUAL_LIFE)
            case _:
                raise NoToken


class _Signature:
    """Signature version 4, with whatever credentials this process has in AWS."""

    def __init__(self, auth: SigV4) -> None:
        self._auth = auth

    async def sign(self, request: httpx2.Request) -> None:
        body = await request.aread()
        # Credentials may have to be fetched, from the machine or from another service.
        request.headers.update(await asyncio.to_thread(self._signature, request, body))

    def renew(self) -> bool:
        return False

    def _signature(self, request: httpx2.Request, body: bytes) -> dict[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError
        from botocore.session import get_session

        try:
            credentials = get_session().get_credentials()
            if credentials is None:
                raise NoToken
            signed = AWSRequest(
                method=request.method,
                url=str(request.url),
                data=body,
                headers={"content-type": request.headers.get("content-type", "")} if body else {},
            )
            _sessions[self._auth] = credentials.get_frozen_credentials().token or ""
            SigV4Auth(credentials, self._auth.service, self._auth.region).add_auth(signed)
        except BotoCoreError:
            raise NoToken from None
        return {name: str(value) for name, value in signed.headers.items()}
