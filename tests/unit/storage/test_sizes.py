"""Sizes as DynamoDB counts them."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.storage.keyed.port import Key
from lambda_responses.storage.keyed.sizes import item_size

KEY = Key("p", "s")
KEY_SIZE = len("pk") + len("p") + len("sk") + len("s")


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("", 0),
        ("é", 2),
        (b"abc", 3),
        (True, 1),
        (None, 1),
        (0, 1),
        (7, 2),
        (-12345, 4),
        (1_000_000, 2),
        (0.25, 2),
        ([], 3),
        ([1, "a"], 3 + 1 + 2 + 1 + 1),
        ({"k": {"x": None}}, 3 + 1 + 1 + 3 + 1 + 1 + 1),
    ],
)
def test_a_value_counts_with_its_name(value: Any, size: int) -> None:
    assert item_size(KEY, {"name": value}) == KEY_SIZE + len("name") + size
