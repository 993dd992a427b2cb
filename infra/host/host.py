"""A deployment on this machine: a REST API and function URLs on one port, and a process for each instance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.host.connections import Server
from infra.host.event_sources import EventSourceMappings
from infra.host.files import Files
from infra.host.function_urls import PREFIX, FunctionUrls
from infra.host.functions import Functions
from infra.host.keeper import Keeper
from infra.host.queues import Queues
from infra.host.rest_api import RestApi
from infra.host.signatures import Signatures
from infra.host.sqs import PREFIX as SQS_PREFIX
from infra.host.sqs import Sqs

if TYPE_CHECKING:
    from pathlib import Path

    from infra.host.connections import Exchange
    from infra.host.deployment import Deployment
    from infra.host.environment import Surroundings
    from infra.host.functions import Log

CONCURRENCY = 10
"""Instances that a function may have, unless the template reserves it some: as in a new account."""


class Host:
    """Serves a deployment between `start` and `stop`. `log` is given a function's name and a line.

    Where functions keep everything in a SQLite `database`, their queues are files beside it; otherwise the
    host is their SQS, in memory.
    """

    def __init__(
        self,
        deployment: Deployment,
        surroundings: Surroundings,
        *,
        log: Log,
        limit: int = CONCURRENCY,
        database: Path | None = None,
    ) -> None:
        self._deployment = deployment
        self._keeper = Keeper()
        self._told = dict(surroundings.overrides)
        surroundings = replace(surroundings, overrides=self._told)
        self.functions = Functions(deployment, surroundings, self._keeper, limit=limit, log=log)
        key, secret = (
            surroundings.inherited.get(name, "test")
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        signatures = Signatures(key, secret)
        self._api = RestApi(deployment, self.functions, signatures)
        self._urls = FunctionUrls(deployment, self.functions, signatures)
        self._queues = Queues(deployment.sources.queues)
        self._sqs = Sqs(self._queues)
        self._files = None if database is None else Files(database, deployment)
        self._mappings = EventSourceMappings(
            deployment.sources,
            self.functions,
            queue=self._queues.__getitem__ if self._files is None else self._files.queue,
            table=None if self._files is None else self._files.table,
            region=deployment.region,
        )
        self._server = Server(self._serve)

    @property
    def base_url(self) -> str:
        """What clients of the REST API are given."""
        return f"http://{self._server.address}/{self._deployment.api.stage}"

    @property
    def url_base_url(self) -> str:
        """What clients of the function URLs are given."""
        return f"http://{self._server.address}{PREFIX}/{self._deployment.api.stage}"

    @property
    def sqs_url(self) -> str:
        """Where clients of SQS find the queues, but for those that are files."""
        return f"http://{self._server.address}{SQS_PREFIX}"

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1, and look after queues and schedules. Raises `OSError`."""
        await self._server.start(port)
        if self._files is None:
            self._told.setdefault("AWS_ENDPOINT_URL_SQS", self.sqs_url)
        self._mappings.start()

    async def stop(self) -> None:
        """Stop listening, and return when no process is left."""
        await self._mappings.stop()
        await self._server.stop()
        await self.functions.close()
        if self._files is not None:
            self._files.close()
        self._keeper.close()

    async def _serve(self, exchange: Exchange) -> None:
        if exchange.target.startswith(SQS_PREFIX):
            await self._sqs.serve(exchange)
            return
        front = self._urls if exchange.target.startswith(f"{PREFIX}/") else self._api
        await front.serve(exchange)
