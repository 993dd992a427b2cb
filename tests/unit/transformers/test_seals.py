"""Seals bear the name of their maker, and go back to no one else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.transformers.seals import label, unlabel

MAKERS = st.text(min_size=1, max_size=5) | st.sampled_from(["acme", "acme.eu", "acme.", "%2e;"])


@given(st.text(), MAKERS)
def test_a_maker_gets_its_seal_back(seal: str, maker: str):
    assert unlabel(label(seal, maker), maker) == seal


@given(st.text(), MAKERS, MAKERS | st.just(""))
def test_no_one_else_does(seal: str, maker: str, other: str):
    assert maker == other or unlabel(label(seal, maker), other) is None


def test_a_name_cannot_be_taken_for_the_beginning_of_a_longer_one():
    assert unlabel(label("b.seal", "a"), "a.b") is None
    assert unlabel(label("seal", "a.b"), "a") is None


def test_what_a_client_brought_from_the_maker_itself_bears_no_label():
    assert unlabel("gAAAAAB", "acme") == unlabel("gAAAAAB", "") == "gAAAAAB"


def test_a_seal_of_a_nameless_maker_is_shown_as_it_is():
    assert label("gAAAAAB", "") == "gAAAAAB"


def test_a_form_of_a_later_version_is_no_seal_of_ours():
    assert unlabel("lr2.acme.seal", "acme") is None
