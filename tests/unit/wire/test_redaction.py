"""No upstream's words hold a secret, however it is written."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.wire.redaction import GIVEN_AWAY, REDACTED, redacted

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-ant-Ab3/+d'\"\\e&<F>==é🙂 g%25hIjKlMnOpQrStUvWxYz"


def escaped_throughout(text: str) -> str:
    units = text.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4].upper()}" for start in range(0, len(units), 4))


WRITINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON of Unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "in PHP's JSON": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "in .NET's JSON": lambda text: "".join(
        c if c.isalnum() and c.isascii() else escaped_throughout(c) for c in text
    ),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "in an address": lambda text: quote(text, safe=""),
    "in an address, in part": quote,
    "in a form": quote_plus,
    "in an address in another": lambda text: quote(quote(text, safe=""), safe=""),
}


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_a_secret_is_taken_out_however_it_is_written(write: Callable[[str], str]):
    assert redacted(f"no {write(KEY)}, it is wrong", [KEY]) == f"no {REDACTED}, it is wrong"


@pytest.mark.parametrize("kept", [GIVEN_AWAY, GIVEN_AWAY + 1, 20, len(KEY) - 1])
@pytest.mark.parametrize("cut", ["", "...", "***", "…"])
def test_so_is_its_beginning(kept: int, cut: str):
    said = redacted(f"no {KEY[:kept]}{cut} here", [KEY])
    assert said.startswith(f"no {REDACTED}")
    assert said.endswith(" here")


def test_what_follows_in_a_writing_that_nobody_knows_goes_with_it():
    assert redacted("no sk-abcdefghij=2Fklmnop here", ["sk-abcdefghij/klmnop"]) == f"no {REDACTED} here"


def test_every_secret_is_taken_out_wherever_it_stands():
    one, two = "first-secret-of-all", "second-secret"
    said = f"{one}{two} and {two}, {one}"
    assert redacted(said, [two, one]) == f"{REDACTED}{REDACTED} and {REDACTED}, {REDACTED}"


def test_a_part_of_another_leaves_nothing_of_it():
    assert redacted("key abcdefgh-1234", ["abcdefgh", "abcdefgh-1234"]) == f"key {REDACTED}"


@pytest.mark.parametrize("secret", ["", "a", "search", "1234567"])
def test_what_is_too_short_may_be_part_of_a_word(secret: str):
    assert redacted("research of 1234567 a", [secret]) == "research of 1234567 a"


def test_what_only_begins_alike_stays():
    assert redacted("sk-ant-Ab3/ is how keys begin", [KEY]) == "sk-ant-Ab3/ is how keys begin"


@given(
    st.text(st.characters(exclude_categories=["Cc"]), min_size=8, max_size=60),
    st.sampled_from([*WRITINGS.values()]),
    st.text(max_size=5),
    st.text(max_size=5),
)
def test_no_secret_is_left_in_any_writing(secret: str, write: Callable[[str], str], before: str, after: str):
    try:
        written = write(secret)
    except UnicodeEncodeError:  # half a character, which no address can hold
        return
    said = redacted(f"{before}{written}{after}", [secret])
    assert REDACTED in said
    assert written not in said.replace(REDACTED, "\0") or written in REDACTED


HOSTILE = [
    "\\" * 11 + "aaaaaaaa",
    "+" * 12 + "a",
    "%" * 20,
    "\\+" * 20,
    "-----BEGIN",
    "%25" * 8,
    "é" * 30 + "a",
]


@pytest.mark.parametrize("secret", HOSTILE)
@pytest.mark.parametrize("piece", ["\\", "+", "%", "%25", "\\+", "-", "%5c", "u005c", "\\u00e9"])
def test_no_secret_and_no_text_takes_long(secret: str, piece: str):
    """Linear in both: a million steps at most, where a careless pattern takes more than a life."""
    begun = time.process_time()
    redacted(piece * 8_000, [secret])
    assert time.process_time() - begun < 2


def test_of_a_very_long_secret_the_beginning_is_enough():
    secret = "k" * 10_000
    assert redacted(f"no {secret} here", [secret]) == f"no {REDACTED} here"


@pytest.mark.parametrize("secret", ["ab\\\\cd\\efgh", "\\abcdefgh", "abcdefgh\\\\", "\\\\\\abcdefg\\h"])
@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_backslashes_hide_nothing(write: Callable[[str], str], secret: str):
    assert redacted(f"no {write(secret)} here", [secret]) == f"no {REDACTED} here"
