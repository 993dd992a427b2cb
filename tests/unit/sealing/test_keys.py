"""The keys of an installation, and the setting that holds them."""

from __future__ import annotations

import base64

import pytest

from lambda_responses.sealing.keys import SECRET_BYTES, KeyRing, SealingKey, new_key, parse_key_ring

ZEROS = "A" * 43 + "="
ONES = base64.b64encode(b"\xff" * 32).decode()


def test_the_first_key_mints_and_all_open() -> None:
    ring = parse_key_ring(f"new:{ONES}, old:{ZEROS}")
    assert ring.first == SealingKey("new", b"\xff" * 32)
    assert ring.get("old") == SealingKey("old", bytes(32))
    assert ring.get("other") is None


def test_both_alphabets_of_base64_are_read() -> None:
    urlsafe = base64.urlsafe_b64encode(b"\xff" * 32).decode()
    assert urlsafe != ONES
    assert parse_key_ring(f"a:{urlsafe}").first == parse_key_ring(f"a:{ONES}").first


def test_a_ring_reads_as_it_was_written() -> None:
    ring = KeyRing([SealingKey("b", b"\xff" * 32), SealingKey("a", bytes(32))])
    assert ring.as_text() == f"b:{ONES},a:{ZEROS}"
    assert parse_key_ring(ring.as_text()).as_text() == ring.as_text()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "id:secret"),
        (ZEROS, "id:secret"),
        (f"a:{ZEROS},", "id:secret"),
        (f":{ZEROS}", "id is 1 to 32"),
        (f"a.b:{ZEROS}", "id is 1 to 32"),
        (f"{'a' * 33}:{ZEROS}", "id is 1 to 32"),
        ("a:sesame==", "32 bytes"),
        ("a:", "32 bytes"),
        ("a:QUJD", "32 bytes"),
        ("a:open sesame!", "base64"),
        (f"a:{ZEROS},a:{ONES}", "same id"),
    ],
)
def test_a_ring_that_cannot_be_used_is_refused_without_quoting_it(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_key_ring(text)
    message = str(caught.value)
    assert "sesame" not in message
    assert ZEROS not in message
    assert caught.value.__cause__ is None


def test_a_ring_is_never_empty() -> None:
    with pytest.raises(ValueError, match="at least one"):
        KeyRing([])


def test_a_new_key_is_made_of_what_chance_gives() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    assert new_key(entropy) == SealingKey("00010203", bytes(range(32)))
    assert SECRET_BYTES in asked


def test_a_key_does_not_show_its_secret() -> None:
    assert "secret" not in repr(SealingKey("a", b"secret secret secret secret 1234"))
