"""The servers of tools that an operator has named, and who may use which of their tools."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from lambda_responses.tools.approvals import approval_policies
from lambda_responses.tools.filters import ToolFilter
from lambda_responses.tools.servers.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lambda_responses.tools.approvals import ApprovalPolicy
    from lambda_responses.tools.servers.server import ClientCredentials, Http, SigV4, Stdio


class Caller(Protocol):
    """Who asks, as far as servers are concerned: a `Principal`."""

    @property
    def tenant(self) -> str:
        """Whose responses are asked for."""
        ...

    @property
    def key_id(self) -> str | None:
        """The credential, where there is one."""
        ...

    @property
    def mcp_servers(self) -> frozenset[str] | None:
        """`<server>` or `<server>/<tool>` for each that it may use; None for all."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What servers are held to where nothing else is said of one."""

    call_seconds: float = 60.0
    list_seconds: float = 10.0
    result_bytes: int = 4_194_304
    context_bytes: int = 262_144
    list_ttl: float = 300.0
    required: bool = True
    """Whether a request fails when a server's tools cannot be listed."""


@dataclass(frozen=True, slots=True)
class NamedServer:
    """A server as the operator describes it, its secrets filled in."""

    name: str
    where: Http | Stdio
    limits: Limits = field(default_factory=Limits)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Names in lower case; `authorization` included."""
    auth: ClientCredentials | SigV4 | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What was filled in for a `${NAME}`, wherever that was."""
    passthrough: bool = False
    """Whether callers bring their own credentials, which are then sent to it."""
    description: str | None = None
    allowed: tuple[ToolFilter, ...] = ()
    """A tool is offered that passes all of them."""
    approval: ApprovalPolicy | None = None
    """None where the operator does not say which calls wait for an approval."""
    deferred: bool = False
    pins: Mapping[str, str] | None = None
    """By name, the SHA-256 of each tool that is offered."""
    trusts_hints: bool = False
    tenants: frozenset[str] | None = None
    """Whose requests may use it; None for everybody's."""
    keys: frozenset[str] | None = None
    """The credentials that may; None for all."""

    def is_open_to(self, caller: Caller) -> bool:
        """Whether the operator opened it to them, whatever their key says."""
        return (self.tenants is None or caller.tenant in self.tenants) and (
            self.keys is None or caller.key_id in self.keys
        )

    def as_server(self, label: str | None = None) -> Server:
        """It as it is used where a request adds nothing, under that label or its name."""
        limits = self.limits
        return Server(
            label or self.name,
            self.where,
            named=self.name,
            headers=self.headers,
            auth=self.auth,
            secrets=self.secrets,
            allowed=self.allowed,
            approval=approval_policies(None, self.approval),
            deferred=self.deferred,
            description=self.description,
            pins=self.pins,
            call_seconds=limits.call_seconds,
            list_seconds=limits.list_seconds,
            result_bytes=limits.result_bytes,
            context_bytes=limits.context_bytes,
            list_ttl=limits.list_ttl,
            trusts_hints=self.trusts_hints,
            required=limits.required,
            operators=True,
        )


_NONE: Mapping[str, NamedServer] = {}


class ServerRegistry:
    """Servers by name, in the operator's order. `limits` hold for those that only a request names."""

    def __init__(self, servers: Mapping[str, NamedServer] = _NONE, limits: Limits | None = None) -> None:
        self._servers = servers
        self.limits = limits or Limits()

    @property
    def servers(self) -> Sequence[NamedServer]:
        """All of them."""
        return list(self._servers.values())

    def named(self, name: str) -> NamedServer | None:
        """The server of that name, whoever may use it."""
        return self._servers.get(name)

    def open_to(self, name: str, caller: Caller) -> NamedServer | None:
        """The server of that name with the tools that this caller may use; None where it may use none."""
        server = self._servers.get(name)
        if server is None or not server.is_open_to(caller):
            return None
        granted = caller.mcp_servers
        if granted is None or name in granted:
            return server
        tools = frozenset(each.removeprefix(f"{name}/") for each in granted if each.startswith(f"{name}/"))
        if not tools:
            return None
        return replace(server, allowed=(*server.allowed, ToolFilter(tools)))

    def all_for(self, caller: Caller) -> Sequence[NamedServer]:
        """Every server that this caller may use, in the operator's order."""
        found = (self.open_to(name, caller) for name in self._servers)
        return [server for server in found if server is not None]
