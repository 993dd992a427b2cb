"""Blobs in one S3 bucket.

boto3's clients are synchronous, so calls run on a few threads of their own. A lifecycle rule removes objects
by their age, and writing one again begins its age anew; so nothing is asked before it is written. Objects
below `conversations/` have no such rule. docs/adr/0014-blobs.md says how old they must be allowed to grow.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.storage.keyed.port import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Sequence

CONNECTIONS = 8
MAX_DELETED = 1_000
"""What one `DeleteObjects` takes."""


def connect_s3(*, endpoint_url: str | None = None, region: str | None = None) -> Any:
    """A client with bounded retries and as many connections as threads will ask for.

    Raises `StoreUnavailable` where it cannot be known whom to call, as without a region.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from lambda_responses.storage.keyed.clients import client_of

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 4},
        connect_timeout=2,
        read_timeout=20,
        tcp_keepalive=True,
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path"} if endpoint_url else None,
    )
    try:
        return client_of("s3", config=config, endpoint_url=endpoint_url, region=region)
    except BotoCoreError as fault:
        raise StoreUnavailable(type(fault).__name__) from fault


class S3Blobs:
    """`Blobs` in a bucket. `connect` makes its client when the first blob is asked for."""

    def __init__(self, bucket: str, *, connect: Callable[[], Any] = connect_s3) -> None:
        self._bucket = bucket
        self._connect = connect
        self._client: Any = None
        self._connecting = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix="s3")

    async def put(self, name: str, data: bytes, *, expires: int | None) -> None:
        """See `Blobs`. Its age begins anew, whether it was there or not."""
        await self._call("put_object", Key=name, Body=data)

    async def get(self, name: str) -> bytes | None:
        """See `Blobs`."""
        return await self._run(self._get, name)

    async def delete(self, names: Collection[str]) -> None:
        """See `Blobs`."""
        ordered = list(names)
        for start in range(0, len(ordered), MAX_DELETED):
            objects = [{"Key": name} for name in ordered[start : start + MAX_DELETED]]
            answer = await self._call("delete_objects", Delete={"Objects": objects, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StoreUnavailable(error.get("Code", "DeleteObjects"))

    async def clear(self, scope: str) -> None:
        """See `Blobs`."""
        onward: dict[str, str] = {}
        while True:
            page = await self._call("list_objects_v2", Prefix=f"{scope}/", **onward)
            await self.delete([each["Key"] for each in page.get("Contents", ())])
            if "NextContinuationToken" not in page:
                return
            onward = {"ContinuationToken": page["NextContinuationToken"]}

    def close(self) -> None:
        """Finish what was begun and close the connections."""
        self._threads.shutdown(wait=True)
        if self._client is not None:
            self._client.close()

    def _get(self, client: Any, name: str) -> bytes | None:
        from botocore.exceptions import ClientError

        try:
            answer = client.get_object(Bucket=self._bucket, Key=name)
        except ClientError as fault:
            if _code(fault) == "NoSuchKey":
                return None
            raise
        with answer["Body"] as body:
            return body.read()

    async def _call(self, operation: str, **parameters: Any) -> Any:
        def request(client: Any) -> Any:
            return getattr(client, operation)(Bucket=self._bucket, **parameters)

        return await self._run(request)

    async def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """The result of one request, on a thread; so is the client made, which takes a while."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._request, work, arguments)

    def _request(self, work: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
        with _faults():
            return work(self._client, *arguments)


def _code(fault: Exception) -> str:
    response = cast("dict[str, Any]", getattr(fault, "response", {}))
    return response.get("Error", {}).get("Code", "")


@contextmanager
def _faults() -> Generator[None]:
    """`StoreUnavailable` for whatever S3 or the way to it does, by its code alone."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as fault:
        raise StoreUnavailable(_code(fault)) from fault
    except (BotoCoreError, HTTPError) as fault:
        raise StoreUnavailable(type(fault).__name__) from fault
