"""Images and files that a request names by address, brought to where they are needed.

What an upstream will fetch by itself is judged by its address alone; what it takes as bytes only is fetched
here, through the outbound guard. Faults have the words and the code of the live API's; they name the place in
the request, where the live API says `url`.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from lambda_responses.outbound.faults import OutboundFault, Refused, TooLarge, TooSlow, Unsuccessful
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.outbound.client import Fetched
    from lambda_responses.outbound.policy import OutboundPolicy
    from lambda_responses.wire.json import Json

MOST_FILES = 100
"""Different addresses fetched for one request."""
MOST_BYTES = 50_000_000
"""Of all files of one request, as on the live API."""
MOST_SECONDS = 30.0
"""For all of them; each has a bound of its own."""
AT_ONCE = 8

KINDS = {"computer_screenshot": "input_image"}
"""What a part counts as, where that is not its type."""

_WEB = re.compile(r"\s*https?:", re.IGNORECASE)
_HELD_ELSEWHERE = re.compile(r"(data|gs|s3):", re.IGNORECASE)
"""Content itself, and addresses in a vendor's own store: nobody asks a server for these."""


class Fetch(Protocol):
    """Gets a file from the web; see `Outbound.fetch`."""

    async def __call__(self, url: str, *, largest: int | None = None) -> Fetched:
        """Raises `OutboundFault`."""
        ...


@dataclass(frozen=True, slots=True)
class _Mention:
    """An address in the context, and where it stands."""

    index: int
    member: str
    """Of the item: `content` or `output`."""
    at: int | None
    """Which part of that member; None where the member is the part."""
    part: Json
    key: str
    url: str

    @property
    def kind(self) -> str:
        """As which kind of content it goes upstream."""
        type: str = self.part["type"]
        return KINDS.get(type, type)

    def is_opened(self, opens: tuple[str, ...]) -> bool:
        """Whether the upstream needs no bytes: it has them, or gets them by itself."""
        return bool(self.part.get("file_data")) or self.url.startswith(opens)

    def param(self, history: int) -> str:
        """How faults name the place."""
        if self.index < history:
            return "previous_response_id"
        part = "" if self.at is None else f"[{self.at}]"
        return f"input[{self.index - history}].{self.member}{part}.{self.key}"


async def carried(
    items: Sequence[Json],
    *,
    fetches: frozenset[str],
    opens: tuple[str, ...] = (),
    native: bool,
    fetch: Fetch,
    policy: OutboundPolicy,
    history: int = 0,
) -> list[Json]:
    """The items as an upstream takes them: addresses of the kinds in `fetches` replaced by `data:` URLs.

    Addresses that begin as one of `opens` stay, because the upstream opens them by itself.
    The first `history` items are of earlier turns. Items are never changed in place, and those without such
    content are the same objects; a `native` upstream gets them all as they are. Raises `InvalidRequestError`.
    """
    mentions = [] if native else list(_mentions(items))
    if not mentions:
        return list(items)
    for mention in mentions:
        _check(mention, policy, history)
    wanted = [each for each in mentions if each.kind in fetches and not each.is_opened(opens)]
    files = await _fetched(wanted, fetch, history)
    shown = list(items)
    for mention in wanted:
        file = files[mention.url]
        if mention.kind == "input_image" and not file.media_type.startswith("image/"):
            raise _no_image(mention.param(history))
        shown[mention.index] = _with(shown[mention.index], mention, _part(mention.part, file))
    return shown


def _mentions(items: Sequence[Json]) -> Iterator[_Mention]:
    for index, item in enumerate(items):
        for member in ("content", "output"):
            held: Any = item.get(member)
            if isinstance(held, list):
                for at, part in enumerate(cast("list[Any]", held)):
                    yield from _mention(index, member, at, part)
            elif held:
                yield from _mention(index, member, None, held)


