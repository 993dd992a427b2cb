"""A search among texts by the words that they share with a question: Okapi BM25.

https://en.wikipedia.org/wiki/Okapi_BM25
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from itertools import islice, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_ASKED = 32
"""Words of a question that are looked for."""

_SATURATION, _LENGTHS = 1.2, 0.75
"""How soon more of one word counts no more, and how much a longer text must have of it: `k1` and `b`."""
_STEM, _ENDING = 4, 3
"""Two forms of a word share so many characters at least, and differ in so many at most at their ends: `query`
and `queries`. What begins another word counts as a form of it too, as `repo` does."""
_OTHER_FORM = 0.5
"""What another form of a word counts."""
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words(text: str) -> list[str]:
    """The words of a text, in lower case; `getUserName` and `get_user-name` have three."""
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", text))]


class TextIndex:
    """Texts by name, to be searched."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._counts = {name: Counter(words(text)) for name, text in texts.items()}
        self._having: dict[str, list[str]] = {}
        self._alike: defaultdict[str, list[str]] = defaultdict(list)
        for name, count in self._counts.items():
            for word in count:
                if word not in self._having:
                    self._having[word] = []
                    self._alike[word[:_STEM]].append(word)
                self._having[word].append(name)
        self._lengths = {name: count.total() for name, count in self._counts.items()}
        self._usual = sum(self._lengths.values()) / len(texts) if texts else 0.0

    def search(self, question: str, *, most: int) -> list[str]:
        """The names of the texts that fit best, best first; none that has no word of it."""
        scores: defaultdict[str, float] = defaultdict(float)
        for asked in islice(dict.fromkeys(words(question)), MOST_ASKED):
            for word, weight in self._forms(asked):
                for name in self._having[word]:
                    scores[name] += weight * self._score(word, name)
        found = [name for name in self._counts if name in scores]
        return sorted(found, key=lambda name: -scores[name])[:most]

    def _forms(self, asked: str) -> Iterable[tuple[str, float]]:
        for word in self._alike.get(asked[:_STEM], ()):
            if word == asked:
                yield word, 1.0
            elif _are_forms(word, asked):
                yield word, _OTHER_FORM

    def _score(self, word: str, name: str) -> float:
        having, often = len(self._having[word]), self._counts[name][word]
        rarity = math.log(1 + (len(self._counts) - having + 0.5) / (having + 0.5))
        length = 1 - _LENGTHS + _LENGTHS * self._lengths[name] / self._usual
        return rarity * often * (_SATURATION + 1) / (often + _SATURATION * length)


def _are_forms(one: str, other: str) -> bool:
    stem = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    endings = len(one) - stem, len(other) - stem
    return stem >= _STEM and (min(endings) == 0 or max(endings) <= _ENDING)
