"""Keys are built in one place, and a tenant's keys are its own."""

from __future__ import annotations

import pytest

from lambda_responses.storage.keyed.port import Key, Range
from lambda_responses.storage.table import (
    API_KEYS,
    KEY_RING,
    TenantTable,
    api_key,
    listed_api_key,
    response_of,
    seq_of,
    turn_of,
)
from lambda_responses.wire.ids import ConversationKey, ThreadKey

THREAD = ThreadKey("a" * 24)
RESPONSE = f"resp_{'0' * 8}{THREAD}{'b' * 16}"
OWN = "b" * 16
PARTITION = f"acme#T#{THREAD}"


def test_keys_have_the_shape_that_the_table_documents() -> None:
    table = TenantTable("acme")
    assert table.control(THREAD, RESPONSE) == Key(PARTITION, f"R#{RESPONSE}")
    assert table.envelope(THREAD, RESPONSE, 1) == Key(PARTITION, f"R#{RESPONSE}#01")
    assert table.turn(THREAD, 7, OWN) == Key(PARTITION, f"C#000007#{OWN}")
    assert table.turn(THREAD, 7, OWN, 3) == Key(PARTITION, f"C#000007#{OWN}#03")
    assert table.snapshot(THREAD, 7, OWN) == Key(PARTITION, f"S#000007#{OWN}")
    assert table.turns(THREAD, 2, 5) == Range(PARTITION, "C#000002", "C#000005~")


def test_a_conversation_is_read_head_first_and_up_to_a_number() -> None:
    table, conversation = TenantTable("acme"), ConversationKey("c" * 48)
    partition = f"acme#V#{conversation}"
    head, item, part = (
        table.conversation(conversation),
        table.item(conversation, 7),
        table.item(conversation, 7, 2),
    )
    assert head == Key(partition, "H")
    assert item == Key(partition, "I#0000000007")
    assert part == Key(partition, "I#0000000007#02")
    assert seq_of(item) == seq_of(part) == 7
    whole, upto = table.whole_conversation(conversation), table.items(conversation, upto=8)
    assert whole.low <= head.sk < item.sk < part.sk <= whole.high
    assert upto.low <= item.sk < part.sk <= upto.high < table.item(conversation, 8).sk
    assert head.sk < upto.low
    assert not table.items(conversation, upto=7).high >= item.sk


def test_a_range_holds_all_parts_of_its_own_and_nothing_else() -> None:
    table = TenantTable("acme")
    parts = [table.turn(THREAD, 7, OWN, part).sk for part in range(12)]
    within = table.turn_parts(THREAD, 7, OWN)
    assert all(within.low <= sk <= within.high for sk in parts)
    assert parts == sorted(parts)
    assert not within.low <= table.turn(THREAD, 7, "c" * 16).sk <= within.high
    envelopes = table.envelopes(THREAD, RESPONSE)
    assert envelopes.low <= table.envelope(THREAD, RESPONSE, 1).sk <= envelopes.high
    assert not envelopes.low <= table.control(THREAD, RESPONSE).sk <= envelopes.high
    everything = table.turns(THREAD)
    assert everything.low <= parts[0] <= everything.high
    assert not everything.low <= table.snapshot(THREAD, 7, OWN).sk <= everything.high


def test_keys_tell_what_they_belong_to() -> None:
    table = TenantTable("acme")
    assert turn_of(table.turn(THREAD, 7, OWN, 3)) == turn_of(table.snapshot(THREAD, 7, OWN)) == (7, OWN)
    assert (
        response_of(table.control(THREAD, RESPONSE))
        == response_of(table.envelope(THREAD, RESPONSE, 2))
        == RESPONSE
    )


@pytest.mark.parametrize("name", ["", "acme#T", "#", "a b", "a/b", "é", "a\n", "-a", "a" * 129])
def test_a_tenants_name_cannot_reach_into_another_partition(name: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        TenantTable(name)


@pytest.mark.parametrize("name", ["acme", "org_123", "user@example.org", "arn:aws:iam::1", "a" * 128])
def test_ordinary_names_are_tenants(name: str) -> None:
    assert TenantTable(name).control(THREAD, RESPONSE).pk.startswith(f"{name}#")


def test_the_key_ring_lies_in_no_tenants_partition() -> None:
    with pytest.raises(ValueError, match="tenant"):
        TenantTable(KEY_RING.pk.partition("#")[0])
    with pytest.raises(ValueError, match="tenant"):
        TenantTable(KEY_RING.pk)


def test_api_keys_lie_in_no_tenants_partition() -> None:
    for pk in (api_key("0" * 64).pk, API_KEYS.pk, listed_api_key("key_1").pk):
        assert pk.startswith("#")
        for prefix in (pk, pk.partition("#")[0], pk[:2]):
            with pytest.raises(ValueError, match="tenant"):
                TenantTable(prefix)


def test_every_key_of_the_list_is_within_its_range() -> None:
    for digits in ("0" * 16, "f" * 16):
        key = listed_api_key(f"key_{digits}")
        assert key.pk == API_KEYS.pk
        assert API_KEYS.low <= key.sk <= API_KEYS.high
