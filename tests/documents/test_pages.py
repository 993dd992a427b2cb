"""What the pages name exists: files, links, commands, settings, routes."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.runtime.settings import PREFIX, Settings
from tests.documents.pages import README, ROOT, code

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
FOLDERS = (ROOT, ROOT / "shared" / "lambda_responses", ROOT / "docs", ROOT / "tests")
"""Where a path on a page may begin."""

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@pages
def test_every_link_leads_somewhere(page: Path):
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        place, _, heading = target.partition("#")
        linked = (page.parent / place) if place else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


def headings(page: Path) -> set[str]:
    """As a link names them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


@pages
def test_every_file_that_is_named_exists(page: Path):
    for path in re.findall(r"`([a-z][\w./-]*/(?:[\w-]+\.(?:py|md|json|yaml|toml|txt))?)`", page.read_text()):
        assert any((folder / path).exists() for folder in FOLDERS), path


@pages
def test_every_command_is_a_target_of_make(page: Path):
    text = page.read_text()
    shown = [line for block in code(text) for line in block.splitlines()]
    named = re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z-]+)", text)
    named += [found[1] for line in shown if (found := re.match(r"(?:[A-Z_]+=\S+ )*make ([a-z-]+)", line))]
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(named) <= targets


@pages
def test_every_setting_that_is_named_exists(page: Path):
    named = re.findall(rf"`?{PREFIX}([A-Z_]+)\b", page.read_text())
    assert {name.lower() for name in named} <= {field.name for field in fields(Settings)}


def test_every_route_has_a_line_in_the_readme():
    named = {
        re.sub(r"\?.*", "", route)
        for line in README.read_text().splitlines()
        for route in re.findall(r"`((?:[A-Z]+ )?/v1/[^`]+)`", line)
        if line.startswith("|")
    }
    served = {f"{method} {path}" for each in OPERATIONS for method, path in each.routes}
    assert {re.sub(r"\{[^}]+\}", "{id}", route) for route in served} == named | {"GET /health"}
