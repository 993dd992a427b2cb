"""The composition root: the one place that names concrete stores and providers.

Parts are made when they are first needed, so that an operation pays for nothing that it does not use.
"""

from __future__ import annotations

import asyncio
import functools
import re
import secrets
import time
from typing import TYPE_CHECKING

from lambda_responses.runtime.logs import logger, place_of
from lambda_responses.runtime.metrics import (
    publish_dropped_tool,
    publish_lost_notification,
    publish_tool_call,
    publish_upstream_error,
)
from lambda_responses.runtime.parameters import OperatorParameters
from lambda_responses.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lambda_responses.outbound.client import Outbound
    from lambda_responses.providers.connections import Connections
    from lambda_responses.providers.local_model import LocalModel
    from lambda_responses.providers.routing import ProviderRouter
    from lambda_responses.queue.event_bus import EventBus
    from lambda_responses.queue.port import Queue
    from lambda_responses.queue.results import Results
    from lambda_responses.runtime.parameters import Kept
    from lambda_responses.runtime.queues import QueueName
    from lambda_responses.runtime.settings import Settings
    from lambda_responses.sealing.keys import KeyRing
    from lambda_responses.sealing.sealer import Sealer
    from lambda_responses.storage.approvals import Approvals
    from lambda_responses.storage.background.event_log import EventLog
    from lambda_responses.storage.background.jobs import JobStore
    from lambda_responses.storage.background.outbox import Outbox
    from lambda_responses.storage.background.slots import Slots
    from lambda_responses.storage.background.tool_journal import ToolJournals
    from lambda_responses.storage.blobs.objects import Objects
    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.conversations.store import ConversationStore
    from lambda_responses.storage.keyed.port import KeyedStore
    from lambda_responses.storage.request_claims import RequestClaims
    from lambda_responses.storage.responses import ResponseStore
    from lambda_responses.storage.threads import ThreadStore
    from lambda_responses.storage.transfers import Transfers
    from lambda_responses.storage.webhook_endpoints import WebhookEndpoints
    from lambda_responses.tools.port import ServerConnections
    from lambda_responses.tools.servers.listing import Listing
    from lambda_responses.tools.servers.registry import ServerRegistry
    from lambda_responses.wire.errors import APIError

REMOTE_LEASE, LOCAL_LEASE = 60.0, 4.0
"""Seconds that a worker has a background response without a sign of life. Beside SQLite nothing but a machine
that stands still can keep one from giving it, and people who start a server anew wait for what they had."""
_MOST_OF_A_NAME = 200
"""Of a target's: the model's part is what a client wrote."""
_OVER_STORES = (
    *("responses", "conversations", "threads", "transfers", "claims"),
    *("jobs", "slots", "events", "journals", "approvals", "listing", "outbox", "webhook_endpoints"),
)
"""What stands on the store and is of no use without it."""
_CLOSED = ("queue", "requests", "results", "dead_letters", "dropped", "event_bus", "blobs", "store")
"""What has threads, files and connections, in the order in which it is closed."""


