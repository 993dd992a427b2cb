"""The tables of what was checked against recorded traffic: by provider, what passed of what was recorded.

Nothing is claimed by hand. The tests that take one recording each are run, and a feature counts for a
recording where a test that looks at it passed and no test of that recording failed. Of the recordings
themselves only counts are kept.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from lambda_responses.providers.catalog import CATALOG, WIRE_APIS
from tests.documents.pages import ROOT, table
from tests.documents.providers import WORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

CORPUS = ROOT.parent / "shared" / "corpus" / "dev"

APIS: dict[str, str] = {
    **{word: word for word in WIRE_APIS},
    "invoke_anthropic": "messages",
    "anthropic_raw_predict": "messages",
    "chat_v2": "cohere",
}
"""By what the index calls an API, the format that it is spoken to in, as `WIRE_APIS` calls it."""

_WHOLE_ANSWER = frozenset({"answer", "citations"})
_REQUEST = frozenset({"request"})

CHECKS: dict[str, frozenset[str]] = {
    "test_chat_inbound": frozenset({"answer"}),
    "test_chat_citations": frozenset({"citations"}),
    "test_chat_outbound": _REQUEST,
    **{
        f"test_{format}_{direction}": looked_at
        for format in ("responses", "anthropic", "gemini", "converse", "cohere")
        for direction, looked_at in (("inbound", _WHOLE_ANSWER), ("outbound", _REQUEST))
    },
    "test_replay": frozenset({"http"}),
}
"""What the tests of a file look at. Those of other files count where they fail."""


NONE_RECORDED = "\N{EN DASH}"


@dataclass(frozen=True)
class Recorded:
    """One recorded exchange, as the index knows it."""

    file: str
    provider: str
    format: str
    features: frozenset[str]


@dataclass
class Outcome:
    """What the tests said of one recording."""

    checked: set[str] = field(default_factory=set[str])
    failed: bool = False

    def passed(self, what: str) -> bool:
        """Whether that was looked at, and nothing was found."""
        return what in self.checked and not self.failed


@dataclass(frozen=True)
class Column:
    """One column: which recordings it counts, and what has to be looked at for one to pass."""

    head: str
    check: str
    features: frozenset[str] = frozenset()
    """Any of these, as the index calls them; one that ends in a colon is a prefix. Empty: every recording."""
    short: bool = False
    """Whether the short table has it too."""

    def counts(self, recorded: Recorded) -> bool:
        """Whether that recording has what the column is about."""
        return not self.features or any(self._names(feature) for feature in recorded.features)

    def _names(self, feature: str) -> bool:
        return feature in self.features or feature.partition(":")[0] + ":" in self.features


def _column(head: str, check: str, features: str = "", *, short: bool = False) -> Column:
    return Column(head, check, frozenset(features.split()), short)


COLUMNS = (
    _column("requests", "request", "asked", short=True),
    _column("answers", "answer", "answered", short=True),
    _column("over HTTP", "http", short=True),
    _column("streamed", "answer", "streamed", short=True),
    _column("tool calls", "answer", "tool_call_out item:custom_tool_call", short=True),
    _column("parallel calls", "answer", "parallel_tool_calls_out"),
    _column("tool results", "request", "tool_result_in"),
    _column("structured", "request", "structured json_mode", short=True),
    _column("images", "request", "image_in", short=True),
    _column("files", "request", "file_in"),
    _column("audio", "request", "audio_in"),
    _column("reasoning", "answer", "reasoning_out", short=True),
    _column("reasoning sent back", "request", "reasoning_roundtrip"),
    _column("citations", "citations", "citations"),
    _column("log probabilities", "answer", "logprobs_out"),
    _column("hosted tools", "answer", "srvout:"),
    _column("refusals", "answer", "refusal"),
    _column("cut short", "answer", "truncated incomplete: filtered:"),
    _column("errors", "http", "refused error_in_200 stream_error", short=True),
)


def recorded_exchanges() -> list[Recorded]:
    """Every recording of a format that is spoken here. Raises `FileNotFoundError` where there are none."""
    with (CORPUS / "index.csv").open() as lines:
        return [_recorded(row) for row in csv.DictReader(lines) if row["api"] in APIS]


def _recorded(row: Mapping[str, str]) -> Recorded:
    features = set(row["features"].split(";"))
    features.add("answered" if int(row["status"]) < 400 else "refused")
    if row["stream"] == "1" and "answered" in features:
        features.add("streamed")
    if not row["fidelity"].startswith("response_only"):
        features.add("asked")
    provider = _ROWS.get(row["provider"], row["provider"])
    return Recorded(row["file"], provider, APIS[row["api"]], frozenset(features))


_ROWS = {alias: row.name for row in CATALOG.values() for alias in row.aliases}
"""By another name of a provider, the catalog's."""


