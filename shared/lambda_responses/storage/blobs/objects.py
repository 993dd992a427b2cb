"""Objects that queued requests name: bodies too large for a message, and files of lines.

They are read in pieces, so that a file of any size takes no more memory than a piece, and no connection waits
while what was read is worked at.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from lambda_responses.storage.blobs.s3 import S3Blobs, connect_s3

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambda_responses.wire.batch_lines import ObjectAddress

_GONE = {"NoSuchKey", "404", "NoSuchVersion"}
_BEYOND = {"InvalidRange", "416"}
_CHANGED = {"PreconditionFailed", "412"}


BODIES = "bodies/"
"""Below this lie bodies that jobs name. All else in the place is lines of jobs."""


class ObjectGone(Exception):
    """There is no such object, or not in the state that was named."""


class Objects(Protocol):
    """Reads objects of one place."""

    def has(self, address: ObjectAddress) -> bool:
        """Whether an object at that address belongs to the place. Nobody looks whether it is there."""
        ...

    def is_body(self, address: ObjectAddress) -> bool:
        """Whether that is where bodies lie until a job names them."""
        ...

    async def read(self, address: ObjectAddress, start: int, size: int) -> bytes:
        """Up to so many bytes from there on; fewer at its end alone, and none beyond it.

        Raises `ObjectGone`, `StoreUnavailable`.
        """
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class S3Objects(S3Blobs):
    """`Objects` in a bucket, below a prefix if there is one."""

    def __init__(self, place: str, *, connect: Callable[[], Any] = connect_s3) -> None:
        """`place` is `<bucket>` or `<bucket>/<prefix>`."""
        bucket, _, self._prefix = place.partition("/")
        super().__init__(bucket, connect=connect)

    def has(self, address: ObjectAddress) -> bool:
        """See `Objects`."""
        return address.bucket == self._bucket and address.key.startswith(self._prefix)

    def is_body(self, address: ObjectAddress) -> bool:
        """See `Objects`."""
        return self.has(address) and address.key.startswith(self._prefix + BODIES)

    async def read(self, address: ObjectAddress, start: int, size: int) -> bytes:
        """See `Objects`."""
        return await self._run(partial(self._read, address=address, start=start, size=size))

    def _read(self, client: Any, *, address: ObjectAddress, start: int, size: int) -> bytes:
        from botocore.exceptions import ClientError

        state = {"IfMatch": f'"{address.etag}"'} if address.etag else {}
        piece = f"bytes={start}-{start + size - 1}"
        try:
            answer = client.get_object(Bucket=self._bucket, Key=address.key, Range=piece, **state)
        except ClientError as fault:
            code = str(fault.response.get("Error", {}).get("Code", ""))
            if code in _BEYOND:
                return b""
            if code in _GONE | _CHANGED:
                raise ObjectGone from None
            raise
        with answer["Body"] as body:
            return body.read()
