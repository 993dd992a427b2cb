"""Secrets that nothing may show: each random, and known again in part and in other writings than its own."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import string
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from lambda_responses.storage.codec import unpack
from lambda_responses.storage.keyed.port import StoreUnavailable
from lambda_responses.storage.parcels import from_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GIVEN_AWAY = 12
"""As many characters of a secret in a row give it away: somebody can tell it from others."""

EXPIRY_BYTES = 8
"""Of a blob's file, before its content."""

_LETTERS = string.ascii_letters + string.digits


class Canaries:
    """Secrets by name."""

    def __init__(self) -> None:
        self._needles: dict[str, set[bytes]] = {}

    def seed(self, name: str, *, form: str = "{}", parts: int = 1, letters: str = _LETTERS) -> str:
        """A new secret: so many parts of 20 letters, one behind the other, in each place of `form`."""
        drawn = ["".join(secrets.choice(letters) for _ in range(20)) for _ in range(form.count("{}") * parts)]
        pieces = ["".join(drawn[start : start + parts]) for start in range(0, len(drawn), parts)]
        text = form.format(*pieces)
        self.watch(name, text)
        return text

    def watch(self, name: str, text: str) -> None:
        """Know a secret that somebody else made, under a name that may be that of others."""
        self._needles.setdefault(name, set()).update(_needles(text))

    def found_in(self, content: bytes | str) -> set[str]:
        """The names of those that are given away."""
        data = content.encode(errors="surrogateescape") if isinstance(content, str) else content
        return {name for name, needles in self._needles.items() if any(each in data for each in needles)}

    @property
    def names(self) -> set[str]:
        return set(self._needles)


def _needles(text: str) -> Iterator[bytes]:
    writings = {
        text,
        quote(text, safe=""),
        quote_plus(text),
        json.dumps(text)[1:-1],
        json.dumps(text)[1:-1].replace("/", "\\/"),
        text.encode().hex(),
    }
    for writing in writings:
        yield from _windows(writing, GIVEN_AWAY)
    for start in range(3):  # base64 of a longer text depends on where the secret begins in it
        encoded = base64.b64encode(text.encode()[start:])
        for writing in (encoded, base64.urlsafe_b64encode(text.encode()[start:])):
            yield from _windows(writing.decode().rstrip("=")[:-1], GIVEN_AWAY * 4 // 3)


def _windows(writing: str, width: int) -> Iterator[bytes]:
    """Its beginning, its end, and enough of what lies between."""
    for start in {*range(0, len(writing) - width, 10), max(len(writing) - width, 0)}:
        yield writing[start : start + width].encode()


def everything_in(file: Path) -> bytes:
    """What a store's file holds, and the files beside it: values unpacked, and all bytes as they lie."""
    with closing(sqlite3.connect(file)) as store:
        rows: list[Any] = store.execute("SELECT pk, sk, doc, bytes FROM rows ORDER BY pk, sk").fetchall()
    beside = [each for each in sorted(file.parent.glob(f"{file.name}*")) if each.is_file()]
    blobs = [each for each in sorted(Path(f"{file}.blobs").rglob("*")) if each.is_file()]
    content = [f"{row}".encode() for row in rows]
    content += [json.dumps(value, ensure_ascii=False).encode() for value in _unpacked(rows, blobs)]
    content += [each.read_bytes() for each in (*beside, *blobs)]
    return b"\n".join(content)


def _unpacked(rows: Iterable[tuple[str, str, str, bytes | None]], blobs: Iterable[Path]) -> Iterator[Any]:
    """Every packed value, also of those that are cut over several rows or lie in a blob."""
    values = {(pk, sk): _values(doc, packed) for pk, sk, doc, packed in rows}
    whole = {each.name: each.read_bytes()[EXPIRY_BYTES:] for each in blobs}
    for (pk, sk), row in values.items():
        parts = [row, *(more for place, more in values.items() if _goes_on(place, pk, sk, row))]
        for name, packed in (from_rows(parts) or {}).items():
            try:
                value = unpack(packed)
            except StoreUnavailable:  # part of a longer one, which is unpacked where it begins
                continue
            yield value
            if name == "big" and value[0] in whole:
                digest, lengths = value
                ends = accumulate(length for _, length in lengths)
                yield from (
                    unpack(whole[digest][end - length : end])
                    for end, (_, length) in zip(ends, lengths, strict=True)
                )


def _goes_on(place: tuple[str, str], pk: str, sk: str, row: dict[str, Any]) -> bool:
    return "cut" in row and place[0] == pk and place[1].startswith(f"{sk}#")


def _values(doc: str, blobs: bytes | None) -> dict[str, Any]:
    try:
        values, cuts = json.loads(doc)
    except ValueError:  # which a test has spoilt
        return {}
    start = 0
    for name, length in cuts:
        values[name] = (blobs or b"")[start : start + length]
        start += length
    return values
