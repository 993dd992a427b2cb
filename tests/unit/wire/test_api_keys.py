"""What is a key, and what only looks like one."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.api_keys import RANDOM_BYTES, fingerprint, render_key

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

randoms = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(randoms)
def test_a_key_is_text_that_scanners_know_and_holds_256_random_bits(random: bytes):
    key = render_key(random)
    assert re.fullmatch(r"sk-lr-[A-Za-z0-9_-]{48}", key)
    assert urlsafe_b64decode(key.removeprefix("sk-lr-"))[:RANDOM_BYTES] == random


@given(randoms)
def test_a_key_is_known_by_the_sha_256_of_its_text(random: bytes):
    key = render_key(random)
    assert fingerprint(key) == hashlib.sha256(key.encode()).hexdigest()


@given(st.text() | st.from_regex(r"sk-lr-[A-Za-z0-9_-]{48}\n?", fullmatch=True) | st.binary().map(repr))
def test_text_that_nobody_made_a_key_of_is_none(text: str):
    assert fingerprint(text) is None


@given(randoms, st.data())
def test_a_slip_of_up_to_four_characters_in_a_row_is_no_key(random: bytes, data: st.DataObject):
    key = render_key(random)
    start = data.draw(st.integers(len("sk-lr-"), len(key) - 1))
    end = min(start + data.draw(st.integers(1, 4)), len(key))
    slip = data.draw(st.text(ALPHABET, min_size=end - start, max_size=end - start))
    mistyped = key[:start] + slip + key[end:]
    assert mistyped == key or fingerprint(mistyped) is None


@given(randoms, st.integers(0, 52))
def test_two_neighbours_that_changed_places_are_no_key(random: bytes, at: int):
    key = render_key(random)
    swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    assert swapped == key or fingerprint(swapped) is None


@pytest.mark.parametrize("more", [" ", "\n", "=", "A"])
def test_a_key_has_one_spelling(more: str):
    key = render_key(bytes(32))
    assert fingerprint(key + more) is None
    assert fingerprint(more + key) is None
    assert fingerprint(key.upper()) is None


@pytest.mark.parametrize("size", [0, 31, 33])
def test_fewer_or_more_random_bytes_make_no_key(size: int):
    with pytest.raises(ValueError, match="32"):
        render_key(bytes(size))
