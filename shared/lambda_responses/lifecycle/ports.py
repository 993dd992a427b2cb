"""What the use cases need from outside, as promises; `runtime.services` says who keeps them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lambda_responses.wire.scopes import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from lambda_responses.lifecycle.placement import Placement
    from lambda_responses.outbound.client import Outbound
    from lambda_responses.providers.base import Router
    from lambda_responses.queue.event_bus import EventBus
    from lambda_responses.queue.port import Queue
    from lambda_responses.queue.results import Results
    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.approvals import Approvals
    from lambda_responses.storage.background.event_log import EventLog
    from lambda_responses.storage.background.jobs import JobStore
    from lambda_responses.storage.background.outbox import Outbox
    from lambda_responses.storage.background.slots import Slots
    from lambda_responses.storage.background.tool_journal import ToolJournals
    from lambda_responses.storage.blobs.objects import Objects
    from lambda_responses.storage.conversations.store import ConversationStore
    from lambda_responses.storage.request_claims import RequestClaims
    from lambda_responses.storage.responses import ResponseStore, StoredResponse
    from lambda_responses.storage.threads import ThreadStore
    from lambda_responses.storage.transfers import Transfers
    from lambda_responses.storage.webhook_endpoints import WebhookEndpoints
    from lambda_responses.tools.port import ServerConnections
    from lambda_responses.tools.servers.listing import Listing
    from lambda_responses.tools.servers.registry import ServerRegistry
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Event, Json


NO_ORIGINS: Mapping[str, Json] = {}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the credential says. The tenant is part of every key that is read or written."""

    tenant: str
    key_id: str | None = None
    scopes: frozenset[str] = SCOPES
    """What the credential may do."""
    mcp_servers: frozenset[str] | None = None
    """The operator's MCP servers that it may name, as `<server>` or `<server>/<tool>`; None for all."""
    mcp_urls: bool = False
    """Whether it may name MCP servers by their addresses wherever the operator lets not everybody do so."""


class Deadline(Protocol):
    """How long this run may still take."""

    def remaining(self) -> float:
        """Seconds; zero or less when the time is up."""
        ...


class Cancellation(Protocol):
    """Whether somebody wants this run to stop."""

    async def requested(self) -> None:
        """Returns once somebody does, and never otherwise; cancelled when the run is over."""
        ...


class EventSink(Protocol):
    """Stands between the emitter and the wire: what must be kept is kept before it leaves."""

    async def keep(self, events: Sequence[Event], origins: Mapping[str, Json] = NO_ORIGINS) -> None:
        """Called for each batch, in order, before it is sent; the last one after the record is committed.

        `origins` has, by id of the items that the events finish, what is stored beside them.
        """
        ...


class Unbounded:
    """No deadline: a server that stays up."""

    def remaining(self) -> float:
        """For ever."""
        return float("inf")


class Unkept:
    """Keeps no events: a foreground run leaves its record and no log."""

    async def keep(self, events: Sequence[Event], origins: Mapping[str, Json] = NO_ORIGINS) -> None:
        """Do nothing."""


class Claim(Protocol):
    """Lets the same request, sent again, find the response that is being made for it."""

    def held(self, placement: Placement) -> AbstractAsyncContextManager[None]:
        """Claims the request for a response for the time of its run, and longer where that left an answer."""
        ...

    async def keep(self, stored: StoredResponse) -> None:
        """Called with what was answered, once its record is committed if it has one. Raises nothing."""
        ...


class Unclaimed:
    """Claims nothing: whoever asks again is answered anew."""

    def held(self, placement: Placement) -> AbstractAsyncContextManager[None]:
        """See `Claim`."""
        return nullcontext()

    async def keep(self, stored: StoredResponse) -> None:
        """Do nothing."""


