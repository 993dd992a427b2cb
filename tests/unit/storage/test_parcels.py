"""Bytes cut over rows come together again, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.storage.parcels import ROW_BYTES, from_rows, into_rows

NEAR_A_CUT = st.sampled_from(
    [0, 1, ROW_BYTES - 1, ROW_BYTES, ROW_BYTES + 1, 2 * ROW_BYTES, 3 * ROW_BYTES + 7]
)


@given(st.dictionaries(st.sampled_from(["in", "out", "org"]), NEAR_A_CUT))
def test_pieces_come_back_from_however_many_rows_they_took(lengths: dict[str, int]) -> None:
    parts = {name: bytes([ord(name[0])]) * length for name, length in lengths.items()}
    rows = into_rows(parts)
    assert from_rows(rows) == parts
    assert len(rows) == max(1, -(-sum(lengths.values()) // ROW_BYTES))
    for row in rows:
        assert sum(len(value) for value in row.values() if isinstance(value, bytes)) <= ROW_BYTES


def test_what_fits_keeps_its_names() -> None:
    assert into_rows({"in": b"i", "out": b"o"}) == [{"in": b"i", "out": b"o"}]


@pytest.mark.parametrize("missing", [0, 1, 2, 3])
def test_a_missing_row_is_noticed(missing: int) -> None:
    rows = into_rows({"in": b"i" * 2 * ROW_BYTES, "out": b"o" * ROW_BYTES, "org": b"x"})
    assert len(rows) == 4
    del rows[missing]
    assert from_rows(rows) is None
