"""Places in vendors' object stores, which a vendor reads as its customer may: as whoever runs this server.

Any client could read the operator's own buckets by naming them, so each is closed until it is opened.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from lambda_responses.outbound.faults import Refused

LONGEST_PLACE = 2_048

_STORE = re.compile(r"(?:s3|gs)://", re.IGNORECASE)
_PLACE = re.compile(
    r"(?:s3|gs)://[a-z0-9][a-z0-9._-]{1,221}(?:/[^?#\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*)?", re.ASCII
)


def is_stored(address: str) -> bool:
    """Whether the address means a place in somebody's store, well written or not."""
    return _STORE.match(address) is not None


def read_place(address: str) -> str:
    """That place, without a slash at its end: `s3://bucket/prefix/name`. Raises `Refused`.

    Queries (`?bucketOwner=`) and fragments are refused, and so is whatever steps out of a prefix once read.
    """
    if len(address) > LONGEST_PLACE or _PLACE.fullmatch(address) is None:
        raise Refused
    if any(segment in (".", "..") for segment in unquote(address).split("/")):
        raise Refused
    return address.rstrip("/")


def is_within(place: str, prefix: str) -> bool:
    """Whether the place is that prefix or under it, by whole segments; both as `read_place` gives them."""
    return place == prefix or place.startswith(f"{prefix}/")
