"""Images, files and sounds of a request, brought to where they are needed and in the form that formats read.

What an upstream will fetch by itself is judged by its address alone; what it takes as bytes only is fetched
here, through the outbound guard. Faults have the words and the code of the live API's; they name the place in
the request, where the live API says `url`. A fault in an earlier turn is nobody's to mend: the model is told
that something was there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lambda_responses.outbound.faults import OutboundFault
    from lambda_responses.outbound.gathering import Fetch, File
    from lambda_responses.outbound.policy import OutboundPolicy
    from lambda_responses.transformers.base import Traits
    from lambda_responses.wire.json import Json

KINDS = {
    "input_image": "input_image",
    "input_file": "input_file",
    "input_audio": "input_audio",
    "computer_screenshot": "input_image",
}
"""By the type of a part, as which kind of content it goes upstream."""

UNTAKEN = {
    "input_image": "[An image that this model cannot see.]",
    "input_file": "[A file that this model cannot read.]",
    "input_audio": "[Audio that this model cannot hear.]",
}
LOST = {
    "input_image": "[An image that could no longer be fetched.]",
    "input_file": "[A file that could no longer be fetched.]",
    "input_audio": "[Audio that could no longer be fetched.]",
}
"""What stands in an earlier turn where content was, by its kind."""

ADDRESSES = ("image_url", "file_url", "file_data")
"""Members in which an upstream of our own kind may find an address."""

_GAP = r"[\s\x00-\x20]*"
_WEB = re.compile(f"{_GAP}{_GAP.join('http')}{_GAP}(?:s{_GAP})?:", re.IGNORECASE)
"""An address that some program would fetch: URL parsers leave out white space, even within."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A context as an upstream takes it."""

    items: list[Json]
    dropped: tuple[str, ...] = ()
    """What the model is not shown of earlier turns: `previous_response_id.input_image`, each kind once."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A part that is content besides text, and where it stands."""

    index: int
    member: str
    """Of the item: `content` or `output`."""
    at: int | None
    """Which part of that member; None where the member is the part."""
    part: Json
    history: int

    @property
    def kind(self) -> str:
        """As which kind of content it goes upstream."""
        return KINDS[self.part["type"]]

    @property
    def is_past(self) -> bool:
        """Whether an earlier turn has it."""
        return self.index < self.history

    def param(self, key: str = "") -> str:
        """How faults name the place."""
        if self.is_past:
            return "previous_response_id"
        part = "" if self.at is None else f"[{self.at}]"
        return f"input[{self.index - self.history}].{self.member}{part}{key and '.'}{key}"


async def carried(
    items: Sequence[Json], *, traits: Traits, fetch: Fetch, policy: OutboundPolicy, history: int = 0
) -> Carried:
    """The items as an upstream takes them: content that it cannot get by itself replaced by `data:` URLs.

    The first `history` items are of earlier turns: what cannot be had of them any more, or is not for this
    model, gives way to a line of text. Items are never changed in place, and those in which nothing is
    replaced are the same objects; a native upstream gets them all as they are. Raises `InvalidRequestError`.
    """
    if traits.native:
        _refuse_closed(items, policy, history)
        return Carried(list(items))
    places = list(_places(items, history))
    if not places:
        return Carried(list(items))
    settled = [_settled(place, traits, policy) for place in places]
    files = await _files(zip(places, settled, strict=True), fetch)
    shown = _Shown(items)
    for place, found in zip(places, settled, strict=True):
        shown.put(place, _filled(place, found, files) if isinstance(found, _Wanted) else found)
    return Carried(shown.items, tuple(shown.dropped))


def _places(items: Sequence[Json], history: int) -> Iterator[_Place]:
    for index, member, at, part in _parts(items):
        if part.get("type") in KINDS:
            yield _Place(index, member, at, part, history)


def _parts(items: Sequence[Json]) -> Iterator[tuple[int, str, int | None, Json]]:
    """Every object that may be a part, after the item's index, the member and the place in it."""
    for index, item in enumerate(items):
        for member in ("content", "output"):
            held: Any = item.get(member)
            if isinstance(held, list):
                for at, part in enumerate(cast("list[Any]", held)):
                    if isinstance(part, dict):
                        yield index, member, at, cast("Json", part)
            elif isinstance(held, dict):
                yield index, member, None, cast("Json", held)


