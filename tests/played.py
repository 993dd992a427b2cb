"""A provider that plays what a test wrote down, and services around it over a real SQLite file."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lambda_responses.lifecycle.ports import Principal
from lambda_responses.outbound.client import Outbound
from lambda_responses.providers.base import Target, UpstreamError
from lambda_responses.queue.local import SQLiteQueue
from lambda_responses.queue.results import Results
from lambda_responses.runtime.settings import Settings
from lambda_responses.sealing.sealer import Sealer
from lambda_responses.storage.approvals import Approvals
from lambda_responses.storage.background.event_log import EventLog
from lambda_responses.storage.background.jobs import JobStore
from lambda_responses.storage.background.outbox import Outbox
from lambda_responses.storage.background.slots import Slots
from lambda_responses.storage.background.tool_journal import ToolJournals
from lambda_responses.storage.blobs.files import FileBlobs
from lambda_responses.storage.conversations.store import ConversationStore
from lambda_responses.storage.key_rings import key_ring
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.storage.request_claims import RequestClaims
from lambda_responses.storage.responses import ResponseStore
from lambda_responses.storage.threads import ThreadStore
from lambda_responses.storage.tool_lists import ToolLists
from lambda_responses.storage.transfers import Transfers
from lambda_responses.storage.webhook_endpoints import WebhookEndpoints
from lambda_responses.tools.servers.connections import Connections
from lambda_responses.tools.servers.listing import Listing
from lambda_responses.tools.servers.registry import ServerRegistry
from lambda_responses.transformers.base import Rendered, Traits, Turn, UpstreamFailure
from lambda_responses.wire.errors import APIError, InvalidRequestError, OverloadedError
from lambda_responses.wire.not_found import model_not_found
from tests.kit import counted

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from lambda_responses.storage.keyed.port import KeyedStore
    from lambda_responses.tools.port import ServerConnections

ME = Principal("me")
YOU = Principal("you")

Step = list[Any]
"""What one upstream answer does in turn: a delta, an error to raise, an `asyncio.Event` to wait for."""


class Identity:
    """A format whose chunks are deltas already; in the dialect `unspeakable` it cannot carry anything."""

    over = False

    def render_request(self, turn: Turn, profile: Any) -> Rendered:
        if profile == "unspeakable":
            raise InvalidRequestError("This format cannot say that.", param="input")
        return Rendered("", {"turn": turn})

    def traits(self, model: str, profile: Any) -> Traits:
        return Traits(native=profile == "native", compacts=profile == "native")

    def decoder(self, turn: Turn, profile: Any) -> Identity:
        return self

    def feed(self, chunk: Any) -> Iterable[Any]:
        return (chunk,)

    def end(self, *, marked: bool) -> Iterable[Any]:
        return ()

    def as_chunks(self, body: Any) -> Iterable[Any]:
        return (body,)

    def map_error(self, failure: UpstreamFailure) -> APIError:
        return OverloadedError(f"upstream said {failure.status}")


@dataclass
class Played:
    """Plays its steps in order; remembers the turns it was shown and how many answers are open."""

    steps: list[Step]
    name: str = "played"
    profile: str | None = None
    turns: list[Turn] = field(default_factory=list)
    open_answers: int = 0

    @asynccontextmanager
    async def open(self, rendered: Rendered) -> AsyncGenerator[Any]:
        self.turns.append(rendered.body["turn"])
        step = self.steps.pop(0)
        if step and isinstance(step[0], UpstreamError):
            raise step[0]
        self.open_answers += 1
        try:
            yield _Answer(step)
        finally:
            self.open_answers -= 1


@dataclass
class _Answer:
    step: Step
    plain: bool = False

    def redacted(self, text: str) -> str:
        return text.replace("s3cret", "[redacted]")

    async def __aiter__(self) -> AsyncIterator[Sequence[Any]]:
        for entry in self.step:
            await asyncio.sleep(0)
            if isinstance(entry, asyncio.Event):
                await entry.wait()
            elif isinstance(entry, Exception):
                raise entry
            else:
                yield [entry]


class PlayedServices:
    """`lifecycle.ports.Services` whose router knows one model, `m`, and whose clock usually stands still."""

    def __init__(
        self,
        folder: Path,
        *providers: Played,
        first_event_wait: float = 5.0,
        store: KeyedStore | None = None,
        now: Callable[[], float] = lambda: 1_700_000_000.0,
    ) -> None:
        self.router = self
        self.folder = folder
        self.now = now
        self.store = store or SQLiteStore(folder / "responses.db", now=now)
        self.claims = RequestClaims(self.store, now=self.now)
        self.blobs = FileBlobs(folder / "responses.db.blobs", now=now)
        self.responses = ResponseStore(self.store, now=self.now, blobs=self.blobs)
        self.conversations = ConversationStore(self.store, blobs=self.blobs, now=self.now)
        self.threads = ThreadStore(self.store, self.blobs)
        self.events = EventLog(self.store, now=now)
        self.journals = ToolJournals(self.store)
        self.approvals = Approvals(self.store, now=self.now)
        self.jobs = JobStore(self.store, self.responses, self.conversations, now=now, lease_seconds=4.0)
        self.slots = Slots(self.store, now=now, lease_seconds=4.0)
        self.tenant_concurrency = 0
        self.background_seconds = 86_400.0
        self.transfers = Transfers(self.store, self.responses)
        self.first_event_wait = first_event_wait
        self.max_steps = 3
        self.max_background_steps = 200
        self.max_tool_calls = 64
        self.max_seconds, self.max_tokens, self.max_cost = 0.0, 0, 0.0
        self.mcp_servers = ServerRegistry()
        self.mcp_urls = True
        self.mcp_upstream: frozenset[str] = frozenset()
        self.connecting: Callable[..., ServerConnections] = lambda secrets: Connections(
            self.outbound, secrets=secrets
        )
        self.called_tools: list[tuple[str | None, str, str | None]] = []
        self.dropped_tools: list[tuple[str, str]] = []
        self.listing = Listing(
            ToolLists(self.store, now=self.now),
            now=self.now,
            dropped=lambda server, tool: self.dropped_tools.append((server, tool)),
        )
        self.outbox = Outbox(self.store, now=self.now)
        self.webhook_endpoints = WebhookEndpoints(self.store, now=self.now)
        self.event_bus: Any = None
        self.dropped: Any = None
        self.undelivered: list[tuple[str, str, bool]] = []
        self.entropy = counted()
        self.failed: list[tuple[str, str]] = []
        self.noted: list[tuple[str, int | None]] = []
        self.reported: list[BaseException] = []
        self.outbound: Any = Outbound()
        self._targets = [Target(each, Identity(), each.profile, "m") for each in providers]

    @cached_property
    def queue(self) -> SQLiteQueue:
        return SQLiteQueue(self.folder / "responses.db.queue", now=self.now)

    @cached_property
    def results(self) -> Results:
        return Results(SQLiteQueue(self.folder / "responses.db.queue", name="results", now=self.now))

    @cached_property
    def requests(self) -> SQLiteQueue:
        return SQLiteQueue(self.folder / "responses.db.queue", name="requests", now=self.now)

    @cached_property
    def dead_letters(self) -> SQLiteQueue:
        return SQLiteQueue(self.folder / "responses.db.queue", name="dead letters", now=self.now)

    def close(self) -> None:
        self.store.close()
        for name in ("queue", "results", "requests", "dead_letters"):
            if name in self.__dict__:
                getattr(self, name).close()

    def server_connections(self, secrets: Iterable[str] = ()) -> ServerConnections:
        return self.connecting(secrets)

    def tool_called(self, server: str | None, tool: str, *, seconds: float, fault: str | None) -> None:
        self.called_tools.append((server, tool, fault))

    async def sealer(self, tenant: str) -> Sealer:
        return Sealer(await key_ring(self.store, bytes), tenant)

    def delivery_failed(self, tenant: str, target: str, reason: str, *, final: bool) -> None:
        self.undelivered.append((target, reason, final))

    def report(self, error: BaseException) -> None:
        self.reported.append(error)

    def resolve(self, model: str, *, provider: str | None = None) -> Sequence[Target]:
        if model != "m":
            raise model_not_found(model)
        return self._targets

    def upstream_failed(self, target: str, fault: APIError) -> None:
        self.failed.append((target, type(fault.__cause__ or fault).__name__))

    def note(self, target: Target, fault: APIError | None) -> None:
        self.noted.append((target.name, fault and fault.status))

    def speak(self, *transformers: Any) -> None:
        """Let the targets speak these formats, the last one for all that are left."""
        last = len(transformers) - 1
        self._targets = [
            replace(target, transformer=transformers[min(place, last)])
            for place, target in enumerate(self._targets)
        ]

    def models(self) -> Sequence[dict[str, Any]]:
        return [{"id": "m", "object": "model", "created": 0, "owned_by": "played"}]


class PlayedRuntime:
    """What an application runs on, around those services; everybody is `ME`."""

    def __init__(self, services: PlayedServices, **settings: Any) -> None:
        self.services = services
        self.settings = Settings(**settings)

    async def principal_of(self, scope: Any) -> Principal:
        return ME

    async def renew(self) -> None:
        """Nothing changes."""


if TYPE_CHECKING:
    Play = Callable[..., PlayedServices]
    """The `play` fixture: services over these providers, closed when the test ends."""
