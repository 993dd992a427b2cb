"""How what was seen of requests becomes a table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.clients.test_vendor_bodies import MODELS, REQUESTS
from tests.documents.carried import Seen, Witness, carried_table

FORMATS = list(dict.fromkeys(MODELS.values()))


def seen(**exceptions: set[str]) -> Seen:
    """Everything carried everywhere, but for `a text` in these formats."""
    everything = {(request, name): {"yes"} for request in REQUESTS for name in FORMATS}
    return everything | {("a text", name): outcomes for name, outcomes in exceptions.items()}


def test_what_every_format_carries_needs_no_line():
    lines = carried_table(seen()).splitlines()
    assert len(lines) == 4
    assert all(request in lines[-1] for request in REQUESTS)


def test_a_line_says_where_something_is_refused_or_left_out():
    shown = carried_table(seen(gemini={"400"}, cohere={"yes", "without `a`"}))
    assert shown.splitlines()[2] == "| a text | yes | yes | yes | 400 | yes | yes or without `a` |"
    assert "a text" not in shown.splitlines()[-1]


def test_what_no_test_saw_is_not_claimed():
    assert carried_table(seen(chat=set())).splitlines()[2] == "| a text |  | yes | yes | yes | yes | yes |"


def report(when: str, *, failed: bool = False, **told: str) -> Any:
    return SimpleNamespace(when=when, failed=failed, user_properties=list(told.items()))


def test_a_witness_keeps_what_tests_told():
    witness = Witness()
    told = {"request": "a text", "format": "chat", "became": "yes"}
    witness.pytest_runtest_logreport(report("setup"))
    witness.pytest_runtest_logreport(report("call", **told))
    witness.pytest_runtest_logreport(report("call", failed=True, request="a text", format="chat"))
    assert dict(witness.seen) == {("a text", "chat"): {"yes"}}
    assert witness.failures == 1
