"""What an API key looks like: enough to refuse a mistyped one without asking anybody.

    sk-lr- + base64url(32 random bytes, and then their CRC-32)

36 bytes are 48 characters with no padding, so each key has one spelling. The prefix and the checksum are what
secret scanners go by; any slip of the keyboard, up to four characters in a row, changes the checksum.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

PREFIX = "sk-lr-"
RANDOM_BYTES = 32

_KEY = re.compile(PREFIX + r"[A-Za-z0-9_-]{48}", re.ASCII)


def render_key(random: bytes) -> str:
    """The key that these 32 bytes are."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key has {RANDOM_BYTES} random bytes")
    return PREFIX + urlsafe_b64encode(random + _checksum(random)).decode()


def fingerprint(text: str) -> str | None:
    """The SHA-256 of a key in hex, by which it is stored and known; None for what is no key."""
    if _KEY.fullmatch(text) is None:
        return None
    content = urlsafe_b64decode(text.removeprefix(PREFIX))
    if content[RANDOM_BYTES:] != _checksum(content[:RANDOM_BYTES]):
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(random: bytes) -> bytes:
    return zlib.crc32(random).to_bytes(
        4, "little"
    )  # as CRC-32 is sent, which is what finds every short burst
