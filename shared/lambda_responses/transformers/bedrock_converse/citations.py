"""Where a text's sources are named, as annotations of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.base import unknown
from lambda_responses.transformers.readings import members, read_count

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

_DOCUMENT_PLACES = ("documentChar", "documentPage", "documentChunk")


def map_citation(citation: Json, start: int, end: int) -> Json | None:
    """A citation on the characters from `start` to `end`; None, and a note, where it names no source.

    A document is known by its title and its number in the request: it came as bytes and has no id.
    """
    location = members(citation.get("location"))
    web = members(location.get("web"))
    title, source, url = _text(citation.get("title")), _text(citation.get("source")), _text(web.get("url"))
    if not url and source.startswith(("http://", "https://")):
        url = source
    if url:
        place: Json = {"start_index": start, "end_index": end}
        return {"type": "url_citation", **place, "url": url, "title": title or _text(web.get("domain"))}
    for name in _DOCUMENT_PLACES:
        if name in location:
            number = read_count(members(location[name]).get("documentIndex"))
            return {"type": "file_citation", "file_id": "", "filename": title or source, "index": number}
    if title or source:
        number = read_count(members(location.get("searchResultLocation")).get("searchResultIndex"))
        return {"type": "file_citation", "file_id": "", "filename": title or source, "index": number}
    unknown("bedrock_converse", f"citation at {sorted(location)}")
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
