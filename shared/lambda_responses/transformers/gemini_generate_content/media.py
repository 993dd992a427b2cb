"""Media types, and data in data URLs."""

from __future__ import annotations

import re

_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?:;[^;,]+=[^;,]*)*;base64,", re.IGNORECASE)
_SAME = {"image/jpg": "image/jpeg", "audio/mp3": "audio/mpeg"}

TYPES: dict[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "json": "application/json",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "css": "text/css",
    "csv": "text/csv",
    "xml": "text/xml",
    "rtf": "text/rtf",
    "js": "text/javascript",
    "py": "text/x-python",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "wmv": "video/wmv",
    "flv": "video/x-flv",
    "3gp": "video/3gpp",
}
"""By the ending of a name, the media types that these models are documented to read."""


def type_of(name: str) -> str | None:
    """The media type that a file's name or address tells."""
    ending = name.partition("?")[0].partition("#")[0].rpartition(".")[2]
    return TYPES.get(ending.lower())


def split_data_url(url: str) -> tuple[str, str] | None:
    """The media type (empty if untold) and the base64 of a data URL; None of any other address."""
    head = _DATA_URL.match(url)
    if head is None:
        return None
    told = head["type"].lower()
    return _SAME.get(told, told), url[head.end() :]
