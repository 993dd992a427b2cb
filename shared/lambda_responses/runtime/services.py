"""The composition root: the one place that names concrete stores and providers.

Parts are made when they are first needed, so that an operation pays for nothing that it does not use.
"""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import time
from typing import TYPE_CHECKING, cast

from lambda_responses.runtime.logs import logger, place_of
from lambda_responses.runtime.metrics import publish_lost_notification, publish_upstream_error
from lambda_responses.runtime.parameters import OperatorParameters
from lambda_responses.runtime.principals.callers import Callers
from lambda_responses.runtime.settings import PREFIX, SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.types import Scope

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.outbound.client import Outbound
    from lambda_responses.providers.connections import Connections
    from lambda_responses.providers.local_model import LocalModel
    from lambda_responses.providers.routing import ProviderRouter
    from lambda_responses.queue.event_bus import EventBus
    from lambda_responses.queue.port import PolledQueue, Queue
    from lambda_responses.queue.results import Results
    from lambda_responses.runtime.parameters import Kept
    from lambda_responses.runtime.settings import Settings
    from lambda_responses.sealing.keys import KeyRing
    from lambda_responses.sealing.sealer import Sealer
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
    from lambda_responses.wire.errors import APIError

BACKGROUND, REQUESTS, RESULTS, DEAD_LETTERS = "background", "requests", "results", "dead letters"
"""The queues of a laptop."""

REMOTE_LEASE, LOCAL_LEASE = 60.0, 4.0
"""Seconds that a worker has a background response without a sign of life. Beside SQLite nothing but a machine
that stands still can keep one from giving it, and people who start a server anew wait for what they had."""
PLACES_BESIDE_TABLES = (
    "queue_url",
    "request_queue_url",
    "dead_letter_queue_url",
    "result_queue_url",
    "result_bucket",
)
_MOST_OF_A_NAME = 200
"""Of a target's: the model's part is what a client wrote."""


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
        self.first_event_wait = settings.first_event_wait_ms / 1000
        self.max_steps = settings.max_steps
        self.max_background_steps = settings.max_background_steps
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
        from lambda_responses.storage.background.slots import Slots

        return Slots(self.store, now=self.now, lease_seconds=self.jobs.lease_seconds)

    @functools.cached_property
    def events(self) -> EventLog:
        """What clients of streamed background responses were told."""
        from lambda_responses.storage.background.event_log import EventLog

        return EventLog(self.store, now=self.now)

    @functools.cached_property
    def journals(self) -> ToolJournals:
        """Which calls of tools were made for background responses."""
        from lambda_responses.storage.background.tool_journal import ToolJournals

        return ToolJournals(self.store)

    @functools.cached_property
    def queue(self) -> Queue | None:
        """Where background responses wait for a worker; None where there is no such place."""
        return _queue(self._settings, now=self.now)

    @functools.cached_property
    def outbox(self) -> Outbox:
        """Ends of background responses that somebody has yet to be told of."""
        from lambda_responses.storage.background.outbox import Outbox

        return Outbox(self.store, now=self.now)

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
        return _results(self._settings, now=self.now)

    @functools.cached_property
    def requests(self) -> Queue | None:
        """Where queued requests come from; None where that is not known."""
        if self._settings.database is not None:
            return self.local_queue(REQUESTS)
        if self._settings.request_queue_url is None:
            return None
        from lambda_responses.queue.sqs import SQSQueue

        return SQSQueue(self._settings.request_queue_url)

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
        if self._settings.database is not None:
            return self.local_queue(DEAD_LETTERS)
        if self._settings.dead_letter_queue_url is None:
            return None
        from lambda_responses.queue.sqs import SQSQueue

        return SQSQueue(self._settings.dead_letter_queue_url)

    def local_queue(self, name: str) -> PolledQueue:
        """The queue of that name beside the database file, for whoever closes it. Raises `SettingsError`."""
        return _local_queue(self._settings, name, now=self.now)

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

    async def renew(self) -> None:
        """Look at the keys and the models file again if it is time to, while streams go on."""
        if self.parameters.due:
            self._routed(await asyncio.to_thread(self.parameters.current))

    def _routed(self, kept: Kept) -> ProviderRouter:
        if self._router is None or kept is not self._routed_by:
            try:
                self._router = self._router_by(kept)
            except SettingsError as fault:
                if self._router is None:
                    raise
                logger.error("parameters kept as they were", fault=str(fault))
            self._routed_by = kept
        return self._router

    def _router_by(self, kept: Kept) -> ProviderRouter:
        from lambda_responses.providers.base import ProviderSettingsError
        from lambda_responses.providers.models_file import read_models_file
        from lambda_responses.providers.retries import Retries
        from lambda_responses.providers.routing import ProviderRouter

        try:
            return ProviderRouter(
                {**kept.secrets, **self._environment},
                models_file=read_models_file(kept.models),
                default_provider=self._settings.default_provider,
                connections=self.connections,
                retries=Retries(limit=self._settings.max_retries),
                local=self.local_model,
                as_of=int(self.now()),
            )
        except ProviderSettingsError as error:
            raise SettingsError(str(error)) from None

    async def aclose(self) -> None:
        """Close what was opened, once. What was never used is not opened for it."""
        made = self.__dict__
        router, self._router = self._router, None
        if router is not None:
            await router.aclose()
        made.pop("responses", None)
        made.pop("conversations", None)
        made.pop("threads", None)
        made.pop("transfers", None)
        made.pop("claims", None)
        made.pop("events", None)
        made.pop("journals", None)
        made.pop("jobs", None)
        made.pop("slots", None)
        made.pop("outbox", None)
        made.pop("webhook_endpoints", None)
        for name in ("queue", "event_bus", "results", "dead_letters", "requests", "dropped"):
            way: Queue | EventBus | Results | Objects | None = made.pop(name, None)
            if way is not None:
                way.close()
        blobs: Blobs | None = made.pop("blobs", None)
        if blobs is not None:
            blobs.close()
        store: KeyedStore | None = made.pop("store", None)
        if store is not None:
            store.close()