class LiveServices:
    """`lifecycle.ports.Services`, over real stores and providers."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], *, local_model: bool = False
    ) -> None:
        self._settings = settings
        self._wants_local_model = local_model
        self._environment = environment
        self._key_ring = _key_ring(settings)
        self.parameters = OperatorParameters(settings)
        self._router: ProviderRouter | None = None
        self._routed_by: Kept | None = None
        self._servers: ServerRegistry | None = None
        self._servers_by: Kept | None = None
        self.first_event_wait = settings.first_event_wait_ms / 1000
        self.max_steps = settings.max_steps
        self.max_background_steps = settings.max_background_steps
        self.max_tool_calls = settings.max_tool_calls
        self.max_seconds = float(settings.max_seconds)
        self.max_tokens = settings.max_tokens
        self.max_cost = settings.max_cost
        self.mcp_urls = settings.auth == "none" if settings.mcp_urls is None else settings.mcp_urls
        self.mcp_upstream = frozenset(re.split(r"[\s,]+", settings.mcp_upstream.strip())) - {""}
        self.tenant_concurrency = settings.tenant_concurrency
        self.background_seconds = float(settings.background_seconds)

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def entropy(self, digits: int) -> str:
        """That many random hexadecimal digits."""
        return secrets.token_hex((digits + 1) // 2)[:digits]

    def report(self, error: BaseException) -> None:
        """Log a fault of our own: its kind and place; its text may quote what somebody said."""
        logger.error("unforeseen", fault=type(error).__name__, at=place_of(error))

    @functools.cached_property
    def store(self) -> KeyedStore:
        """The keyed store that the settings name."""
        from lambda_responses.storage.keyed.port import StoreUnavailable

        try:
            return _store(self._settings)
        except StoreUnavailable as error:
            seen = error.__cause__ or error  # without the path, as no value is told
            reason = str(seen.strerror if isinstance(seen, OSError) else seen).rstrip(".")
            raise SettingsError(f"RESPONSES_STORE cannot be used: {reason}.") from None

    @functools.cached_property
    def blobs(self) -> Blobs | None:
        """What is too large for the store's rows; None where there is no place for it."""
        return _blobs(self._settings, now=self.now)

    @functools.cached_property
    def responses(self) -> ResponseStore:
        """Stored responses."""
        from lambda_responses.storage.responses import ResponseStore

        return ResponseStore(
            self.store,
            now=self.now,
            retention_days=self._settings.retention_days,
            blobs=self.blobs,
            delete_mode=self._settings.delete_mode,
        )

    @functools.cached_property
    def conversations(self) -> ConversationStore:
        """Stored conversations."""
        from lambda_responses.storage.conversations.store import ConversationStore

        return ConversationStore(
            self.store,
            blobs=self.blobs,
            now=self.now,
            retention_days=self._settings.retention_days,
            delete_mode=self._settings.delete_mode,
        )

    @functools.cached_property
    def claims(self) -> RequestClaims:
        """Which responses answer requests that may be sent again."""
        from lambda_responses.storage.request_claims import RequestClaims

        return RequestClaims(self.store, now=self.now)

    @functools.cached_property
    def threads(self) -> ThreadStore:
        """Stored responses as the trees that they form."""
        from lambda_responses.storage.threads import ThreadStore

        return ThreadStore(self.store, self.blobs)

    @functools.cached_property
    def transfers(self) -> Transfers:
        """Stored responses on their way to another store."""
        from lambda_responses.storage.transfers import Transfers

        return Transfers(self.store, self.responses)

    @functools.cached_property
    def jobs(self) -> JobStore:
        """Responses that are made in the background."""
        from lambda_responses.storage.background.jobs import JobStore

        return JobStore(
            self.store,
            self.responses,
            self.conversations,
            now=self.now,
            lease_seconds=REMOTE_LEASE if self._settings.database is None else LOCAL_LEASE,
        )

    @functools.cached_property
    def slots(self) -> Slots:
        """How many of them a tenant has under way."""
        from lambda_responses.storage.background.slots import Slots, Turns

        turns = None if self._settings.database is None else Turns(self.now)
        return Slots(self.store, now=self.now, lease_seconds=self.jobs.lease_seconds, turns=turns)

    @functools.cached_property
    def events(self) -> EventLog:
        """What clients of streamed background responses were told."""
        from lambda_responses.storage.background.event_log import EventLog

        return EventLog(self.store, now=self.now)

    @functools.cached_property
    def approvals(self) -> Approvals:
        """Which approvals of calls were used."""
        from lambda_responses.storage.approvals import Approvals

        return Approvals(self.store, now=self.now)

    @functools.cached_property
    def journals(self) -> ToolJournals:
        """Which calls of tools were made for background responses."""
        from lambda_responses.storage.background.tool_journal import ToolJournals

        return ToolJournals(self.store)

    @functools.cached_property
    def listing(self) -> Listing:
        """What the tools of MCP servers are."""
        from lambda_responses.storage.tool_lists import ToolLists
        from lambda_responses.tools.servers.listing import Listing

        rows = ToolLists(self.store, now=self.now)
        return Listing(rows, now=self.now, dropped=self.tool_dropped)

    def server_connections(self, secrets: Iterable[str] = ()) -> ServerConnections:
        """Connections to MCP servers, for one response."""
        from lambda_responses.tools.servers.connections import Connections

        return Connections(self.outbound, secrets=secrets)

    @functools.cached_property
    def queue(self) -> Queue | None:
        """Where background responses wait for a worker; None where there is no such place."""
        return self._queue("background")

    @functools.cached_property
    def outbox(self) -> Outbox:
        """Ends of background responses that somebody has yet to be told of."""
        from lambda_responses.storage.background.outbox import Outbox

        return Outbox(self.store, now=self.now, lease_seconds=self.jobs.lease_seconds)

    @functools.cached_property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """Who is told of them by tenants' wish."""
        from lambda_responses.storage.webhook_endpoints import WebhookEndpoints

        return WebhookEndpoints(self.store, now=self.now)

    @functools.cached_property
    def event_bus(self) -> EventBus | None:
        """Who is told of them by the operator's wish; None where nobody is."""
        if self._settings.event_bus is None:
            return None
        from lambda_responses.queue.event_bus import EventBridgeBus

        return EventBridgeBus(self._settings.event_bus)

    @functools.cached_property
    def results(self) -> Results | None:
        """The way of answers to queued requests; None where there is none."""
        from lambda_responses.runtime.queues import results

        return results(self._settings, now=self.now)

    @functools.cached_property
    def requests(self) -> Queue | None:
        """Where queued requests come from; None where that is not known."""
        return self._queue("requests")

    @functools.cached_property
    def dropped(self) -> Objects | None:
        """Objects that queued requests may name; None where they may name none."""
        if self._settings.request_bucket is None:
            return None
        from lambda_responses.storage.blobs.objects import S3Objects

        return S3Objects(self._settings.request_bucket)

    @functools.cached_property
    def dead_letters(self) -> Queue | None:
        """Where messages go that nobody can read; None where there is no such place."""
        return self._queue("dead letters")

    def _queue(self, name: QueueName) -> Queue | None:
        from lambda_responses.runtime.queues import queue

        return queue(self._settings, name, now=self.now)

    def delivery_failed(self, tenant: str, target: str, reason: str, *, final: bool) -> None:
        """Log it, and count what is given up; never where it was to go, which may hold a secret."""
        logger.warning("delivery failed", tenant=tenant, target=target, reason=reason, final=final)
        if final:
            publish_lost_notification()

    def upstream_failed(self, target: str, fault: APIError) -> None:
        """Count it, and log which target, how the client is told, and what was seen; never what was said."""
        from lambda_responses.providers.base import UpstreamError

        seen = fault.__cause__ or fault
        cause = f"{type(seen).__name__}: {seen}" if isinstance(seen, UpstreamError) else type(seen).__name__
        name = target[:_MOST_OF_A_NAME]
        logger.warning("upstream failed", target=name, status=fault.status, code=fault.code, cause=cause)
        publish_upstream_error(target)

    def tool_called(self, server: str | None, tool: str, *, seconds: float, fault: str | None) -> None:
        """Count it, and log which tool of which named server; of others, that they were called."""
        name = None if server is None else tool[:_MOST_OF_A_NAME]
        log, event = (logger.info, "tool called") if fault is None else (logger.warning, "tool failed")
        log(event, server=server, tool=name, milliseconds=round(seconds * 1000), fault=fault)
        publish_tool_call(seconds * 1000, failed=fault is not None)

    def tool_dropped(self, server: str, tool: str) -> None:
        """Count it, and log which tool of which named server is not offered any more, as it has changed."""
        logger.warning("tool dropped", server=server, tool=tool[:_MOST_OF_A_NAME])
        publish_dropped_tool()

    async def sealer(self, tenant: str) -> Sealer:
        """Seals for that tenant, with the operator's keys or those that the store keeps."""
        from lambda_responses.sealing.sealer import Sealer

        if self._key_ring is None:
            from lambda_responses.storage.key_rings import key_ring

            self._key_ring = await key_ring(self.store, secrets.token_bytes)
        return Sealer(self._key_ring, tenant)

    @functools.cached_property
    def outbound(self) -> Outbound:
        """The way to addresses that clients name."""
        from lambda_responses.outbound.client import Outbound
        from lambda_responses.outbound.policy import read_policy

        settings = self._settings
        try:
            policy = read_policy(settings.outbound_allow)
        except ValueError as error:
            raise SettingsError(f"RESPONSES_OUTBOUND_ALLOW cannot be used: {error}.") from None
        return Outbound(policy, seconds=settings.media_timeout_ms / 1000, largest=settings.media_max_bytes)

    @functools.cached_property
    def connections(self) -> Connections:
        """The pool of connections to providers."""
        from lambda_responses.providers.connections import Connections, Patience

        settings = self._settings
        return Connections(
            Patience(connect=settings.connect_timeout_ms / 1000, silence=settings.read_timeout_ms / 1000)
        )

    @functools.cached_property
    def local_model(self) -> LocalModel | None:
        """The embedded model, where it is wanted and its packages are installed."""
        if not self._wants_local_model:
            return None
        from lambda_responses.providers.local_model import LocalModel, local_model_available

        return LocalModel() if local_model_available() else None

    @property
    def router(self) -> ProviderRouter:
        """What model names stand for, by the keys and the models file as they were last looked at."""
        return self._router or self._routed(self.parameters.current())

    @property
    def mcp_servers(self) -> ServerRegistry:
        """The MCP servers that requests may name, as they were last looked at. Most requests name none."""
        kept = self._routed_by or self.parameters.current()
        if self._servers is None or kept is not self._servers_by:
            from lambda_responses.runtime.server_settings import server_registry

            try:
                self._servers = server_registry(self._settings, kept, self._environment)
            except SettingsError as fault:
                if self._servers is None:
                    raise
                logger.error("parameters kept as they were", fault=str(fault))
            self._servers_by = kept
        return self._servers

    async def renew(self) -> None:
        """Look at keys, models file and MCP servers again if it is time to, while streams go on."""
        if self.parameters.due:
            self._routed(await asyncio.to_thread(self.parameters.current))

    def _routed(self, kept: Kept) -> ProviderRouter:
        from lambda_responses.providers.base import ProviderSettingsError

        if self._router is None or kept is not self._routed_by:
            try:
                self._router = self._router_by(kept, {}, retries=self._settings.max_retries)
            except ProviderSettingsError as fault:
                if self._router is None:
                    raise SettingsError(str(fault)) from None
                logger.error("parameters kept as they were", fault=str(fault))
            self._routed_by = kept
        return self._router

    def _router_by(self, kept: Kept, more: Mapping[str, str], *, retries: int) -> ProviderRouter:
        """A router of the environment with `more` in it. Raises `ProviderSettingsError`."""
        from lambda_responses.providers.models_file import read_models_file
        from lambda_responses.providers.retries import Retries
        from lambda_responses.providers.routing import ProviderRouter

        return ProviderRouter(
            {**kept.secrets, **self._environment, **more},
            models_file=read_models_file(kept.models),
            default_provider=self._settings.default_provider,
            connections=self.connections,
            retries=Retries(limit=retries),
            local=self.local_model,
            as_of=int(self.now()),
        )

    async def aclose(self) -> None:
        """Close what was opened, once. What was never used is not opened for it."""
        made = self.__dict__
        router, self._router, self._servers = self._router, None, None
        if router is not None:
            await router.aclose()
        for name in _OVER_STORES:
            made.pop(name, None)
        for name in _CLOSED:
            if (part := made.pop(name, None)) is not None:
                part.close()


