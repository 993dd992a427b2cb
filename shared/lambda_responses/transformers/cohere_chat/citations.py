"""What a model cites of documents and of tools' results, as annotations of the Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.readings import members, read_count, read_objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.wire.json import Json

_ON_TEXT = (None, "TEXT_CONTENT")
"""A plan and thinking are cited on too; but reasoning has no annotations."""


def map_citation(citation: Json) -> Iterator[Json]:
    """One annotation a source. A tool's result that has no address is no source that a client could open."""
    if citation.get("type") not in _ON_TEXT:
        return
    start, end = read_count(citation.get("start")), read_count(citation.get("end"))
    for source in read_objects(citation.get("sources"), "cohere_chat", "sources"):
        cited = members(source.get("document")) or members(source.get("tool_output"))
        url, title = cited.get("url"), cited.get("title")
        if isinstance(url, str) and url:
            yield {
                "type": "url_citation",
                "start_index": start,
                "end_index": end,
                "url": url,
                "title": title if isinstance(title, str) else "",
            }
        elif source.get("type") == "document":
            id = source.get("id") if isinstance(source.get("id"), str) else ""
            filename = title if isinstance(title, str) and title else id
            yield {"type": "file_citation", "index": end, "file_id": id, "filename": filename}
