"""Names of servers' tools, as every provider takes them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.mcp_names import LONGEST_NAME, function_name, function_name_apart


def test_a_name_that_is_taken_everywhere_is_left_as_it_is() -> None:
    assert function_name("dice", "roll-two_dice") == "dice__roll-two_dice"


def test_a_name_that_was_changed_or_cut_is_told_apart_from_others() -> None:
    changed = {function_name("dice", name) for name in ("a.b", "a/b", "a b", "é" * 80, "é" * 81)}
    assert len(changed) == 5
    assert function_name("dice", "a.b").startswith("dice__a_b_")
    assert function_name_apart("a", "b__c") != function_name_apart("a__b", "c")


@given(st.text(min_size=1, max_size=100), st.text(min_size=1, max_size=200))
def test_every_name_is_one_that_providers_take(label: str, tool: str) -> None:
    for name in (function_name(label, tool), function_name_apart(label, tool)):
        assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
        assert len(name) <= LONGEST_NAME
