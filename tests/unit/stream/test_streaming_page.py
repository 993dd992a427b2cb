"""`docs/streaming.md` shows the grammar as it is."""

from __future__ import annotations

import re

import pytest

from docs.draw_streaming import PAGE, TABLES, draw, drawn, main


def test_the_page_is_in_step_with_the_grammar() -> None:
    assert main(["--check"]) == 0


def test_every_table_is_on_the_page_once() -> None:
    assert sorted(re.findall(r"<!-- drawn: (\w+) -->", PAGE.read_text("utf-8"))) == sorted(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_diagram_holds_every_arrow(name: str) -> None:
    arrows = [line.strip() for line in draw(TABLES[name]).splitlines()]
    for state, targets in TABLES[name].items():
        for event, target in targets.items():
            (label,) = [line.split(": ")[1] for line in arrows if line.startswith(f"{state} --> {target}:")]
            assert event.removeprefix("response.") in label.split("<br/>")


def test_a_stale_page_is_noticed() -> None:
    page = PAGE.read_text("utf-8")
    stale = page.replace("new --> open", "new --> elsewhere")
    assert stale != page
    assert drawn(stale) == page