def _store(settings: Settings) -> KeyedStore:
    """The store of the settings.

    Raises `StoreUnavailable` for a file or a client that cannot be made, `SettingsError` for a bucket that
    nobody would use.
    """
    if settings.database is None:
        from lambda_responses.storage.keyed.dynamodb import DynamoDBStore

        return DynamoDBStore(settings.store.removeprefix("dynamodb://"))
    if settings.bucket is not None:
        raise SettingsError("RESPONSES_BUCKET goes with DynamoDB; beside SQLite a folder has its part.")
    from lambda_responses.storage.keyed.sqlite import SQLiteStore

    return SQLiteStore(settings.database)


def _blobs(settings: Settings, *, now: Callable[[], float]) -> Blobs | None:
    """A folder beside a database file; beside a table the bucket, if one is named."""
    if settings.database is not None:
        from lambda_responses.storage.blobs.files import FileBlobs

        return FileBlobs(f"{settings.database}.blobs", now=now)
    if settings.bucket is None:
        return None
    from lambda_responses.storage.blobs.s3 import S3Blobs

    return S3Blobs(settings.bucket)


def _key_ring(settings: Settings) -> KeyRing | None:
    """The operator's keys, if there are any."""
    if settings.sealing_keys is None:
        return None
    from lambda_responses.sealing.keys import parse_key_ring

    try:
        return parse_key_ring(settings.sealing_keys)
    except ValueError as error:
        raise SettingsError(f"RESPONSES_SEALING_KEYS cannot be used: {error}.") from None
