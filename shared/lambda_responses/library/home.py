"""What the library's functions run on: the services of `make dev`, without a server around them."""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from typing import TYPE_CHECKING, cast

from lambda_responses.runtime.settings import local_environment, read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.library.routes import OwnRouters
    from lambda_responses.library.services import LibraryServices
    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.providers.routing import ProviderRouter
    from lambda_responses.queue.port import PolledQueue
    from lambda_responses.runtime.settings import Settings


class Home:
    """Services and the tenant whose responses are read and written; made when they are first needed."""

    def __init__(self, environment: Mapping[str, str], tenant: str) -> None:
        self._environment = local_environment(environment)
        self._tenant = tenant
        self.own_routers: OwnRouters = OrderedDict()
        """Routers of calls with keys or addresses of their own; the one used last is at the end."""
        self._working: asyncio.Task[None] | None = None

    @functools.cached_property
    def settings(self) -> Settings:
        """What the environment says. Raises `SettingsError`."""
        return read_settings(self._environment)

    @functools.cached_property
    def live(self) -> LibraryServices:
        """The services. Raises `SettingsError`."""
        from lambda_responses.library.services import LibraryServices

        return LibraryServices(self.settings, self._environment)

    @property
    def services(self) -> Services:
        """The same, as use cases know them."""
        # A protocol's property and a cached one are the same to a reader, and different to the type checker.
        return cast("Services", self.live)

    @functools.cached_property
    def principal(self) -> Principal:
        """Whom the calls are for: where nothing is said, the one tenant of a server without credentials."""
        from lambda_responses.lifecycle.ports import Principal
        from lambda_responses.runtime.principals.anybody import TENANT

        return Principal(self._tenant or TENANT)

    @property
    def router(self) -> ProviderRouter:
        """What model names stand for, by the environment alone."""
        return self.live.router

    def work(self) -> None:
        """Make background responses here as well, from now on until the loop cancels it.

        Beside a table functions make them, and with `RESPONSES_WORKERS` at 0 somebody else.
        """
        if self._working is not None or self.settings.database is None or not self.settings.workers:
            return
        from lambda_responses.lifecycle.background.consumer import background_consumer

        consumer = background_consumer(
            self.services,
            cast("PolledQueue", self.services.queue),  # which it is beside SQLite
            concurrency=self.settings.worker_concurrency,
            seconds=self.settings.worker_seconds,
        )
        self._working = asyncio.create_task(consumer.run(asyncio.Event()))

    async def aclose(self) -> None:
        """Close what was opened. What was never used is not opened for it."""
        if "live" in self.__dict__:
            await self.live.aclose()
