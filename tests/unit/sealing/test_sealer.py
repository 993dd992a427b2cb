"""Envelopes: what they look like, who opens them, and what they cost nobody who needs none."""

from __future__ import annotations

import subprocess
import sys
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest

from lambda_responses.sealing import sealer as room
from lambda_responses.sealing.keys import KeyRing, SealingKey
from lambda_responses.sealing.sealer import NONCE_BYTES, REASONING, BrokenEnvelope, NotAnEnvelope, Sealer

if TYPE_CHECKING:
    from collections.abc import Callable

OLD = SealingKey("old", bytes(32))
NEW = SealingKey("new", bytes(range(32)))
PAYLOAD = {"maker": "scripted", "data": {"signature": "c2lnbmVk", "text": "ß"}}


def sealer(*keys: SealingKey, tenant: str = "acme") -> Sealer:
    return Sealer(KeyRing(keys or [OLD]), tenant)


def test_an_envelope_opens_to_what_was_sealed() -> None:
    envelope = sealer().seal(REASONING, PAYLOAD)
    assert sealer().open(REASONING, envelope) == PAYLOAD


def test_what_clients_hold_since_the_first_version_still_opens() -> None:
    first = "lr1.old.o1k5G5DHfaSIxX15NnXd0hwyuG4OTNOSsN6P5Ud10gvHz0SukqxQOCILQA"
    assert sealer().open(REASONING, first) == {"a": 1}


def test_what_is_told_twice_is_told_alike() -> None:
    assert sealer().seal(REASONING, PAYLOAD) == sealer().seal(REASONING, PAYLOAD)


def nonce(envelope: str) -> bytes:
    return urlsafe_b64decode(envelope.rpartition(".")[2] + "==")[:NONCE_BYTES]


def test_whatever_differs_has_a_nonce_of_its_own() -> None:
    """One nonce under one key for two contents would undo the encryption of both."""
    nonces = [
        nonce(sealer(*keys, tenant=tenant).seal(purpose, {"a": number}))
        for keys in ([OLD], [NEW], [SealingKey("other", OLD.secret)])
        for tenant in ("acme", "other")
        for purpose in (REASONING, "approval")
        for number in range(10)
    ]
    assert len(set(nonces)) == 3 * 2 * 2 * 10


def test_what_is_sealed_cannot_be_read_in_the_envelope() -> None:
    text = sealer().seal(REASONING, {"secret": "sesame " * 10}).rpartition(".")[2]
    assert b"sesame" not in urlsafe_b64decode(text + "==")


def test_keys_change_while_old_envelopes_still_open() -> None:
    before = sealer(OLD).seal(REASONING, PAYLOAD)
    both = sealer(NEW, OLD)
    after = both.seal(REASONING, PAYLOAD)
    assert after.startswith("lr1.new.")
    assert both.open(REASONING, before) == both.open(REASONING, after) == PAYLOAD
    with pytest.raises(BrokenEnvelope):
        sealer(NEW).open(REASONING, before)


@pytest.mark.parametrize(
    "foreign", ["", "gAAAAABm", "lr1", "lr.old.x", "LR1.old.x", "xlr1.old.x", "lrx.old.x", "ErUBCkYI"]
)
def test_what_others_sealed_is_told_apart(foreign: str) -> None:
    with pytest.raises(NotAnEnvelope):
        sealer().open(REASONING, foreign)


def test_an_envelope_is_one_tenants() -> None:
    with pytest.raises(BrokenEnvelope):
        sealer(tenant="other").open(REASONING, sealer().seal(REASONING, PAYLOAD))


def test_an_envelope_is_for_one_purpose() -> None:
    with pytest.raises(BrokenEnvelope):
        sealer().open("approval", sealer().seal(REASONING, PAYLOAD))


def test_a_key_of_the_same_name_is_not_the_same_key() -> None:
    with pytest.raises(BrokenEnvelope):
        sealer(SealingKey("old", b"\x01" * 32)).open(REASONING, sealer().seal(REASONING, PAYLOAD))


def test_a_key_of_the_same_secret_is_not_the_same_key() -> None:
    envelope = sealer(OLD).seal(REASONING, PAYLOAD)
    with pytest.raises(BrokenEnvelope):
        sealer(SealingKey("new", OLD.secret)).open(REASONING, envelope.replace(".old.", ".new."))


@pytest.mark.parametrize(
    "envelope",
    [
        "lr1.",
        "lr1.old",
        "lr1.old.",
        "lr1.old.AAAA",
        "lr1.old." + "A" * 38,
        "lr1.old." + "A" * 37,
        "lr1.unknown." + "A" * 64,
        "lr1..old." + "A" * 64,
        "lr1.old." + "A" * 64 + ".x",
        "lr1.old.\u00e9" + "A" * 64,
        "lr1.old.\n" + "A" * 64,
        "lr2.old." + "A" * 64,
        "lr01.old." + "A" * 64,
        "lr1.openai.gAAAAABm",
    ],
)
def test_what_only_looks_like_an_envelope_is_broken(envelope: str) -> None:
    with pytest.raises(BrokenEnvelope):
        sealer().open(REASONING, envelope)


def test_an_envelope_of_a_later_version_is_broken_rather_than_foreign() -> None:
    with pytest.raises(BrokenEnvelope):
        sealer().open(REASONING, sealer().seal(REASONING, PAYLOAD).replace("lr1.", "lr2.", 1))


@pytest.mark.parametrize(
    "change", [lambda text: text + "=", lambda text: text + "\n", lambda text: text[:-1] + "B"]
)
def test_an_envelope_is_written_in_one_way_only(change: Callable[[str], str]) -> None:
    """Loose readers of base64 take more than one text for the same bytes."""
    envelope = sealer().seal(REASONING, {"a": 1})
    assert len(envelope.rpartition(".")[2]) % 4 == 2
    with pytest.raises(BrokenEnvelope):
        sealer().open(REASONING, change(envelope))


def test_a_fault_says_nothing_of_what_is_inside() -> None:
    envelope = sealer().seal(REASONING, PAYLOAD)
    with pytest.raises(BrokenEnvelope) as caught:
        sealer(tenant="other").open(REASONING, envelope)
    assert str(caught.value) == "a sealed envelope does not open here"
    assert caught.value.__cause__ is None


def forged(packed: bytes) -> str:
    """An envelope around these bytes, made with the key itself."""
    cipher = room._keys_for(OLD, "acme").cipher
    sealed = cipher.encrypt(bytes(12), packed, sealer()._bound_to(OLD, REASONING))
    return "lr1.old." + urlsafe_b64encode(bytes(12) + sealed).rstrip(b"=").decode()


def test_nothing_unfolds_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGEST_PAYLOAD", 1_000)
    assert sealer().open(REASONING, forged(zlib.compress(b'{"a":1}'))) == {"a": 1}
    for packed in (zlib.compress(b" " * 1_001), zlib.compress(b"{}")[:-1], b"no deflate", b""):
        with pytest.raises(BrokenEnvelope):
            sealer().open(REASONING, forged(packed))


def test_what_could_not_be_opened_is_not_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGEST_PAYLOAD", 20)
    assert sealer().open(REASONING, sealer().seal(REASONING, {"a": "x" * 12})) == {"a": "x" * 12}
    with pytest.raises(ValueError, match="at most 20 bytes"):
        sealer().seal(REASONING, {"a": "x" * 13})


def test_nobody_pays_for_envelopes_before_the_first() -> None:
    program = (
        "import sys, lambda_responses.sealing.keys, lambda_responses.sealing.sealer;"
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
