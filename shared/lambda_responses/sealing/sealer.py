"""Sealed envelopes: JSON that only this installation reads, for one tenant and one purpose.

    lr1.<key id>.<base64url of: nonce (12 bytes), AES-256-GCM of the deflated JSON, tag (16 bytes)>

The keys are HKDF-SHA256 (RFC 5869) of the ring's secret for the tenant, so that tenants share none; version,
key id, tenant and purpose are authenticated too. The nonce is a keyed hash of all that (as in RFC 5297): the
same payload makes the same envelope, so what is told twice is told alike, and no randomness can fail.
One tenant's key is good for four billion different envelopes (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import hmac
import json
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from lambda_responses.wire.json import from_text, to_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from lambda_responses.sealing.keys import KeyRing, SealingKey
    from lambda_responses.wire.json import Json

VERSION = "lr1"
REASONING = "reasoning"
"""The purpose of what a model thought: text, signatures and blobs that only its maker reads."""
COMPACTION = "compaction"
"""The purpose of what a compaction item stands for."""
JOB = "job"
"""The purpose of what a background response's tools prove themselves with, while it waits."""
WEBHOOK = "webhook"
"""The purpose of the secrets that webhook deliveries are signed with."""
APPROVAL = "approval"
"""The purpose of what tells a request for an approval that was made here from one that was made up."""

LARGEST_PAYLOAD = 32_000_000
"""Bytes of JSON that an envelope holds at most, so that none unfolds without bound."""

NONCE_BYTES = 12
TAG_BYTES = 16
SHORTEST_MARK = 8
"""Digits of a mark with which nobody is lucky."""

_ENVELOPE = re.compile(r"lr\d+\.")
_COMPRESSION = 1
"""Blobs are random to a compressor, and the rest shrinks well at the fastest level."""


class NotAnEnvelope(Exception):
    """The text was sealed by somebody else, if by anybody."""


class BrokenEnvelope(Exception):
    """An envelope of ours that does not open: altered, another tenant's, for another purpose, or of a key or
    version that this installation does not have."""

    def __init__(self) -> None:
        super().__init__("a sealed envelope does not open here")


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a tenant's envelopes are made with."""

    cipher: AESGCM
    nonces: bytes = field(repr=False)
    marks: bytes = field(repr=False)

    def nonce(self, bound_to: bytes, packed: bytes) -> bytes:
        digest = hmac.digest(self.nonces, len(bound_to).to_bytes(8) + bound_to + packed, "sha256")
        return digest[:NONCE_BYTES]


class Sealer:
    """Seals and opens for one tenant."""

    def __init__(self, ring: KeyRing, tenant: str) -> None:
        self._ring = ring
        self._tenant = tenant
        self._made: dict[str, _Keys] = {}

    def seal(self, purpose: str, payload: Json) -> str:
        """The payload in an envelope. Raises ValueError for more JSON than an envelope holds."""
        content = to_bytes(payload)
        if len(content) > LARGEST_PAYLOAD:
            raise ValueError(f"an envelope holds at most {LARGEST_PAYLOAD} bytes of JSON")
        key = self._ring.first
        keys, bound_to = self._keys(key), self._bound_to(key, purpose)
        packed = zlib.compress(content, _COMPRESSION)
        nonce = keys.nonce(bound_to, packed)
        sealed = keys.cipher.encrypt(nonce, packed, bound_to)
        return f"{VERSION}.{key.id}.{_as_text(nonce + sealed)}"

    def open(self, purpose: str, envelope: str) -> Json:
        """What was sealed. Raises `NotAnEnvelope`, `BrokenEnvelope`."""
        if _ENVELOPE.match(envelope) is None:
            raise NotAnEnvelope
        match envelope.split("."):
            case [version, key_id, text] if version == VERSION and (key := self._ring.get(key_id)):
                return self._opened(key, purpose, _as_bytes(text))
            case _:
                raise BrokenEnvelope

    def mark(self, purpose: str, payload: Json) -> str:
        """64 hexadecimal digits that only this installation makes of the payload, for its tenant alone.

        For what is too short for an envelope: whoever has the payload and the mark, or any first part of it
        that is long enough not to be guessed, knows that both are from here.
        """
        return self._mark(self._ring.first, purpose, payload)

    def is_marked(self, purpose: str, payload: Json, mark: str) -> bool:
        """Whether that is the first part of the payload's mark, by any key of the ring."""
        if len(mark) < SHORTEST_MARK:
            return False
        made = [self._mark(key, purpose, payload)[: len(mark)] for key in self._ring]
        return any([hmac.compare_digest(each.encode(), mark.encode()) for each in made])

    def _mark(self, key: SealingKey, purpose: str, payload: Json) -> str:
        told = json.dumps([purpose, payload], sort_keys=True).encode()
        return hmac.digest(self._keys(key).marks, told, "sha256").hex()

    def _opened(self, key: SealingKey, purpose: str, sealed: bytes) -> Json:
        from cryptography.exceptions import InvalidTag

        try:
            packed = self._keys(key).cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound_to(key, purpose)
            )
        except InvalidTag:
            raise BrokenEnvelope from None
        return cast("Json", from_text(_inflated(packed)))

    def _keys(self, key: SealingKey) -> _Keys:
        keys = self._made.get(key.id)
        if keys is None:
            keys = self._made[key.id] = _keys_for(key, self._tenant)
        return keys

    def _bound_to(self, key: SealingKey, purpose: str) -> bytes:
        """What is authenticated beside the content; JSON keeps the parts apart whatever they hold."""
        return json.dumps([VERSION, key.id, self._tenant, purpose]).encode()


def _keys_for(key: SealingKey, tenant: str) -> _Keys:
    # With the first envelope, because most requests have none and the import takes its time.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = json.dumps(["lambda-responses", VERSION, tenant]).encode()
    derived = HKDF(SHA256(), length=96, salt=None, info=info).derive(key.secret)
    return _Keys(AESGCM(derived[:32]), derived[32:64], derived[64:])


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(packed, LARGEST_PAYLOAD)
    except zlib.error:
        raise BrokenEnvelope from None
    if not inflater.eof:
        raise BrokenEnvelope
    return content


def _as_text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _as_bytes(text: str) -> bytes:
    """Raises `BrokenEnvelope` for all but the one way in which `_as_text` writes these bytes."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise BrokenEnvelope from None
    if len(data) < NONCE_BYTES + TAG_BYTES or _as_text(data) != text:
        raise BrokenEnvelope
    return data
