"""Where a text's sources are named, as annotations of the Responses API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lambda_responses.wire.json import Json

_MARKER = re.compile(r"\[(\d{1,3})\]")


def map_annotation(annotation: Json) -> Json | None:
    """OpenAI's and OpenRouter's `url_citation`; None for kinds that cite nothing, such as parsed files."""
    match annotation:
        case {"type": "url_citation", "url_citation": {"url": str(url)} as cited}:
            return _citation(url, cited.get("title"), cited.get("start_index"), cited.get("end_index"))
        case _:
            return None


def _citation(url: str, title: Any, start: Any, end: Any) -> Json:
    return {
        "type": "url_citation",
        "start_index": start if isinstance(start, int) else 0,
        "end_index": end if isinstance(end, int) else 0,
        "url": url,
        "title": title if isinstance(title, str) else "",
    }


class Citations:
    """Sources that stand beside a text which names them as `[1]` (Perplexity), or beside it alone (z.ai)."""

    def __init__(self) -> None:
        self.sources: Sequence[Any] = ()
        """Addresses, or objects with `url` and `title`; the latest list counts."""
        self.said: list[str] = []

    def annotations(self) -> Iterator[Json]:
        """One for each place that names a source, then those that the text never names, at its end."""
        if not self.sources:
            return
        text = "".join(self.said)
        named: set[int] = set()
        for marker in _MARKER.finditer(text):
            number = int(marker[1]) - 1
            if 0 <= number < len(self.sources):
                named.add(number)
                yield self._annotation(number, marker.start(), marker.end())
        for number in range(len(self.sources)):
            if number not in named:
                yield self._annotation(number, len(text), len(text))

    def _annotation(self, number: int, start: int, end: int) -> Json:
        match self.sources[number]:
            case {"url": str(url)} | {"link": str(url)} as source:
                return _citation(url, source.get("title"), start, end)
            case str(url):
                return _citation(url, "", start, end)
            case _:
                return _citation("", "", start, end)
