"""Base64 media lifted out of JSON, so that a picture is kept once as bytes and not in every row as text.

What is lifted: data URLs anywhere (`image_url`, `file_data`, screenshots, parts of tool outputs), and bare
base64 where the API has it (`result` of a generated image, `file_data`, the `data` of audio). It must be
long, and come back exactly as it was written; anything else stays where it is.

A lifted text leaves `""` behind. Beside the value, a list says what stood where, so that nothing a client may
send can be taken for it:

    [[["content", 1, "image_url"], "9f86d0…", "data:image/png;base64,"], …]
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from binascii import Error, a2b_base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from lambda_responses.storage.keyed.port import StoreFact
from lambda_responses.storage.scheduling import at_once, off_the_loop, weight_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from lambda_responses.storage.blobs.port import Blobs

Media: TypeAlias = "list[list[Any]]"
"""What was lifted out of a value: path, name and what stood before the base64. JSON; may be empty."""

LEAST_LIFTED = 8_192
"""Shorter texts stay in the row: to fetch them would cost more than to carry them."""
AT_ONCE = 8
"""Blobs that one operation asks for at a time."""

BARE = frozenset({"result", "file_data", "data", "b64_json"})
"""Members that hold base64 without a prefix."""
_DATA_URL = re.compile(r"data:[^,]{0,255};base64,")


class MediaMissing(StoreFact):
    """What a row refers to is gone: it expired, or is being deleted."""


@dataclass(frozen=True, slots=True)
class Lifted:
    """Values without their large media."""

    values: Sequence[Any]
    media: Sequence[Media]
    """For each value what was lifted out of it; to be kept beside the value where it is not empty."""
    blobs: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """The media themselves, by their SHA-256."""


def digest_of(data: bytes) -> str:
    """What the last part of a blob's name begins with: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_in(name: str) -> str:
    """The SHA-256 of what lies under a name."""
    return name[:64]


def lift(values: Sequence[Any]) -> Lifted:
    """Take the media out of JSON values, which stay as they are: what changes is copied."""
    blobs: dict[str, bytes] = {}
    lifted: list[Any] = []
    media: list[Media] = []
    for value in values:
        found: Media = []
        lifted.append(_without_media(value, [], found, blobs))
        media.append(found)
    return Lifted(lifted, media, blobs)


def put_back(value: Any, media: Media, blobs: Mapping[str, bytes]) -> None:
    """Restore in place what was lifted out of a value, from `blobs` by SHA-256. Raises `MediaMissing`."""
    for path, name, prefix in media:
        data = blobs.get(digest_in(name))
        if data is None:
            raise MediaMissing
        *way, last = path
        at = value
        for step in way:
            at = at[step]
        at[last] = prefix + b64encode(data).decode()


def named(media: Iterable[Media]) -> set[str]:
    """The names of all that was lifted; its SHA-256, where nobody gave it another."""
    return {name for each in media for _, name, _ in each}


async def lifted(
    values: Sequence[Any],
    *,
    blobs: Blobs | None,
    scope: str,
    expires: int | None,
    known: Collection[str] = (),
) -> Lifted:
    """Take media out of JSON values and keep them under `scope`, but for those `known` to be there.

    Without `blobs`, nothing is lifted. Raises `StoreUnavailable`.
    """
    weight = weight_of(values)
    if blobs is None or weight < LEAST_LIFTED:
        return Lifted(values, [[] for _ in values])
    found = await off_the_loop(weight, lift, values)
    sent = {digest: data for digest, data in found.blobs.items() if digest not in known}
    await keep(sent, blobs=blobs, scope=scope, expires=expires)
    return found


async def restored(
    values: Sequence[Any], media: Sequence[Media], *, blobs: Blobs | None, scope: str
) -> Sequence[Any]:
    """The values as they were, changed in place. Raises `MediaMissing`, `StoreUnavailable`."""
    digests = named(media)
    if not digests:
        return values
    found = await fetched({f"{scope}/{digest}" for digest in digests}, blobs=blobs)
    by_digest = {digest_in(name.rpartition("/")[2]): data for name, data in found.items()}

    def put_all_back() -> None:
        for value, each in zip(values, media, strict=True):
            put_back(value, each, by_digest)

    await off_the_loop(sum(map(len, found.values())), put_all_back)
    return values


async def keep(data: Mapping[str, bytes], *, blobs: Blobs, scope: str, expires: int | None) -> None:
    """Write bytes, by their SHA-256, a few at a time. Raises `StoreUnavailable`."""
    puts = (blobs.put(f"{scope}/{digest}", each, expires=expires) for digest, each in data.items())
    await at_once(puts, most=AT_ONCE)


async def fetched(names: Collection[str], *, blobs: Blobs | None) -> dict[str, bytes]:
    """All of them, a few at a time. Raises `MediaMissing` where one is gone, `StoreUnavailable`."""
    if not names:
        return {}
    if blobs is None:
        raise MediaMissing
    found = await at_once(map(blobs.get, names), most=AT_ONCE)
    data = {name: each for name, each in zip(names, found, strict=True) if each is not None}
    if len(data) < len(names):
        raise MediaMissing
    return data


def _without_media(value: Any, path: list[str | int], media: Media, blobs: dict[str, bytes]) -> Any:
    """The value, or a copy of it where something was lifted."""
    if isinstance(value, str):
        return _lifted_text(value, path, media, blobs) if len(value) > LEAST_LIFTED else value
    if not isinstance(value, dict | list):
        return value
    members = cast("Any", value)
    steps: Iterable[Any] = members if isinstance(value, dict) else range(len(members))
    changed = members
    for step in steps:
        member = members[step]
        lifted = _without_media(member, [*path, step], media, blobs)
        if lifted is not member:
            changed = members.copy() if changed is members else changed
            changed[step] = lifted
    return changed


def _lifted_text(text: str, path: list[str | int], media: Media, blobs: dict[str, bytes]) -> str:
    """What is left of a long text: nothing, where it is media that come back exactly."""
    match = _DATA_URL.match(text)
    prefix = match[0] if match else ""
    if not path or not (prefix or path[-1] in BARE):
        return text
    encoded = text[len(prefix) :]
    try:
        data = a2b_base64(encoded)
    except (Error, ValueError):
        return text
    if len(encoded) <= LEAST_LIFTED or b64encode(data).decode() != encoded:
        return text
    digest = digest_of(data)
    blobs[digest] = data
    media.append([path, digest, prefix])
    return ""