def _refuse_closed(items: Sequence[Json], policy: OutboundPolicy, history: int) -> None:
    """All that is asked of what goes to a native upstream, which may stand in a network of its operator's."""
    for index, member, at, part in _parts(items):
        for key in ADDRESSES:
            address = part.get(key)
            if isinstance(address, str) and _WEB.match(address):
                _vet(_Place(index, member, at, part, history), key, address, policy)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file that goes in place of its address."""

    key: str
    url: str


def _settled(place: _Place, traits: Traits, policy: OutboundPolicy) -> Json | _Wanted | None:
    """The part as it goes upstream, or what must be fetched for it; None for what is left of an earlier turn.

    What the model does not take stays as it is, for the format to refuse.
    """
    takes = traits.inputs is None or place.kind in traits.inputs
    if place.is_past and not takes:
        return _text(UNTAKEN[place.kind])
    try:
        found = _judged(place, traits, policy)
    except InvalidRequestError:
        if not place.is_past:
            raise
        return None
    return found if takes or not isinstance(found, _Wanted) else place.part


def _judged(place: _Place, traits: Traits, policy: OutboundPolicy) -> Json | _Wanted | None:
    """Raises `InvalidRequestError`."""
    match place.part:
        case {"type": "input_audio"}:
            return place.part
        case {"type": "input_file"}:
            return _judged_file(place, traits, policy)
        case {"image_url": str(url)}:
            return _judged_image(place, url, traits, policy)
        case _:
            return _by_id(place, "image_url")


def _judged_image(place: _Place, url: str, traits: Traits, policy: OutboundPolicy) -> Json | _Wanted:
    from lambda_responses.outbound.data_urls import is_data_url, is_image

    if not url or (is_data_url(url) and not is_image(url)):
        raise _no_image(place)
    if is_data_url(url) or not _must_fetch(place, "image_url", url, traits, policy):
        return place.part
    return _Wanted("image_url", url)


def _judged_file(place: _Place, traits: Traits, policy: OutboundPolicy) -> Json | _Wanted | None:
    from lambda_responses.outbound.data_urls import as_data_url, is_data_url

    part = place.part
    url: str = part.get("file_url") or ""
    data: str = part.get("file_data") or ""
    fetched = bool(url) and not is_data_url(url) and _must_fetch(place, "file_url", url, traits, policy)
    if data:
        content = as_data_url(data, part.get("filename") or "")
        if content is None:
            raise _no_data(place)
        return part if content is data else {**part, "file_data": content}
    if fetched:
        return _Wanted("file_url", url)
    return part if url else _by_id(place)


def _by_id(place: _Place, key: str = "") -> Json | None:
    """A part without content and address. Ids mean something to native upstreams alone."""
    if not place.part.get("file_id"):
        raise missing(place.param(key))
    return None if place.is_past else place.part


def _must_fetch(place: _Place, key: str, url: str, traits: Traits, policy: OutboundPolicy) -> bool:
    """Whether the upstream cannot get the file by itself. Raises `InvalidRequestError`; see `_vet`."""
    for_us_alone = _vet(place, key, url, policy)
    if _is_stored(url):
        return False
    return for_us_alone or (place.kind in traits.fetches and not url.startswith(traits.opens))


def _vet(place: _Place, key: str, url: str, policy: OutboundPolicy) -> bool:
    """Whether nobody but this server reaches that address. Raises `InvalidRequestError` for a closed one."""
    from lambda_responses.outbound.faults import Refused
    from lambda_responses.outbound.policy import check_url

    try:
        if _is_stored(url):
            policy.check_stored(url)
            return False
        if _WEB.match(url):
            return policy.opens_for_us_alone(check_url(url, policy))
    except Refused as fault:
        raise _fault(place, key, url, fault) from None
    param = place.param(key)
    message = f"Invalid '{param}'. Expected a valid URL, but got a value with an invalid format."
    raise InvalidRequestError(message, code="invalid_value", param=param)


def _is_stored(url: str) -> bool:
    from lambda_responses.outbound.stores import is_stored

    return is_stored(url)


async def _files(
    settled: Iterable[tuple[_Place, Json | _Wanted | None]], fetch: Fetch
) -> Mapping[str, File | OutboundFault]:
    """What is wanted, the request's own before the latest of earlier turns. Raises `InvalidRequestError`."""
    from lambda_responses.outbound.gathering import MOST_FILES, NotGathered, gathered

    wanted = [(place, found) for place, found in settled if isinstance(found, _Wanted)]
    if not wanted:
        return {}
    own = {found.url: (place, found) for place, found in reversed(wanted) if not place.is_past}
    past = [found.url for place, found in reversed(wanted) if place.is_past]
    if len(own) > MOST_FILES:
        message = (
            f"This request names {len(own)} files by address, of which {MOST_FILES} at most are fetched."
        )
        raise InvalidRequestError(message, code="invalid_value", param="input")
    try:
        return await gathered(list(reversed(own)), past, fetch)
    except NotGathered as missed:
        place, found = own[missed.url]
        raise _fault(place, found.key, found.url, missed.fault) from None