def _mention(index: int, member: str, at: int | None, part: Any) -> Iterator[_Mention]:
    match part:
        case {"type": "input_image" | "computer_screenshot", "image_url": str(url)}:
            key = "image_url"
        case {"type": "input_file", "file_url": str(url)}:
            key = "file_url"
        case _:
            return
    if url and not _HELD_ELSEWHERE.match(url):
        yield _Mention(index, member, at, part, key, url)


def _check(mention: _Mention, policy: OutboundPolicy, history: int) -> None:
    from lambda_responses.outbound.policy import check_url

    param = mention.param(history)
    if not _WEB.match(mention.url):
        message = f"Invalid '{param}'. Expected a valid URL, but got a value with an invalid format."
        raise InvalidRequestError(message, code="invalid_value", param=param)
    try:
        check_url(mention.url, policy)
    except Refused as fault:
        raise _fault(mention, fault, history) from None


@dataclass(frozen=True, slots=True)
class _File:
    """A fetched file, as one `data:` URL for all who mention it."""

    media_type: str
    data_url: str
    name: str


async def _fetched(mentions: Sequence[_Mention], fetch: Fetch, history: int) -> Mapping[str, _File]:
    """Every address once, some at a time. The first fault ends it. Raises `InvalidRequestError`."""
    first = {mention.url: mention for mention in reversed(mentions)}
    if len(first) > MOST_FILES:
        message = (
            f"This request names {len(first)} files by address, of which {MOST_FILES} at most are fetched."
        )
        raise InvalidRequestError(message, code="invalid_value", param="input")
    files: dict[str, _File] = {}
    room, gate = MOST_BYTES, asyncio.Semaphore(AT_ONCE)

    async def get(mention: _Mention) -> None:
        nonlocal room
        async with gate:
            try:
                file = await fetch(mention.url, largest=room)
            except OutboundFault as fault:
                raise _fault(mention, fault, history) from None
        room -= len(file.data)
        if room < 0:
            raise _fault(mention, TooLarge(), history)
        content = b64encode(file.data).decode()
        files[mention.url] = _File(file.media_type, f"data:{file.media_type};base64,{content}", file.name)

    try:
        async with asyncio.timeout(MOST_SECONDS), asyncio.TaskGroup() as group:
            for mention in first.values():
                group.create_task(get(mention))
    except TimeoutError:
        late = next(mention for url, mention in first.items() if url not in files)
        raise _fault(late, TooSlow(), history) from None
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None
    return files


def _part(part: Json, file: _File) -> Json:
    """The part with its content in place of its address."""
    if part["type"] != "input_file":
        return {**part, "image_url": file.data_url}
    rest = {key: value for key, value in part.items() if key != "file_url"}
    return {**rest, "filename": part.get("filename") or file.name, "file_data": file.data_url}


def _with(item: Json, mention: _Mention, part: Json) -> Json:
    """The item with that part in the place of the mention's."""
    if mention.at is None:
        return {**item, mention.member: part}
    parts: list[Json] = list(item[mention.member])
    parts[mention.at] = part
    return {**item, mention.member: parts}


def _fault(mention: _Mention, fault: OutboundFault, history: int) -> InvalidRequestError:
    """What the client hears: of an address that is closed the same as of one where nobody is."""
    url = clip(mention.url)
    match fault:
        case Unsuccessful(status=status):
            message = f"Error while downloading file. Upstream status code: {status}."
        case TooSlow():
            message = f"Timeout while downloading {url}."
        case TooLarge():
            message = f"Error while downloading {url}. The file is too large."
        case _:
            message = f"Error while downloading {url}."
    return InvalidRequestError(message, code="invalid_value", param=mention.param(history))


def _no_image(param: str) -> InvalidRequestError:
    formats = "['image/jpeg', 'image/png', 'image/gif', 'image/webp']"
    message = (
        "The image data you provided does not represent a valid image. Please check your input and try again"
        f" with one of the following image formats: {formats}."
    )
    return InvalidRequestError(message, code="invalid_value", param=param)