class Outcomes:
    """A pytest plugin: keeps the tests that name a recording, and what became of them."""

    def __init__(self, exchanges: Iterable[Recorded]) -> None:
        self.by_file: dict[str, Outcome] = {each.file: Outcome() for each in exchanges}
        self.failures = 0

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        dropped = [item for item in items if self._outcome(item.nodeid) is None]
        items[:] = [item for item in items if self._outcome(item.nodeid) is not None]
        config.hook.pytest_deselected(items=dropped)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = self._outcome(report.nodeid)
        if outcome is None:
            return
        if report.failed:
            outcome.failed = True
            self.failures += 1
        elif report.passed and report.when == "call":
            outcome.checked |= CHECKS.get(report.nodeid.partition(".py")[0].rpartition("/")[2], frozenset())

    def _outcome(self, test: str) -> Outcome | None:
        named = re.search(r"\[(.+\.json).*\]$", test)
        return self.by_file.get(named[1]) if named else None


def run_tests(exchanges: Collection[Recorded]) -> tuple[Mapping[str, Outcome], int]:
    """By recording, what the tests say of it; and how many of them failed. Takes about a minute."""
    outcomes = Outcomes(exchanges)
    folders = [str(ROOT / "tests" / folder) for folder in ("corpus", "end_to_end")]
    options = ["--rootdir", str(ROOT), "-q", "--no-header", "-p", "no:cacheprovider"]
    ending = pytest.main([*options, *folders], plugins=[outcomes])
    if ending not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"The tests of recordings could not be run: {ending!r}.")
    return outcomes.by_file, outcomes.failures


def whole_table(exchanges: Sequence[Recorded], outcomes: Mapping[str, Outcome]) -> str:
    """Every provider that was recorded, in each format that it was recorded in, and who was not recorded."""
    groups = _groups(exchanges)
    rows = [
        [f"`{name}`", format, *_cells(COLUMNS, groups[name, format], outcomes)] for name, format in groups
    ]
    shown = table(["provider", "format", *(column.head for column in COLUMNS)], rows)
    return f"{shown}\n\n{_unrecorded(groups)}"


def short_table(exchanges: Sequence[Recorded], outcomes: Mapping[str, Outcome]) -> str:
    """The same for the providers of the catalog, with fewer columns."""
    groups, columns = _groups(exchanges), [column for column in COLUMNS if column.short]
    rows = [
        [f"`{name}`", format, *_cells(columns, groups[name, format], outcomes)]
        for name in CATALOG
        for format in WIRE_APIS
        if (name, format) in groups
    ]
    shown = table(["provider", "format", *(column.head for column in columns)], rows)
    return f"{shown}\n\n{_unrecorded(groups)}"


def _groups(exchanges: Sequence[Recorded]) -> dict[tuple[str, str], list[Recorded]]:
    groups: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for each in sorted(exchanges, key=lambda each: (each.provider, each.format)):
        groups[each.provider, each.format].append(each)
    return groups


def _cells(
    columns: Iterable[Column], exchanges: Sequence[Recorded], outcomes: Mapping[str, Outcome]
) -> Iterator[str]:
    for column in columns:
        counted = [each for each in exchanges if column.counts(each)]
        passed = sum(outcomes[each.file].passed(column.check) for each in counted)
        yield f"{passed}/{len(counted)}" if counted else NONE_RECORDED


def _unrecorded(groups: Collection[tuple[str, str]]) -> str:
    missing = [
        f"`{row.name}` ({WORDS[format]})"
        for row in CATALOG.values()
        for format in dict.fromkeys((row.format, *row.formats.values(), *row.words.values()))
        if (row.name, WORDS[format]) not in groups
    ]
    return f"Not recorded, and so not checked: {', '.join(missing)}." if missing else ""
