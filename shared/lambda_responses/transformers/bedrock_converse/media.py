"""Images, documents, video and audio: what they are, and where their bytes come from."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote_to_bytes, urlsplit

from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile, Medium
    from lambda_responses.wire.json import Json

_IMAGES = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}
_DOCUMENTS = {
    **{name: name for name in ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")},
    "htm": "html",
    "markdown": "md",
}
_VIDEOS = {
    **{name: name for name in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv")},
    "3gp": "three_gp",
}
_AUDIO = {
    name: name for name in ("mp3", "opus", "wav", "aac", "flac", "ogg", "mka", "m4a", "mpga", "pcm", "x-aac")
}
_OFFICE = "application/vnd.openxmlformats-officedocument"

TYPES: dict[str, tuple[Medium, str]] = {
    **{f"image/{name}": ("image", format_name) for name, format_name in _IMAGES.items()},
    "application/pdf": ("document", "pdf"),
    "text/csv": ("document", "csv"),
    "application/csv": ("document", "csv"),
    "application/msword": ("document", "doc"),
    f"{_OFFICE}.wordprocessingml.document": ("document", "docx"),
    "application/vnd.ms-excel": ("document", "xls"),
    f"{_OFFICE}.spreadsheetml.sheet": ("document", "xlsx"),
    "text/html": ("document", "html"),
    "text/markdown": ("document", "md"),
    "application/json": ("document", "txt"),
    "application/xml": ("document", "txt"),
    "video/x-matroska": ("video", "mkv"),
    "video/quicktime": ("video", "mov"),
    "video/mp4": ("video", "mp4"),
    "video/webm": ("video", "webm"),
    "video/x-flv": ("video", "flv"),
    "video/mpeg": ("video", "mpeg"),
    "video/x-ms-wmv": ("video", "wmv"),
    "video/3gpp": ("video", "three_gp"),
    "audio/mpeg": ("audio", "mp3"),
    "audio/mp4": ("audio", "m4a"),
    "audio/x-wav": ("audio", "wav"),
    **{f"audio/{name}": ("audio", name) for name in _AUDIO},
}
"""Media and Bedrock's names of their formats, by media type; any other text is a document too."""

ENDINGS: dict[str, tuple[Medium, str]] = {
    **{ending: ("audio", format_name) for ending, format_name in _AUDIO.items()},
    **{ending: ("video", format_name) for ending, format_name in _VIDEOS.items()},
    **{ending: ("image", format_name) for ending, format_name in _IMAGES.items()},
    **{ending: ("document", format_name) for ending, format_name in _DOCUMENTS.items()},
}
"""The same by the ending of a file's name."""

_ADDRESSES = ("s3://", "http://", "https://")
_DATA = re.compile(r"data:([^;,]*)([^,]*),", re.IGNORECASE)


class Source(NamedTuple):
    """One medium, ready to be put into a block."""

    medium: Medium
    format: str
    source: Json


def read_source(address: str, filename: str, profile: ConverseProfile, *, at: str) -> Source:
    """A medium from a data URL, or at a place in S3.

    Raises `InvalidRequestError`, naming `at`, for a kind that nobody knows and a place that nobody can reach.
    """
    if address.startswith("s3://"):
        return _in_s3(address, filename, profile, at=at)
    return read_data(address, filename, at=at)


def read_data(address: str, filename: str, *, at: str) -> Source:
    """A medium from a data URL, or from bare base64 with a file's name.

    An address is none of both, and nobody has vetted it as one. Raises `InvalidRequestError`, naming `at`,
    for it, and for a kind that nobody knows.
    """
    if address.startswith(_ADDRESSES):
        raise UnsupportedError("This model's provider takes a file's data, not its address.", param=at)
    said = _DATA.match(address)
    media_type = said[1].lower() if said else ""
    medium, format_name = _kind_of(media_type, filename, at=at)
    if said is None:
        return Source(medium, format_name, {"bytes": address})
    data = address[said.end() :]
    if not said[2].lower().endswith(";base64"):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Source(medium, format_name, {"bytes": data})


def _in_s3(address: str, filename: str, profile: ConverseProfile, *, at: str) -> Source:
    """`?bucketOwner=` may name the account whose bucket it is."""
    if not profile.s3:
        raise UnsupportedError("This model does not read files from S3.", param=at)
    place = urlsplit(address)
    location: Json = {"uri": f"s3://{place.netloc}{place.path}"}
    if owner := parse_qs(place.query).get("bucketOwner"):
        location["bucketOwner"] = owner[0]
    medium, format_name = _kind_of("", filename if "." in filename else place.path, at=at)
    return Source(medium, format_name, {"s3Location": location})


def _kind_of(media_type: str, filename: str, *, at: str) -> tuple[Medium, str]:
    if media_type in TYPES:
        return TYPES[media_type]
    ending = filename.rpartition(".")[2].lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    if media_type.startswith("text/"):
        return "document", "txt"
    if not (media_type or filename):
        raise InvalidRequestError("Neither a media type nor a file's name tells what this is.", param=at)
    raise UnsupportedError(
        f"This model's provider does not take files of the type '{media_type or ending}'.", param=at
    )