class Runtime:
    """What an application runs on: settings, services, and how its callers are known."""

    def __init__(self, environment: Mapping[str, str], *, local_model: bool = False) -> None:
        """`local_model` offers the embedded model too. Raises `SettingsError`."""
        self.settings = read_settings(environment)
        self._environment = environment
        logger.setLevel(self.settings.log_level)
        self._live = LiveServices(self.settings, environment, local_model=local_model)
        # A protocol's property and a cached one are the same to a reader, and different to the type checker.
        self.services = cast("Services", self._live)
        self.callers = Callers(self.settings, store=lambda: self._live.store, now=self._live.now)

    def check(self) -> None:
        """Make what may fail for want of the right settings. Raises `SettingsError`."""
        _check_places(self.settings)
        _ = self._live.router, self._live.outbound, self._live.responses, self._live.queue

    async def start(self) -> Sequence[str]:
        """Load what would keep the first request waiting; returns a sentence for each thing that failed."""
        local_model = self._live.local_model
        if local_model is None:
            return ()
        from lambda_responses.providers.base import UpstreamUnreachable

        try:
            await local_model.start()
        except UpstreamUnreachable:
            return ("The embedded model cannot be loaded on this machine. The rest is served.",)
        return ()

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._live.aclose()

    async def principal_of(self, scope: Scope) -> Principal:
        """Who asks. Raises `AuthenticationError`."""
        return await self.callers.principal_of(scope)

    async def renew(self) -> None:
        """Take up what the operator has changed with AWS since it was last looked at."""
        await self._live.renew()

    def local_queue(self, name: str) -> PolledQueue:
        """The queue of that name beside the database file, for whoever closes it. Raises `SettingsError`."""
        return self._live.local_queue(name)

    def open_store(self) -> None:
        """Make the store's client now rather than for the first request."""
        _ = self._live.responses

    def expect_models(self) -> None:
        """Make what asking models takes now rather than for the first request.

        Where nobody waits for this, nothing is read from AWS: it would be old by the time of that request,
        and has no place in a snapshot.
        """
        from lambda_responses.runtime.imports import UNHURRIED, import_for_models

        initialization = self._environment.get("AWS_LAMBDA_INITIALIZATION_TYPE", "")
        if initialization not in UNHURRIED:
            self._live.parameters.read_early()
        import_for_models(initialization)
        _ = self._live.connections.trust


@functools.cache
def process_runtime() -> Runtime:
    """The runtime of this process, from its environment. Raises `SettingsError`."""
    return Runtime(os.environ)


def _check_places(settings: Settings) -> None:
    """Raises `SettingsError` for a place on AWS that nobody would use, since a file has its part."""
    if settings.database is not None:
        for name in PLACES_BESIDE_TABLES:
            if getattr(settings, name) is not None:
                raise SettingsError(
                    f"{PREFIX}{name.upper()} goes with DynamoDB; beside SQLite a file has its part."
                )


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


def _queue(settings: Settings, *, now: Callable[[], float]) -> Queue | None:
    """A file beside a database file; beside a table the queue of SQS, if one is named."""
    if settings.database is None:
        if settings.queue_url is None:
            return None
        from lambda_responses.queue.sqs import SQSQueue

        return SQSQueue(settings.queue_url)
    return _local_queue(settings, BACKGROUND, now=now)


def _local_queue(settings: Settings, name: str, *, now: Callable[[], float]) -> PolledQueue:
    """All of them are in one file. Raises `SettingsError`."""
    if settings.database is None:
        raise SettingsError("RESPONSES_STORE is no database on this machine, beside which there were queues.")
    from lambda_responses.queue.local import SQLiteQueue
    from lambda_responses.queue.port import QueueUnavailable

    try:
        return SQLiteQueue(f"{settings.database}.queue", name=name, now=now)
    except QueueUnavailable as error:
        raise SettingsError(f"RESPONSES_STORE cannot be used: its queue says {error}.") from None


def _results(settings: Settings, *, now: Callable[[], float]) -> Results | None:
    """Beside a database file another queue in the file of the first; beside a table what is named."""
    from lambda_responses.queue.results import Results

    if settings.database is not None:
        return Results(_local_queue(settings, RESULTS, now=now))
    url, bucket = settings.result_queue_url, settings.result_bucket
    if url is None and bucket is None:
        return None
    from lambda_responses.queue.sqs import SQSQueue
    from lambda_responses.storage.blobs.s3 import S3Blobs

    queue = None if url is None else SQSQueue(url)
    objects = None if bucket is None else S3Blobs(bucket)
    return Results(queue, objects, bucket=bucket or "")


def _key_ring(settings: Settings) -> KeyRing | None:
    """The operator's keys, if there are any."""
    if settings.sealing_keys is None:
        return None
    from lambda_responses.sealing.keys import parse_key_ring

    try:
        return parse_key_ring(settings.sealing_keys)
    except ValueError as error:
        raise SettingsError(f"RESPONSES_SEALING_KEYS cannot be used: {error}.") from None
