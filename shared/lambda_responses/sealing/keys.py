"""The keys of an installation: the first mints, all of them open.

As a setting they are one line of text, `id:secret,id:secret…`, each secret 32 bytes in base64.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECRET_BYTES = 32

_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One secret and the name under which envelopes mention it. Raises ValueError, quoting nothing."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.id) is None:
            raise ValueError("a sealing key's id is 1 to 32 letters, digits, _ or -")
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"a sealing key's secret is {SECRET_BYTES} bytes long")


class KeyRing:
    """At least one key. Raises ValueError, quoting nothing, for none and for two of one id."""

    def __init__(self, keys: Sequence[SealingKey]) -> None:
        if not keys:
            raise ValueError("a key ring holds at least one key")
        self._keys = {key.id: key for key in keys}
        if len(self._keys) != len(keys):
            raise ValueError("two sealing keys have the same id")
        self.first = keys[0]

    def __iter__(self) -> Iterator[SealingKey]:
        """All of them, the first first."""
        return iter(self._keys.values())

    def get(self, id: str) -> SealingKey | None:
        """The key of that id, if it is on the ring."""
        return self._keys.get(id)

    def as_text(self) -> str:
        """The ring as the setting has it. A secret: not for logs."""
        return ",".join(f"{key.id}:{b64encode(key.secret).decode()}" for key in self._keys.values())


def parse_key_ring(text: str) -> KeyRing:
    """The ring that a setting holds. Raises ValueError with one sentence that quotes nothing of it."""
    return KeyRing([_key(entry) for entry in text.split(",")])


def new_key(entropy: Callable[[int], bytes]) -> SealingKey:
    """A fresh key; `entropy` gives that many random bytes."""
    return SealingKey(entropy(4).hex(), entropy(SECRET_BYTES))


def _key(entry: str) -> SealingKey:
    id, colon, secret = entry.strip().partition(":")
    if not colon:
        raise ValueError("sealing keys are written as id:secret, with commas between them")
    try:
        return SealingKey(
            id, b64decode(secret, altchars=b"-_" if {"-", "_"} & set(secret) else None, validate=True)
        )
    except NotBase64:
        raise ValueError("a sealing key's secret is written in base64") from None
