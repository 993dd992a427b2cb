"""What is known of one server of tools before anybody has called it: an entry of `tools`, resolved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

if TYPE_CHECKING:
    from lambda_responses.tools.approvals import ApprovalPolicy
    from lambda_responses.tools.filters import ToolFilter
    from lambda_responses.wire.json import Json

HttpKind: TypeAlias = Literal["auto", "http", "sse"]
"""Streamable HTTP, its predecessor with two endpoints, or whichever of them the server speaks."""

STRETCHES = 2_000
"""Rounds of the hash of an address with its credentials: a millisecond, so that guessing at them is slow."""


@dataclass(frozen=True, slots=True)
class Http:
    """A server that is reached by a URL."""

    url: str
    kind: HttpKind = "auto"


@dataclass(frozen=True, slots=True)
class Stdio:
    """A program on this machine that is started for one response, and spoken to by its input and output."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Besides the few variables that any program needs, all that it gets of an environment."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Tokens for this server, from an OAuth 2 token endpoint: https://www.rfc-editor.org/rfc/rfc6749#section-4.4"""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    resource: str | None = None
    """What the token is for: https://www.rfc-editor.org/rfc/rfc8707"""
    in_body: bool = False
    """Whether the secret is sent in the form rather than in an `Authorization` header."""


@dataclass(frozen=True, slots=True)
class SigV4:
    """Requests signed with the AWS credentials of this process."""

    service: str
    region: str


@dataclass(frozen=True)
class Server:
    """One server, as one request may use it."""

    label: str
    where: Http | Stdio
    named: str | None = None
    """Its name among the operator's; None where a client gave the address."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Sent with each request to it, `Authorization` included."""
    auth: ClientCredentials | SigV4 | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """More that must not be seen in what it says."""
    allowed: tuple[ToolFilter, ...] = ()
    """A tool is offered that passes all of them."""
    approval: tuple[ApprovalPolicy, ...] = ()
    """A call waits for an approval that any of them asks for."""
    deferred: bool = False
    """Whether its tools are offered only once they were searched for."""
    description: str | None = None
    pins: Mapping[str, str] | None = None
    """By name, the SHA-256 of each tool that is offered; None offers them however they change."""
    call_seconds: float = 60.0
    list_seconds: float = 10.0
    result_bytes: int = 4_194_304
    """Of one answer, on the wire; of a list, with all its pages."""
    context_bytes: int = 262_144
    """Of one result, as models are shown it."""
    list_ttl: float = 0.0
    """Seconds for which its list counts as known, where the server itself asks for no longer time."""
    trusts_hints: bool = False
    """Whether what its tools say of themselves (`readOnlyHint`, `idempotentHint`) is believed."""
    required: bool = True
    """Whether a request fails when its tools cannot be listed."""
    operators: bool = False
    """Whether the operator named the address, which opens it whatever network it is in."""
    path: str = "tools"
    """Where the request has it: `tools[2]`."""

    @cached_property
    def digest(self) -> str:
        """32 hexadecimal digits that stand for the address with its credentials, and that do not tell them.

        Two servers by the same digest may share what one of them was told.
        """
        secrets = (dict(self.headers), *_credentials(self.auth))
        place = (self.where.url, self.where.kind) if isinstance(self.where, Http) else _program(self.where)
        told = json.dumps((place, secrets), sort_keys=True).encode()
        return _digest(told)


@dataclass(frozen=True, slots=True)
class ListedTool:
    """One tool, as its server lists it."""

    name: str
    description: str | None = None
    input_schema: Json = field(default_factory=dict[str, "Json"])
    annotations: Json = field(default_factory=dict[str, "Json"])
    """What it says of itself: `readOnlyHint`, `destructiveHint`, `idempotentHint`, `title`."""
    output_schema: Json | None = None


@dataclass(frozen=True, slots=True)
class ToolList(Sequence[ListedTool]):
    """All tools of a server, and for how long it says that they stay as they are."""

    tools: tuple[ListedTool, ...]
    ttl: float = 0.0
    """Seconds; 0 where the server did not say."""
    weight: int = 0
    """About how many bytes they took on the wire."""

    @overload
    def __getitem__(self, index: int) -> ListedTool: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ListedTool]: ...
    def __getitem__(self, index: int | slice) -> ListedTool | Sequence[ListedTool]:
        return self.tools[index]

    def __len__(self) -> int:
        return len(self.tools)


class ServerFault(Exception):
    """Why a server's tools could not be listed, in words for the client: nothing secret is in them."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        """Of its HTTP answer, where that was the reason."""


@lru_cache(maxsize=512)
def _digest(told: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", told, b"tool server", STRETCHES, 16).hex()


def _credentials(auth: ClientCredentials | SigV4 | None) -> tuple[str | None, ...]:
    match auth:
        case ClientCredentials():
            return (auth.token_url, auth.client_id, auth.client_secret, auth.scope, auth.resource)
        case SigV4():
            return (auth.service, auth.region)
        case None:
            return ()


def _program(where: Stdio) -> tuple[str, ...]:
    return (where.command, *where.args, json.dumps(dict(where.env), sort_keys=True))
