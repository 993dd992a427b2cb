"""Preludes, and the trailers of faults, whatever an application makes or raises."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.runtime.streaming.fault import MAX_TRAILERS, fault_of
from lambda_responses.runtime.streaming.prelude import (
    DELIMITER,
    MAX_PRELUDE,
    OF_THE_CONNECTION,
    UnusablePrelude,
    render_prelude,
)

NAMES = st.text("ABCXYZabcxyz019-_!~", min_size=1, max_size=12)
VALUES = st.text(st.characters(max_codepoint=255), max_size=20).filter(
    lambda text: all(character == "\t" or 0x20 <= ord(character) != 0x7F for character in text)
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


def encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def read(prelude: bytes) -> dict[str, Any]:
    assert prelude.endswith(DELIMITER)
    assert prelude.count(b"\0") == len(DELIMITER)
    return json.loads(prelude.removesuffix(DELIMITER))


@given(st.integers(200, 599), HEADERS, st.booleans())
def test_a_prelude_tells_all_headers_in_their_order(
    status: int, headers: list[tuple[str, str]], repeats: bool
):
    prelude = read(render_prelude(status, encoded(headers), repeats=repeats))
    told = {name: [value] for name, value in prelude["headers"].items()} | prelude.get(
        "multiValueHeaders", {}
    )
    assert prelude["statusCode"] == status
    assert {name: ", ".join(values) for name, values in told.items()} == {
        name: ", ".join(value for each, value in headers if each.lower() == name)
        for name in {name.lower() for name, _ in headers}
    }
    assert all(len(values) > 1 for values in prelude.get("multiValueHeaders", {}).values())
    assert repeats or "multiValueHeaders" not in prelude


@given(st.lists(VALUES, max_size=3), st.booleans())
def test_cookies_stay_apart(values: list[str], repeats: bool):
    headers = encoded([("Set-Cookie", value) for value in values])
    assert read(render_prelude(200, headers, repeats=repeats)) == {
        "statusCode": 200,
        "headers": {},
        **({"cookies": values} if values else {}),
    }


@pytest.mark.parametrize("name", sorted(OF_THE_CONNECTION))
def test_what_is_said_of_a_connection_stays_behind(name: str):
    headers = [(name.encode(), b"x"), (b"content-length", b"3")]
    assert read(render_prelude(200, headers, repeats=True))["headers"] == {"content-length": "3"}


@given(
    st.one_of(st.integers(), st.none(), st.text(), st.floats()), st.lists(st.tuples(st.binary(), st.binary()))
)
def test_a_prelude_is_made_or_refused(status: Any, headers: list[tuple[bytes, bytes]]):
    try:
        prelude = render_prelude(status, headers, repeats=True)
    except UnusablePrelude:
        return
    assert len(prelude) <= MAX_PRELUDE
    assert "\n" not in str(read(prelude))


@pytest.mark.parametrize("status", [99, 100, 199, 600, -1, 0, "200", 200.5, None, True, float("nan")])
def test_a_status_that_http_does_not_have_is_refused(status: Any):
    with pytest.raises(UnusablePrelude):
        render_prelude(status, [], repeats=True)


@pytest.mark.parametrize(
    "header",
    [
        (b"", b"x"),
        (b"a b", b"x"),
        (b"a:", b"x"),
        ("ä".encode(), b"x"),
        (b"a", b"x\r\nb: c"),
        (b"a", b"x\0"),
        (b"a", b"\x7f"),
        ("a", "text"),
        (b"a",),
        None,
    ],
)
def test_a_header_that_http_does_not_have_is_refused(header: Any):
    with pytest.raises(UnusablePrelude):
        render_prelude(200, [(b"fine", b"yes"), header], repeats=True)


def test_a_prelude_that_api_gateway_would_not_read_is_refused():
    room = MAX_PRELUDE - len(render_prelude(200, [(b"a", b"")], repeats=True))
    assert len(render_prelude(200, [(b"a", b"x" * room)], repeats=True)) == MAX_PRELUDE
    with pytest.raises(UnusablePrelude):
        render_prelude(200, [(b"a", b"x" * (room + 1))], repeats=True)


def raised(kind: str, text: str, depth: int, *, function: str = "f") -> BaseException:
    """An exception of that kind and text, from that deep inside functions of that name."""
    error = type(kind, (Exception,), {})(text)
    scope: dict[str, Any] = {}
    exec(
        "def f(depth):\n    if depth: f(depth - 1)\n    raise error",
        {"error": error, "f": None} | scope,
        scope,
    )
    scope["f"].__globals__["f"] = scope["f"]
    scope["f"].__code__ = scope["f"].__code__.replace(co_qualname=function)
    try:
        scope["f"](depth)
    except BaseException as seen:
        return seen
    raise AssertionError


KINDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=400)


@given(KINDS, st.text(max_size=5_000), st.integers(0, 40), st.text('"\\\n\0\x7f😀x', max_size=300))
def test_trailers_stay_within_what_lambda_reads(kind: str, text: str, depth: int, function: str):
    error = raised(kind, text, depth, function=function)
    trailers = fault_of(error).trailers()
    assert len(trailers) + len(b"\r\n") <= MAX_TRAILERS
    lines = [line.split(b": ", 1) for line in trailers.split(b"\r\n")[:-1]]
    (first, named), (second, body) = lines
    assert (first, second) == (
        b"Lambda-Runtime-Function-Error-Type",
        b"Lambda-Runtime-Function-Error-Body",
    )
    told = json.loads(base64.b64decode(body, validate=True))
    assert told["errorType"] == named.decode()
    assert named.startswith(b"Runtime.")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=12))
def test_what_an_exception_says_is_told_nobody(text: str):
    told = json.loads(fault_of(raised("OddError", text, 1)).body())
    assert told["errorType"] == "Runtime.OddError"
    assert text not in json.dumps(told, ensure_ascii=False)


def test_a_group_is_told_by_its_first_exception():
    group = BaseExceptionGroup("all", [ExceptionGroup("some", [raised("InnerError", "", 0), ValueError()])])
    assert fault_of(group).kind == "InnerError"


def test_an_exception_that_was_never_raised_has_no_place():
    fault = fault_of(ValueError("a secret"))
    assert (fault.kind, fault.message, fault.trace) == ("ValueError", "ValueError", ())


def test_the_innermost_places_are_told():
    fault = fault_of(raised("DeepError", "", 30))
    assert len(fault.trace) == 8
    assert fault.message == f"DeepError in {fault.trace[-1]}"
