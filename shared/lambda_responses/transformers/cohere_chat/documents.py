"""Files whose text a model can be shown, as documents that it may cite."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_TEXTS = ("application/json", "application/xml", "application/yaml", "application/x-yaml")
"""Media types of text besides `text/…`."""


def read_document(part: Json, *, at: str) -> Json:
    """The `data` of a document: the file's name and text.

    Raises `UnsupportedError`, naming the part, for a file that is no text, or not here.
    """
    media_type, text = _read(str(part.get("file_data") or ""))
    if text is None or not (media_type.startswith("text/") or media_type in _TEXTS):
        raise UnsupportedError("This model's provider takes files of text alone.", param=at)
    return {"title": str(part.get("filename") or "file"), "text": text}


def _read(address: str) -> tuple[str, str | None]:
    """The media type and text of `data:<type>;base64,…`; no text where it is none."""
    head, _, data = address.partition(",")
    media_type = head.removeprefix("data:").partition(";")[0].strip().lower()
    try:
        return media_type, base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return media_type, None
