"""How the outcomes of tests become counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.documents.compatibility import COLUMNS, Outcomes, Recorded, short_table, whole_table

CALLS, ERROR = "groq/calls.json", "groq/error.json"
EXCHANGES = [
    Recorded(CALLS, "groq", "chat", frozenset({"asked", "answered", "tool_call_out", "srvout:search"})),
    Recorded(ERROR, "groq", "chat", frozenset({"asked", "refused"})),
]
INBOUND = "tests/corpus/test_chat_inbound.py::test_a"
HTTP = "tests/end_to_end/test_replay.py::test_b"


def report(test: str, outcome: str, when: str = "call") -> Any:
    return SimpleNamespace(nodeid=test, when=when, passed=outcome == "passed", failed=outcome == "failed")


def cells(*reports: Any) -> dict[str, str]:
    """The one row of the table that these reports make, by head."""
    outcomes = Outcomes(EXCHANGES)
    for each in reports:
        outcomes.pytest_runtest_logreport(each)
    heads, _, row = whole_table(EXCHANGES, outcomes.by_file).splitlines()[:3]
    return dict(zip(split(heads), split(row), strict=True))


def split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_what_no_test_looked_at_has_not_passed():
    row = cells()
    assert (row["provider"], row["format"]) == ("`groq`", "chat")
    assert (row["requests"], row["answers"], row["tool calls"], row["errors"]) == ("0/2", "0/1", "0/1", "0/1")


def test_a_test_counts_for_what_it_looks_at_alone():
    row = cells(report(f"{INBOUND}[{CALLS}]", "passed"), report(f"{INBOUND}[{ERROR}-7]", "passed"))
    assert (row["answers"], row["tool calls"], row["hosted tools"]) == ("1/1", "1/1", "1/1")
    assert (row["requests"], row["over HTTP"], row["errors"]) == ("0/2", "0/2", "0/1")


@pytest.mark.parametrize("when", ["setup", "call", "teardown"])
def test_one_failure_anywhere_takes_a_recording_out(when: str):
    passed = [report(f"{INBOUND}[{CALLS}]", "passed"), report(f"{HTTP}[{CALLS}]", "passed")]
    failed = report(f"tests/corpus/test_other.py::test_c[{CALLS}]", "failed", when)
    assert cells(*passed)["over HTTP"] == "1/2"
    assert cells(*passed, failed)["over HTTP"] == "0/2"
    assert cells(*passed, failed)["tool calls"] == "0/1"


def test_a_skipped_test_says_nothing():
    assert cells(report(f"{INBOUND}[{CALLS}]", "skipped"))["answers"] == "0/1"


def test_what_was_not_recorded_has_no_number():
    assert cells()["images"] == "\N{EN DASH}"


def test_vendors_without_recordings_are_named():
    outcomes = Outcomes(EXCHANGES).by_file
    for shown in (short_table(EXCHANGES, outcomes), whole_table(EXCHANGES, outcomes)):
        assert "`nvidia` (chat)" in shown.splitlines()[-1]
        assert "`groq`" not in shown.splitlines()[-1]


def test_every_column_has_a_name_of_its_own():
    heads = [column.head for column in COLUMNS]
    assert len(heads) == len(set(heads))
