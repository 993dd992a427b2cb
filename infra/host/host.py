"""A deployment on this machine: a REST API and function URLs on one port, and a process for each instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.host.connections import Server
from infra.host.function_urls import PREFIX, FunctionUrls
from infra.host.functions import Functions
from infra.host.keeper import Keeper
from infra.host.rest_api import RestApi
from infra.host.signatures import Signatures

if TYPE_CHECKING:
    from infra.host.connections import Exchange
    from infra.host.deployment import Deployment
    from infra.host.environment import Surroundings
    from infra.host.functions import Log

CONCURRENCY = 10
"""Instances that a function may have, unless the template reserves it some: as in a new account."""


class Host:
    """Serves a deployment between `start` and `stop`. `log` is given a function's name and a line."""

    def __init__(
        self, deployment: Deployment, surroundings: Surroundings, *, log: Log, limit: int = CONCURRENCY
    ) -> None:
        self._deployment = deployment
        self._keeper = Keeper()
        self.functions = Functions(deployment, surroundings, self._keeper, limit=limit, log=log)
        key, secret = (
            surroundings.inherited.get(name, "test")
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        signatures = Signatures(key, secret)
        self._api = RestApi(deployment, self.functions, signatures)
        self._urls = FunctionUrls(deployment, self.functions, signatures)
        self._server = Server(self._serve)

    @property
    def base_url(self) -> str:
        """What clients of the REST API are given."""
        return f"http://{self._server.address}/{self._deployment.api.stage}"

    @property
    def url_base_url(self) -> str:
        """What clients of the function URLs are given."""
        return f"http://{self._server.address}{PREFIX}/{self._deployment.api.stage}"

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1. Raises `OSError`."""
        await self._server.start(port)

    async def stop(self) -> None:
        """Stop listening, and return when no process is left."""
        await self._server.stop()
        await self.functions.close()
        self._keeper.close()

    async def _serve(self, exchange: Exchange) -> None:
        front = self._urls if exchange.target.startswith(f"{PREFIX}/") else self._api
        await front.serve(exchange)
