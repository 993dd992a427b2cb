"""What an answer rests on: searches and pages as items of their own, sources as citations on the text.

https://ai.google.dev/api/generate-content#GroundingMetadata. Segments count bytes of UTF-8. What was searched
arrives with the answer, or after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.stream.parts import json_objects
from lambda_responses.transformers.readings import members, read_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json

_READ = "URL_RETRIEVAL_STATUS_SUCCESS"


class Grounding:
    """Collects what an answer's chunks say of its sources."""

    def __init__(self, *, shows_sources: bool) -> None:
        self._shows_sources = shows_sources
        self._metadata: Json = {}
        self._recited: list[Json] = []
        self._pages: dict[str, str] = {}
        """By address, whether it could be read, in the upstream's words."""
        self._told: set[str] = set()

    def read(self, candidate: Json) -> None:
        """Take note of a candidate's metadata; of what it repeats, the latest counts."""
        for member, value in members(candidate.get("groundingMetadata")).items():
            self._metadata[member] = value
        self._recited += json_objects(members(candidate.get("citationMetadata")).get("citations"))
        for page in json_objects(members(candidate.get("urlContextMetadata")).get("urlMetadata")):
            self._pages[_text(page.get("retrievedUrl"))] = _text(page.get("urlRetrievalStatus"))

    def searches(self, *, searched: bool) -> Iterator[Json]:
        """Items of the kind `web_search_call` for what has not been told; `searched` where parts told it."""
        queries = [query for query in _list(self._metadata.get("webSearchQueries")) if isinstance(query, str)]
        if queries and not searched and "" not in self._told:
            self._told.add("")
            yield _search(queries, self._sources())
        for url, status in self._pages.items():
            if url and url not in self._told and not searched:
                self._told.add(url)
                ending = "completed" if status in ("", _READ) else "failed"
                yield {
                    "type": "web_search_call",
                    "status": ending,
                    "action": {"type": "open_page", "url": url},
                }

    def annotations(self, text: str) -> Iterator[Json]:
        """Citations on that text; each source of a passage is told once in the answer."""
        if not self._metadata and not self._recited:
            return
        encoded = text.encode("utf-8", "surrogatepass")
        chunks = _list(self._metadata.get("groundingChunks"))
        cited: list[tuple[Json, Any]] = []
        for support in json_objects(self._metadata.get("groundingSupports")):
            numbers = [n for n in _list(support.get("groundingChunkIndices")) if type(n) is int and n >= 0]
            cited += [(members(support.get("segment")), chunks[n]) for n in numbers if n < len(chunks)]
        cited += [(citation, {"web": citation}) for citation in self._recited]
        for segment, chunk in cited:
            key = repr((segment, chunk))
            place = _place(segment, text, encoded)
            if key in self._told or place is None:
                continue
            self._told.add(key)
            annotation = _annotation(members(chunk), *place)
            if annotation is not None:
                yield annotation

    def _sources(self) -> list[Json]:
        if not self._shows_sources:
            return []
        chunks = json_objects(self._metadata.get("groundingChunks"))
        urls = [_text(members(chunk.get("web")).get("uri")) for chunk in chunks]
        return [{"type": "url", "url": url} for url in urls if url]


def _search(queries: list[str], sources: list[Json]) -> Json:
    action: Json = {"type": "search", "query": queries[0], "queries": queries}
    if sources:
        action["sources"] = sources
    return {"type": "web_search_call", "status": "completed", "action": action}


def _annotation(chunk: Json, start: int, end: int) -> Json | None:
    """A source in the API's words: a page with an address, or a file without."""
    source = next((told for value in chunk.values() if (told := members(value))), chunk)
    title = _text(source.get("title"))
    url = _text(source.get("uri") or source.get("sourceUri"))
    if url:
        place: Json = {"start_index": start, "end_index": end}
        return {"type": "url_citation", "url": url, "title": title, **place}
    store = _text(source.get("documentName") or source.get("fileSearchStore"))
    if store or title:
        return {"type": "file_citation", "file_id": store, "filename": title, "index": end}
    return None


def _place(segment: Json, text: str, encoded: bytes) -> tuple[int, int] | None:
    """Where a segment stands, in characters; None where its words are not in this text.

    Segments count from the start of their part, which need not be the first of the text: their words tell.
    """
    start, end = read_count(segment.get("startIndex")), read_count(segment.get("endIndex"))
    words = _text(segment.get("text"))
    told = encoded[start:end].decode("utf-8", "ignore")
    if told == words or not words:
        first = len(encoded[:start].decode("utf-8", "ignore"))
        return first, first + len(told)
    found = text.find(words)
    return (found, found + len(words)) if found >= 0 else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]
