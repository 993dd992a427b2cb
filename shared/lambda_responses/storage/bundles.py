"""Named JSON values, packed for rows. Where there are blobs, media and whatever is long lie in those.

A bundle's parts, each of them packed JSON:

    "in", "out", …      the values themselves, unless they are too long for a row together
    "big"               then, instead of them: the blob that holds them, and where each of them is cut off
    "med"               what was lifted out of the values, see `lifting`

A blob lies in the scope of the thread whose row refers to it. Whoever packs a bundle names its blobs: by
their SHA-256, or by that and who it is that writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.storage.blobs.lifting import (
    MediaMissing,
    digest_in,
    digest_of,
    fetched,
    lift,
    named,
    put_back,
)
from lambda_responses.storage.codec import pack, unpack
from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.storage.parcels import ROW_BYTES, from_rows
from lambda_responses.storage.scheduling import off_the_loop
from lambda_responses.storage.table import blobs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs
    from lambda_responses.storage.keyed.port import Row

MAX_BUNDLE = 64_000_000
"""Bytes of one turn with its media: several times what any request may bring, and any model can read."""
EXPIRY = "bx"
"""Attribute of a bundle's first row: when the first of the blobs that it refers to may be gone."""


class RowsApart(MediaMissing):
    """Of rows that are written together, not all were found: a query may see half a transaction, or half of
    what a delete leaves.
    """


class TooLargeToStore(StoreFact):
    """More than the store keeps of one turn, after compression."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into rows, and by their names the blobs that they refer to."""

    parts: dict[str, bytes]
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def bundle_of(
    values: Mapping[str, Any],
    *,
    room: int,
    lifts: bool,
    bounded: bool = True,
    name: Callable[[str], str] = str,
) -> Bundle:
    """Pack each value that is not empty. Raises `TooLargeToStore`.

    Where nothing `lifts`, all must fit into `room` bytes of rows; else into `MAX_BUNDLE`, if `bounded`.
    `name` gives a blob's name, from its SHA-256, with which that begins.
    """
    full = {part: value for part, value in values.items() if value}
    if not lifts:
        parts = {part: pack(value) for part, value in full.items()}
        _check(sum(map(len, parts.values())), room)
        return Bundle(parts)
    lifted = lift([full])
    [full], [media] = lifted.values, lifted.media
    blobs = {name(digest): data for digest, data in lifted.blobs.items()}
    parts = {part: pack(value) for part, value in full.items()}
    size = sum(map(len, parts.values()))
    if bounded:
        _check(size + sum(map(len, blobs.values())), MAX_BUNDLE)
    if size > ROW_BYTES:
        whole = b"".join(parts.values())
        big = name(digest_of(whole))
        blobs[big] = whole
        parts = {"big": pack([big, [[part, len(data)] for part, data in parts.items()]])}
    if media:
        parts["med"] = pack([[path, name(digest), prefix] for path, digest, prefix in media])
    return Bundle(parts, blobs)


def references(rows: Sequence[Row]) -> set[str]:
    """The names of the blobs that a bundle's rows refer to; none where a row is missing."""
    return _references(from_rows(row.values for row in rows) or {})


async def read_bundles(bundles: Sequence[Sequence[Row]], *, blobs: Blobs | None) -> list[dict[str, Any]]:
    """The values of bundles, from the rows of each in order. What several have a copy of is fetched once.

    Raises `MediaMissing` where a blob is gone, which has expired or was deleted, and `RowsApart`.
    """
    packed: list[Mapping[str, bytes]] = []
    copies: dict[str, str] = {}
    for rows in bundles:
        parts = from_rows(row.values for row in rows)
        if parts is None:
            raise RowsApart
        packed.append(parts)
        scope = rows[0].values.get("at") or blobs_of(rows[0].key)
        for name in _references(parts):
            copies.setdefault(digest_in(name), f"{scope}/{name}")
    fetched_now = await fetched(copies.values(), blobs=blobs)
    found = {digest: fetched_now[name] for digest, name in copies.items()}

    def opened() -> list[dict[str, Any]]:
        return [_opened(parts, found) for parts in packed]

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
    names = named([unpack(parts["med"])]) if "med" in parts else set[str]()
    return names | {unpack(parts["big"])[0]} if "big" in parts else names


def _opened(parts: Mapping[str, bytes], blobs: Mapping[str, bytes]) -> dict[str, Any]:
    if "big" in parts:
        big, cuts = unpack(parts["big"])
        parts = {**parts, **_cut(blobs[digest_in(big)], cuts)}
    values = {name: unpack(part) for name, part in parts.items() if name not in ("big", "med")}
    if "med" in parts:
        put_back(values, unpack(parts["med"]), blobs)
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
