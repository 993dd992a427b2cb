"""Query strings: what clients send, and what is wrong with them."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.queries import ListQuery, RetrieveQuery, read_list_query, read_retrieve_query

A, B = "reasoning.encrypted_content", "code_interpreter_call.outputs"


def pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def test_nothing_asks_for_twenty_newest_first():
    assert read_list_query([]) == ListQuery(limit=20, order="desc", after=None, include=frozenset())


def test_a_list_is_asked_for_by_limit_order_and_cursor():
    query = read_list_query(pairs("limit=100&order=asc&after=msg_1"))
    assert query == ListQuery(limit=100, order="asc", after="msg_1")


@pytest.mark.parametrize(
    "query",
    [
        f"include[]={A}&include[]={B}",
        f"include={A}&include={B}",
        f"include={A},{B}",
        f"include[]={A},{B}",
        f"include[0]={A}&include[1]={B}",
        f"include%5B%5D={A}&include={B}&include=",
    ],
)
def test_include_comes_in_many_spellings(query: str):
    assert read_list_query(pairs(query)).include == {A, B}
    assert read_retrieve_query(pairs(query)).include == {A, B}


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("limit=0", "integer_below_min_value", "limit"),
        ("limit=-1", "integer_below_min_value", "limit"),
        ("limit=101", "integer_above_max_value", "limit"),
        ("limit=ten", "invalid_type", "limit"),
        ("limit=", "invalid_type", "limit"),
        ("limit=1.5", "invalid_type", "limit"),
        ("limit=" + "9" * 5000, "invalid_type", "limit"),
        ("limit=\N{ARABIC-INDIC DIGIT FIVE}", "invalid_type", "limit"),
        ("order=up", "invalid_value", "order"),
        (f"include={A},bogus", "invalid_value", "include[1]"),
    ],
)
def test_a_bad_list_query_names_its_parameter(query: str, code: str, param: str):
    with pytest.raises(InvalidRequestError) as caught:
        read_list_query(pairs(query))
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)
    assert len(caught.value.message) < 600


def test_a_response_is_asked_for_whole_unless_a_stream_is_wanted():
    assert read_retrieve_query([]) == RetrieveQuery()
    query = read_retrieve_query(pairs("stream=true&starting_after=7&include_obfuscation=false"))
    assert query == RetrieveQuery(stream=True, starting_after=7, include_obfuscation=False)


@pytest.mark.parametrize("query", ["stream=yes", "starting_after=x", "include_obfuscation=", "include[]=x"])
def test_a_bad_retrieve_query_is_a_400(query: str):
    with pytest.raises(InvalidRequestError) as caught:
        read_retrieve_query(pairs(query))
    assert caught.value.param == query.split("=")[0].replace("[]", "[0]")


def test_unknown_parameters_are_left_alone():
    assert read_list_query(pairs("beta=true&before=x")) == ListQuery()
    assert read_retrieve_query(pairs("beta=true")) == RetrieveQuery()


NAMES = st.sampled_from(["limit", "order", "after", "include", "include[]", "stream", "starting_after", "x"])


@given(st.lists(st.tuples(NAMES, st.text(max_size=8))))
def test_any_query_is_read_or_answered_with_a_400(query: list[tuple[str, str]]):
    for read in (read_list_query, read_retrieve_query):
        try:
            read(query)
        except InvalidRequestError as error:
            assert error.param  # noqa: PT017 - most queries are sound
