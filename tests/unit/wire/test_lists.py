"""Pages of a list."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.lists import page
from lambda_responses.wire.queries import ListQuery

ITEMS: list[dict[str, Any]] = [{"id": f"msg_{n}"} for n in range(1, 6)]


def ids(listed: dict[str, Any]) -> list[str]:
    return [item["id"] for item in listed["data"]]


def test_the_newest_come_first():
    listed = page(ITEMS, ListQuery(limit=2))
    assert listed == {
        "object": "list",
        "data": [{"id": "msg_5"}, {"id": "msg_4"}],
        "first_id": "msg_5",
        "last_id": "msg_4",
        "has_more": True,
    }


def test_the_oldest_come_first_when_asked_for():
    assert ids(page(ITEMS, ListQuery(order="asc", after="msg_2"))) == ["msg_3", "msg_4", "msg_5"]


def test_an_empty_page_has_no_ids():
    empty = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert page([], ListQuery()) == empty
    assert page(ITEMS, ListQuery(after="msg_1")) == empty


def test_a_page_that_just_fits_has_no_more():
    assert page(ITEMS, ListQuery(limit=5))["has_more"] is False


def test_an_unknown_cursor_is_a_400():
    with pytest.raises(InvalidRequestError) as caught:
        page(ITEMS, ListQuery(after="msg_9"))
    assert (caught.value.status, caught.value.param) == (400, "after")


@given(st.integers(0, 25), st.integers(1, 9), st.sampled_from(["asc", "desc"]))
def test_paging_shows_everything_once_and_in_order(count: int, limit: int, order: Literal["asc", "desc"]):
    items = [{"id": f"msg_{n}"} for n in range(count)]
    seen: list[str] = []
    after: str | None = None
    while True:
        listed = page(items, ListQuery(limit=limit, order=order, after=after))
        seen += ids(listed)
        if not listed["has_more"]:
            break
        after = listed["last_id"]
    expected = [item["id"] for item in items]
    assert seen == (expected if order == "asc" else expected[::-1])