class Services(Protocol):
    """Everything that a use case may reach."""

    @property
    def router(self) -> Router:
        """What model names stand for."""
        ...

    @property
    def responses(self) -> ResponseStore:
        """Stored responses."""
        ...

    @property
    def conversations(self) -> ConversationStore:
        """Stored conversations."""
        ...

    @property
    def claims(self) -> RequestClaims:
        """Which responses answer requests that may be sent again."""
        ...

    @property
    def threads(self) -> ThreadStore:
        """Stored responses as the trees that they form."""
        ...

    @property
    def transfers(self) -> Transfers:
        """Stored responses on their way to another store."""
        ...

    @property
    def queue(self) -> Queue | None:
        """Where background responses wait for a worker; None where there is no such place."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Ends of background responses that somebody has yet to be told of."""
        ...

    @property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """Who is told of them by tenants' wish."""
        ...

    @property
    def event_bus(self) -> EventBus | None:
        """Who is told of them by the operator's wish; None where nobody is."""
        ...

    @property
    def results(self) -> Results | None:
        """The way of answers to queued requests; None where there is none."""
        ...

    @property
    def requests(self) -> Queue | None:
        """Where queued requests come from; None where that is not known."""
        ...

    @property
    def dropped(self) -> Objects | None:
        """Objects that queued requests may name; None where they may name none."""
        ...

    @property
    def dead_letters(self) -> Queue | None:
        """Where messages go that nobody can read; None where there is no such place."""
        ...

    @property
    def jobs(self) -> JobStore:
        """Responses that are made in the background."""
        ...

    @property
    def slots(self) -> Slots:
        """How many of them a tenant has under way."""
        ...

    @property
    def tenant_concurrency(self) -> int:
        """How many it may have; 0 for any number."""
        ...

    @property
    def background_seconds(self) -> float:
        """What each of them may take in all, from being asked for to its end."""
        ...

    @property
    def journals(self) -> ToolJournals:
        """Which calls of tools were made for background responses."""
        ...

    @property
    def approvals(self) -> Approvals:
        """Which approvals of calls were used."""
        ...

    @property
    def events(self) -> EventLog:
        """What clients of streamed background responses were told."""
        ...

    @property
    def first_event_wait(self) -> float:
        """Seconds that a stream's status line waits for the upstream's first event."""
        ...

    @property
    def max_steps(self) -> int:
        """Upstream steps of one response, the first included."""
        ...

    @property
    def max_background_steps(self) -> int:
        """The same for a response that nobody holds a connection for."""
        ...

    @property
    def max_tool_calls(self) -> int:
        """Calls of MCP tools of one response."""
        ...

    @property
    def max_seconds(self) -> float:
        """What one response may take before its last turn; 0 for any time."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of all its steps before its last turn; 0 for any number."""
        ...

    @property
    def max_cost(self) -> float:
        """US dollars for all its steps before its last turn; 0 for any sum."""
        ...

    @property
    def mcp_servers(self) -> ServerRegistry:
        """The MCP servers that requests may name."""
        ...

    @property
    def mcp_urls(self) -> bool:
        """Whether any caller may name MCP servers by their addresses."""
        ...

    @property
    def mcp_upstream(self) -> frozenset[str]:
        """Providers that call by themselves the MCP servers that clients name by address."""
        ...

    @property
    def listing(self) -> Listing:
        """What the tools of MCP servers are."""
        ...

    def server_connections(self, secrets: Iterable[str] = ()) -> ServerConnections:
        """Connections to MCP servers, for one response; `secrets` are taken out of what those say."""
        ...

    def tool_called(self, server: str | None, tool: str, *, seconds: float, fault: str | None) -> None:
        """Tell the operator of a call: of which named server, None for those that only a client names.

        `fault` is the type of its error, None where it has none.
        """
        ...

    async def sealer(self, tenant: str) -> Sealer:
        """Seals for that tenant, and opens what was sealed for it."""
        ...

    @property
    def outbound(self) -> Outbound:
        """The way to addresses that clients name."""
        ...

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def report(self, error: BaseException) -> None:
        """Tell the operator of a fault of our own that the client hears of in general terms only."""
        ...

    def upstream_failed(self, target: str, fault: APIError) -> None:
        """Tell the operator that a target did not do what it was asked; `fault.__cause__` may say more."""
        ...

    def delivery_failed(self, tenant: str, target: str, reason: str, *, final: bool) -> None:
        """Tell the operator that a notification did not arrive; `final`, that it is not tried again."""
        ...

    def entropy(self, digits: int, /) -> str:
        """That many random hexadecimal digits."""
        ...
