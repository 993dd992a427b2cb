"""Named JSON values, packed for rows. Where there are blobs, media and whatever is long lie in those.

A bundle's parts, each of them packed JSON:

    "in", "out", …      the values themselves, unless they are too long for a row together
    "big"               then, instead of them: the blob that holds them, and where each of them is cut off
    "med"               what was lifted out of the values, see `lifting`

A blob lies in the scope of the thread whose row refers to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed import StoreFact
from lambda_responses.storage.lifting import MediaMissing, digest_of, fetched, lift, named, put_back
from lambda_responses.storage.parcels import ROW_BYTES, from_rows
from lambda_responses.storage.scheduling import off_the_loop
from lambda_responses.storage.table import blobs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lambda_responses.storage.blobs import Blobs
    from lambda_responses.storage.keyed import Row

MAX_BUNDLE = 64_000_000
"""Bytes of one bundle with its media: several times what any request may bring, and any model can read."""
EXPIRY = "bx"
"""Attribute of a bundle's first row: when the first of the blobs that it refers to may be gone."""


class TooLargeToStore(StoreFact):
    """More than the store keeps of one turn, after compression."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into rows, and by SHA-256 the blobs that they refer to."""

    parts: dict[str, bytes]
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def bundle_of(values: Mapping[str, Any], *, room: int, lifts: bool) -> Bundle:
    """Pack each value that is not empty. Raises `TooLargeToStore`.

    Where nothing `lifts`, all must fit into `room` bytes of rows.
    """
    full = {name: value for name, value in values.items() if value}
    if not lifts:
        parts = {name: pack(value) for name, value in full.items()}
        _check(sum(map(len, parts.values())), room)
        return Bundle(parts)
    lifted = lift([full])
    [full], [media] = lifted.values, lifted.media
    blobs = dict(lifted.blobs)
    parts = {name: pack(value) for name, value in full.items()}
    size = sum(map(len, parts.values()))
    _check(size + sum(map(len, blobs.values())), MAX_BUNDLE)
    if size > ROW_BYTES:
        whole = b"".join(parts.values())
        digest = digest_of(whole)
        blobs[digest] = whole
        parts = {"big": pack([digest, [[name, len(part)] for name, part in parts.items()]])}
    if media:
        parts["med"] = pack(media)
    return Bundle(parts, blobs)


def references(rows: Sequence[Row]) -> set[str]:
    """The blobs that a bundle's rows refer to, by SHA-256; none where a row is missing."""
    return _references(from_rows(row.values for row in rows) or {})


async def read_bundles(bundles: Sequence[Sequence[Row]], *, blobs: Blobs | None) -> list[dict[str, Any]]:
    """The values of bundles, from the rows of each in order.

    Raises `MediaMissing` where a row or a blob is gone: it has expired, or a delete is under way.
    """
    packed: list[Mapping[str, bytes]] = []
    scopes: list[str] = []
    names: set[str] = set()
    for rows in bundles:
        parts = from_rows(row.values for row in rows)
        if parts is None:
            raise MediaMissing
        packed.append(parts)
        scopes.append(rows[0].values.get("at") or blobs_of(rows[0].key))
        names.update(f"{scopes[-1]}/{digest}" for digest in _references(parts))
    found = await fetched(names, blobs=blobs)

    def opened() -> list[dict[str, Any]]:
        return [_opened(parts, found, scope) for parts, scope in zip(packed, scopes, strict=True)]

    weight = sum(len(part) for parts in packed for part in parts.values()) + sum(map(len, found.values()))
    return await off_the_loop(weight, opened)


def grouped(rows: Iterable[Row]) -> list[list[Row]]:
    """The rows of a thread's bundles, each bundle by itself; control rows and links are none."""
    bundles: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        kind, *names = row.key.sk.split("#")
        if kind in ("C", "S") or (kind == "R" and len(names) == 2):
            bundles.setdefault((row.key.pk, kind, *(names[:1] if kind == "R" else names[:2])), []).append(row)
    return list(bundles.values())


def _references(parts: Mapping[str, bytes]) -> set[str]:
    digests = named([unpack(parts["med"])]) if "med" in parts else set[str]()
    return digests | {unpack(parts["big"])[0]} if "big" in parts else digests


def _opened(parts: Mapping[str, bytes], blobs: Mapping[str, bytes], scope: str) -> dict[str, Any]:
    if "big" in parts:
        digest, cuts = unpack(parts["big"])
        parts = {**parts, **_cut(blobs[f"{scope}/{digest}"], cuts)}
    values = {name: unpack(part) for name, part in parts.items() if name not in ("big", "med")}
    if "med" in parts:
        media = unpack(parts["med"])
        put_back(values, media, {digest: blobs[f"{scope}/{digest}"] for digest in named([media])})
    return values


def _cut(whole: bytes, cuts: Iterable[tuple[str, int]]) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    start = 0
    for name, length in cuts:
        parts[name] = whole[start : start + length]
        start += length
    return parts


def _check(size: int, room: int) -> None:
    if size > room:
        raise TooLargeToStore(f"over {room} bytes after compression")
