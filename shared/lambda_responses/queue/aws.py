"""Services of AWS for what is queued and told, called from an event loop.

boto3's clients are synchronous, so calls run on a few threads of their own.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lambda_responses.queue.port import QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

CONNECTIONS = 4
_PREFIX = "AWS.SimpleQueueService."
"""What SQS puts before some of its codes, depending on the protocol that it is spoken to in."""


def connected(service: str, *, endpoint_url: str | None = None, region: str | None = None) -> Any:
    """A client with short time limits and bounded retries.

    Raises `QueueUnavailable` where it cannot be known whom to call, as without a region.
    """
    from botocore.config import Config

    from lambda_responses.storage.keyed.clients import client_of

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=2,
        read_timeout=10,
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
    )
    with _faults():
        return client_of(service, config=config, endpoint_url=endpoint_url, region=region)


class Calls:
    """Calls by one client, which `connect` makes for the first of them."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._client: Any = None
        self._connecting = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="aws")

    async def call(self, operation: str, **parameters: Any) -> Any:
        """What the service answers. Raises `QueueUnavailable`, which names the code of the trouble."""

        def request() -> Any:
            return getattr(self._made(), operation)(**parameters)

        with _faults():
            return await asyncio.get_running_loop().run_in_executor(self._threads, request)

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._threads.shutdown(wait=True)
        if self._client is not None:
            self._client.close()

    def _made(self) -> Any:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
            return self._client


@contextmanager
def _faults() -> Generator[None]:
    """Name the trouble by its code, without what was sent."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        code = str(fault.response.get("Error", {}).get("Code", "")).removeprefix(_PREFIX)
        raise QueueUnavailable(code or type(fault).__name__) from fault
    except BotoCoreError as fault:
        raise QueueUnavailable(type(fault).__name__) from fault
