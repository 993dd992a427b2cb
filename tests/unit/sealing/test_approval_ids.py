"""Ids that prove what was asked: nobody else makes them, and none can be turned to another call."""

from __future__ import annotations

import re

import pytest

from lambda_responses.sealing.approval_ids import asked_at, is_of_tool, is_sealed_id, sealed_id
from lambda_responses.sealing.keys import KeyRing, SealingKey
from lambda_responses.sealing.sealer import Sealer

OLD, NEW = SealingKey("old", b"o" * 32), SealingKey("new", b"n" * 32)
ASKED = ("dice", "a" * 32, "roll", '{"sides":6}')
TOOL = "b" * 64
AT = 1_800_000_000


def sealer(*keys: SealingKey, tenant: str = "acme") -> Sealer:
    return Sealer(KeyRing(keys or (OLD,)), tenant)


def made(by: Sealer | None = None, chance: str = "0123abcd") -> str:
    return sealed_id(by or sealer(), ASKED, tool=TOOL, asked_at=AT, chance=chance)


def test_an_id_says_when_something_was_asked_of_which_tool() -> None:
    id = made()
    assert re.fullmatch(r"mcpr_[0-9a-f]{56}", id)
    assert is_sealed_id(id)
    assert asked_at(sealer(), id, ASKED) == AT
    assert is_of_tool(sealer(), id, TOOL)
    assert not is_of_tool(sealer(), id, "c" * 64)
    assert made() == id
    assert made(chance="0123abce")[21:] != id[21:]


@pytest.mark.parametrize("place", range(4))
def test_an_id_is_good_for_what_was_asked_alone(place: int) -> None:
    for other in (f"{ASKED[place]} ", ""):
        changed = [*ASKED[:place], other, *ASKED[place + 1 :]]
        assert asked_at(sealer(), made(), changed) is None


@pytest.mark.parametrize("place", range(5, 61))
def test_no_digit_of_an_id_can_be_changed(place: int) -> None:
    id = made()
    forged = id[:place] + ("1" if id[place] == "0" else "0") + id[place + 1 :]
    assert is_sealed_id(forged)
    assert asked_at(sealer(), forged, ASKED) is None


def test_tenants_do_not_open_each_others_ids() -> None:
    assert asked_at(sealer(tenant="other"), made(), ASKED) is None
    assert not is_of_tool(sealer(tenant="other"), made(), TOOL)


def test_every_key_of_the_ring_opens_and_the_first_one_seals() -> None:
    assert asked_at(sealer(NEW, OLD), made(), ASKED) == AT
    assert is_of_tool(sealer(NEW, OLD), made(), TOOL)
    assert asked_at(sealer(NEW), made(), ASKED) is None
    assert made(sealer(NEW, OLD)) == made(sealer(NEW)) != made()


@pytest.mark.parametrize(
    "foreign", ["", "mcpr_", f"mcpr_{'0' * 48}", f"mcpr_{'0' * 57}", f"MCPR_{'0' * 56}", f"mcpr_{'g' * 56}"]
)
def test_what_has_another_form_is_no_such_id(foreign: str) -> None:
    assert not is_sealed_id(foreign)
    assert asked_at(sealer(), foreign, ASKED) is None
    assert not is_of_tool(sealer(), foreign, TOOL)


def test_a_mark_is_of_one_purpose() -> None:
    mark = sealer().mark("one", {"a": 1})
    assert sealer().is_marked("one", {"a": 1}, mark[:32])
    assert not sealer().is_marked("two", {"a": 1}, mark[:32])
    assert not sealer().is_marked("one", {"a": 2}, mark[:32])
    assert not sealer().is_marked("one", {"a": 1}, mark[:7])
