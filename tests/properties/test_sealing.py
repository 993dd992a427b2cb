"""Whatever is sealed opens for whom it was sealed, and for nobody else, nor after any change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lambda_responses.sealing.keys import KeyRing, SealingKey, parse_key_ring
from lambda_responses.sealing.sealer import BrokenEnvelope, NotAnEnvelope, Sealer

KEYS = st.builds(
    SealingKey, st.from_regex(r"[A-Za-z0-9_-]{1,32}", fullmatch=True), st.binary(min_size=32, max_size=32)
)
RINGS = st.lists(KEYS, min_size=1, max_size=4, unique_by=lambda key: key.id)
NAMES = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
PAYLOADS = st.dictionaries(
    st.text(), st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)


def sealer(keys: list[SealingKey], tenant: str) -> Sealer:
    return Sealer(KeyRing(keys), tenant)


@given(RINGS, NAMES, NAMES, PAYLOADS)
def test_what_was_sealed_comes_back(
    keys: list[SealingKey], tenant: str, purpose: str, payload: dict[str, Any]
) -> None:
    envelope = sealer(keys, tenant).seal(purpose, payload)
    assert sealer(keys, tenant).open(purpose, envelope) == payload


@given(RINGS, st.data(), PAYLOADS)
def test_whoever_has_the_key_opens_whatever_it_minted(
    keys: list[SealingKey], data: st.DataObject, payload: dict[str, Any]
) -> None:
    minting = data.draw(st.permutations(keys))
    opening = data.draw(st.permutations(keys))
    envelope = sealer(minting, "acme").seal("reasoning", payload)
    assert sealer(opening, "acme").open("reasoning", envelope) == payload
    others = [key for key in keys if key.id != minting[0].id]
    if others:
        with pytest.raises(BrokenEnvelope):
            sealer(others, "acme").open("reasoning", envelope)


@given(KEYS, st.data(), PAYLOADS)
def test_any_flipped_bit_closes_an_envelope(
    key: SealingKey, data: st.DataObject, payload: dict[str, Any]
) -> None:
    envelope = bytearray(sealer([key], "acme").seal("reasoning", payload), "ascii")
    place = data.draw(st.integers(0, len(envelope) - 1))
    envelope[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((BrokenEnvelope, NotAnEnvelope)):
        sealer([key], "acme").open("reasoning", envelope.decode("latin-1"))


@given(KEYS, st.data(), PAYLOADS)
def test_any_piece_of_an_envelope_is_none(
    key: SealingKey, data: st.DataObject, payload: dict[str, Any]
) -> None:
    envelope = sealer([key], "acme").seal("reasoning", payload)
    start = data.draw(st.integers(0, len(envelope)))
    end = data.draw(st.integers(start, len(envelope)))
    assume((start, end) != (0, len(envelope)))
    with pytest.raises((BrokenEnvelope, NotAnEnvelope)):
        sealer([key], "acme").open("reasoning", envelope[start:end])


@given(KEYS, st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES), PAYLOADS)
def test_tenant_and_purpose_are_never_mistaken_for_others(
    key: SealingKey, made: tuple[str, str], read: tuple[str, str], payload: dict[str, Any]
) -> None:
    assume(made != read)
    envelope = sealer([key], made[0]).seal(made[1], payload)
    with pytest.raises(BrokenEnvelope):
        sealer([key], read[0]).open(read[1], envelope)


@given(KEYS, st.text() | st.text().map("lr1.{}".format) | st.text().map("lr1.key.{}".format))
def test_any_other_text_is_foreign_or_broken(key: SealingKey, text: str) -> None:
    with pytest.raises((BrokenEnvelope, NotAnEnvelope)):
        sealer([key], "acme").open("reasoning", text)


@given(RINGS)
def test_a_ring_reads_as_it_was_written(keys: list[SealingKey]) -> None:
    ring = parse_key_ring(KeyRing(keys).as_text())
    assert ring.first == keys[0]
    assert [ring.get(key.id) for key in keys] == keys