def _filled(place: _Place, wanted: _Wanted, files: Mapping[str, File | OutboundFault]) -> Json | None:
    """The part with its content in place of its address; None where an earlier turn's is not to be had."""
    from lambda_responses.outbound.faults import OutboundFault

    file = files[wanted.url]
    if isinstance(file, OutboundFault):
        return None
    if place.kind == "input_file":
        rest = {key: value for key, value in place.part.items() if key != "file_url"}
        return {**rest, "filename": rest.get("filename") or file.name, "file_data": file.data_url}
    if file.media_type.startswith("image/"):
        return {**place.part, "image_url": file.data_url}
    if place.is_past:
        return None
    raise _no_image(place)


class _Shown:
    """A context in which parts give way to others, and the items around them to copies."""

    def __init__(self, items: Sequence[Json]) -> None:
        self.items = list(items)
        self.dropped: dict[str, None] = {}

    def put(self, place: _Place, part: Json | None) -> None:
        """That part in that place; None stands for one that was lost."""
        if part is place.part:
            return
        if part is None:
            part = _text(LOST[place.kind])
        if part["type"] == "input_text":
            self.dropped[f"previous_response_id.{place.kind}"] = None
        self.items[place.index] = _with(self.items[place.index], place, part)


def _with(item: Json, place: _Place, part: Json) -> Json:
    """The item with that part in that place."""
    if place.at is not None:
        parts: list[Json] = list(item[place.member])
        parts[place.at] = part
        return {**item, place.member: parts}
    if part["type"] == "input_text":  # a screen's answer can be nothing but a screenshot
        kept = {key: item[key] for key in ("id", "call_id") if key in item}
        return {**kept, "type": "function_call_output", "output": [part]}
    return {**item, place.member: part}


def _text(said: str) -> Json:
    return {"type": "input_text", "text": said}


def _fault(place: _Place, key: str, url: str, fault: OutboundFault) -> InvalidRequestError:
    """What the client hears: of an address that is closed the same as of one where nobody is."""
    from lambda_responses.outbound.faults import TooLarge, TooSlow, Unsuccessful

    url = clip(url)
    match fault:
        case Unsuccessful(status=status):
            message = f"Error while downloading file. Upstream status code: {status}."
        case TooSlow():
            message = f"Timeout while downloading {url}."
        case TooLarge():
            message = f"Error while downloading {url}. The file is too large."
        case _:
            message = f"Error while downloading {url}."
    return InvalidRequestError(message, code="invalid_value", param=place.param(key))


def _no_image(place: _Place) -> InvalidRequestError:
    formats = "['image/jpeg', 'image/png', 'image/gif', 'image/webp']"
    message = (
        "The image data you provided does not represent a valid image. Please check your input and try again"
        f" with one of the following image formats: {formats}."
    )
    return InvalidRequestError(message, code="invalid_value", param=place.param("image_url"))


def _no_data(place: _Place) -> InvalidRequestError:
    param = place.param("file_data")
    message = (
        f"Invalid file data: '{param}'. Expected a base64-encoded data URL with a MIME type"
        " (e.g. 'data:application/pdf;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value of another form."
    )
    return InvalidRequestError(message, code="invalid_value", param=param)
