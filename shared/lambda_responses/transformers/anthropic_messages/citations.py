"""Where a text's sources are named, as annotations of the Responses API.

https://platform.claude.com/docs/en/build-with-claude/citations: a citation is about its whole block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.base import unknown

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json


def map_citation(citation: Json, length: int) -> Json | None:
    """A citation on a block of that many characters; None, and a note, for a kind that nobody knows."""
    match citation:
        case {"type": "web_search_result_location", "url": str(url)}:
            return _page(url, citation.get("title"), length)
        case {"type": "search_result_location", "source": str(source)} if "://" in source:
            return _page(source, citation.get("title"), length)
        case {"type": "search_result_location"}:
            return _file(citation, citation.get("source"), citation.get("search_result_index"))
        case {"type": "char_location" | "page_location" | "content_block_location"}:
            return _file(citation, citation.get("document_title"), citation.get("document_index"))
        case _:
            kind = citation.get("type")
            unknown("anthropic_messages", f"citation {kind if isinstance(kind, str) else ''!r}")
            return None


def _page(url: str, title: Any, length: int) -> Json:
    return {
        "type": "url_citation",
        "start_index": 0,
        "end_index": length,
        "url": url,
        "title": title if isinstance(title, str) else "",
    }


def _file(citation: Json, name: Any, index: Any) -> Json:
    """`index` is the document's number among those of the request."""
    id = citation.get("file_id")
    return {
        "type": "file_citation",
        "file_id": id if isinstance(id, str) else "",
        "filename": name if isinstance(name, str) else "",
        "index": index if isinstance(index, int) else 0,
    }
