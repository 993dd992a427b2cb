"""Ids: short, stable in form, and their thread can be read from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.ids import (
    ITEM_PREFIXES,
    ItemIds,
    ThreadKey,
    conversation_key_of,
    new_conversation_id,
    new_response_id,
    own_part_of,
    thread_of,
)
from lambda_responses.wire.input_items import ITEM_TYPES

HEX = "0123456789abcdef"


def entropy(digits: int) -> str:
    return (HEX * 4)[:digits]


@given(st.integers(0, 2**40), st.text(HEX, min_size=24, max_size=24))
def test_a_response_id_names_its_thread(epoch: int, thread: str):
    id = new_response_id(epoch=epoch, thread=ThreadKey(thread), entropy=entropy)
    assert thread_of(id) == thread
    assert own_part_of(id) == entropy(16)
    assert len(id) <= 64


def test_a_new_thread_is_made_where_none_is_given():
    id = new_response_id(epoch=1, thread=None, entropy=entropy)
    assert thread_of(id) == entropy(24)


def test_a_conversation_id_has_a_key():
    key = HEX * 3
    id = new_conversation_id(lambda digits: key[:digits])
    assert id == f"conv_{key}"
    assert conversation_key_of(id) == key


@pytest.mark.parametrize(
    "id", ["", "conv_", "conv_x", "resp_" + "0" * 48, "conv_" + "0" * 49, "CONV_" + "0" * 48]
)
def test_other_ids_are_no_conversations(id: str):
    assert conversation_key_of(id) is None


@pytest.mark.parametrize("kind", [*ITEM_PREFIXES, "future_item"])
def test_an_item_id_names_thread_and_response(kind: str):
    response_id = new_response_id(epoch=1, thread=None, entropy=entropy)
    ids = ItemIds(response_id, entropy)
    first, second = ids.next(kind), ids.next(kind)
    assert first != second
    assert thread_of(first) == thread_of(response_id)
    assert own_part_of(second) == own_part_of(response_id)
    assert len(first) <= 64
    assert first.startswith(ITEM_PREFIXES.get(kind, "item") + "_")


def test_every_item_type_but_two_has_a_prefix_of_its_own():
    assert set(ITEM_TYPES) - set(ITEM_PREFIXES) == {"compaction_trigger", "item_reference"}
    assert len(set(ITEM_PREFIXES.values())) == len(ITEM_PREFIXES)


FOREIGN = [
    "",
    "resp_",
    "resp_x",
    "resp_677efb5139a88190b512bc3fef8e535d",
    "resp_" + "0" * 47,
    "resp_" + "0" * 49,
    "resp_" + "A" * 48,
    "msg_" + "0" * 50,
    "chatcmpl-123",
    "resp_" + "0" * 48 + "\n",
    "toolongprefix_" + "0" * 48,
    "../../etc",
]


@pytest.mark.parametrize("id", FOREIGN)
def test_a_foreign_id_names_nothing(id: str):
    assert thread_of(id) is None
    assert own_part_of(id) is None


@given(st.text())
def test_no_text_is_mistaken_by_accident(id: str):
    assert thread_of(id) is None


def test_a_call_id_is_short():
    id = ItemIds(new_response_id(epoch=1, thread=None, entropy=entropy), entropy).next_call_id()
    assert id.startswith("call_")
    assert len(id) == 29
