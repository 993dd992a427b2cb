"""What the pages have in tables is what the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from lambda_responses.providers.catalog import CATALOG
from lambda_responses.runtime.settings import PREFIX, Settings
from tests.clients.test_vendor_bodies import REQUESTS
from tests.documents.compatibility import (
    CORPUS,
    Outcome,
    recorded_exchanges,
    short_table,
    whole_table,
)
from tests.documents.pages import COMPATIBILITY, README, ROOT, fill, part
from tests.documents.providers import providers_table
from tests.documents.settings import settings_table

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/corpus/dev is absent")
RENEW = "run `make docs`"


def test_the_readme_has_the_providers_of_the_catalog():
    assert part(README.read_text(), "providers") == providers_table(), RENEW


def test_the_readme_has_the_settings_of_the_code():
    assert part(README.read_text(), "settings") == settings_table(), RENEW


def test_every_provider_and_every_setting_has_a_line():
    assert all(f"| `{name}` |" in providers_table() for name in CATALOG)
    assert all(f"| `{PREFIX}{field.name.upper()}` |" in settings_table() for field in fields(Settings))


@needs_corpus
def test_the_tables_of_compatibility_count_what_was_recorded():
    """Without running anything: what passed is not looked at."""
    exchanges = recorded_exchanges()
    nothing = {each.file: Outcome() for each in exchanges}
    tables = {README: short_table(exchanges, nothing), COMPATIBILITY: whole_table(exchanges, nothing)}
    for page, table in tables.items():
        assert without_passed(part(page.read_text(), "compatibility")) == without_passed(table), RENEW


def test_the_table_of_formats_has_every_request():
    """Without running anything: what became of them is not looked at."""
    shown = part(COMPATIBILITY.read_text(), "formats")
    assert [request for request in REQUESTS if request not in shown] == [], RENEW


@needs_corpus
@pytest.mark.slow
def test_the_tables_of_compatibility_are_what_the_tests_say():
    command = [sys.executable, "-m", "tests.documents.tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def without_passed(table: str) -> str:
    return re.sub(r"\d+/(\d+)", r"/\1", table)


def test_filling_a_part_leaves_the_rest_of_a_page():
    page = "a\n\n<!-- x -->\nold\n<!-- /x -->\n\nb\n"
    filled = fill(page, "x", "new")
    assert filled == "a\n\n<!-- x -->\n\nnew\n\n<!-- /x -->\n\nb\n"
    assert fill(filled, "x", "new") == filled
    with pytest.raises(LookupError, match="y"):
        fill(page, "y", "new")
