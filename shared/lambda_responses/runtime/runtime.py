"""What an application runs on."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, cast

from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.principals.callers import Callers
from lambda_responses.runtime.services import LiveServices
from lambda_responses.runtime.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Scope

    from lambda_responses.lifecycle.ports import Principal, Services
    from lambda_responses.queue.port import PolledQueue
    from lambda_responses.runtime.queues import QueueName


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
        from lambda_responses.runtime.queues import check_places

        check_places(self.settings)
        live = self._live
        _ = live.router, live.mcp_servers, live.outbound, live.responses, live.queue

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

    def local_queue(self, name: QueueName) -> PolledQueue:
        """The queue of that name beside the database file, for whoever closes it. Raises `SettingsError`."""
        from lambda_responses.runtime.queues import local_queue

        return local_queue(self.settings, name, now=self._live.now)

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
