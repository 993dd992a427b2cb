"""The table of what each format carries: by what a request asks for, what a vendor is sent of it.

The tests that ask vendors for everything are run, and each says what it saw.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from tests.clients.test_vendor_bodies import MODELS, REQUESTS
from tests.documents.pages import ROOT, table
from tests.documents.providers import WORDS
from tests.fakes.formats.every import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping

Seen = dict[tuple[str, str], set[str]]
"""By request and format, what became of it with each kind of model."""

CARRIED, REFUSED = "yes", "400"


class Witness:
    """A pytest plugin: keeps what the tests say they saw."""

    def __init__(self) -> None:
        self.seen: Seen = defaultdict(set)
        self.failures = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failures += report.failed
        told = dict(report.user_properties)
        if report.when == "call" and "became" in told:
            self.seen[told["request"], told["format"]].add(told["became"])


def run_tests() -> tuple[Seen, int]:
    """What was seen, and how many of the tests failed. Takes half a minute."""
    witness = Witness()
    options = ["--rootdir", str(ROOT), "-q", "--no-header", "-p", "no:cacheprovider"]
    ending = pytest.main([*options, str(ROOT / "tests/clients/test_vendor_bodies.py")], plugins=[witness])
    if ending not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"The tests of requests could not be run: {ending!r}.")
    return witness.seen, witness.failures


def carried_table(seen: Mapping[tuple[str, str], set[str]]) -> str:
    """One column a format, one line for requests that fare alike; then what everybody carries."""
    formats = dict.fromkeys(MODELS.values())
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for request in REQUESTS:
        alike[tuple(_cell(seen.get((request, name), set())) for name in formats)].append(request)
    everywhere = alike.pop((CARRIED,) * len(formats), [])
    heads = ["request", *(WORDS[FORMATS[name].wire] for name in formats)]
    shown = table(heads, [[", ".join(requests), *cells] for cells, requests in alike.items()])
    return f"{shown}\n\nWhole in every format: {', '.join(everywhere)}."


def _cell(outcomes: set[str]) -> str:
    """What became of it; where that depends on the model, the exceptions."""
    exceptions = sorted(outcomes - {CARRIED})
    if not exceptions:
        return CARRIED if outcomes else ""
    return " or ".join(([CARRIED] if CARRIED in outcomes else []) + exceptions)
