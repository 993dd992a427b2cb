"""The search among texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.tools.search import MOST_ASKED, TextIndex, words

TEXTS = {
    "weather": "get_weather Tells the weather of a city, today and tomorrow. city day",
    "issues": "list_issues Lists the issues of a repository on GitHub. repository state",
    "issue": "create_issue Opens an issue in a repository. repository title body",
    "mail": "sendMail Sends a mail to somebody. to subject body",
    "time": "now Tells the time of a time zone. zone",
}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("getUserName", ["get", "user", "name"]),
        ("get_user-name.v2", ["get", "user", "name", "v2"]),
        ("parseHTTPHeader", ["parse", "http", "header"]),
        ("Würfel, ÉTÉ", ["würfel", "été"]),
        ("__ -", []),
    ],
)
def test_names_are_taken_apart_into_words(text: str, parts: list[str]) -> None:
    assert words(text) == parts


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("weather in Paris", "weather"),
        ("send an email or mail", "mail"),
        ("create issue", "issue"),
        ("listing", "issues"),
        ("repositories", "issue"),
        ("repo", "issue"),
        ("issuance", None),
        ("mailing", "mail"),
        ("time zones", "time"),
    ],
)
def test_what_fits_best_is_found_first(question: str, best: str | None) -> None:
    assert next(iter(TextIndex(TEXTS).search(question, most=3)), None) == best


@pytest.mark.parametrize("question", ["", "...", "xylophone", "of"[:1]])
def test_nothing_is_found_that_has_no_word_of_the_question(question: str) -> None:
    found = TextIndex(TEXTS).search(question, most=3)
    assert all(question in words(TEXTS[name]) for name in found)


def test_only_so_many_are_found_and_equals_stand_as_they_were_given() -> None:
    index = TextIndex({f"tool{number}": "the same words" for number in range(20)})
    assert index.search("words", most=4) == ["tool0", "tool1", "tool2", "tool3"]
    assert TextIndex({}).search("words", most=4) == []


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=30), max_size=6), st.text(max_size=20))
def test_every_search_ends_with_names_that_are_there(texts: dict[str, str], question: str) -> None:
    found = TextIndex(texts).search(question, most=3)
    assert len(found) == len(set(found)) <= 3
    assert set(found) <= texts.keys()


@given(st.sampled_from(sorted(TEXTS)))
def test_a_text_is_found_by_its_own_words(name: str) -> None:
    assert TextIndex(TEXTS).search(TEXTS[name], most=1) == [name]


def test_no_more_words_are_looked_for_than_a_question_has():
    asked = " ".join(f"word{number}x" for number in range(MOST_ASKED - 1))
    assert TextIndex(TEXTS).search(f"{asked} mail", most=3) == ["mail"]
    assert TextIndex(TEXTS).search(f"{asked} another mail", most=3) == []
