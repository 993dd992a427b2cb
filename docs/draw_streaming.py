"""Draws the tables of the stream grammar into `streaming.md`, between the marks that name them.

`python -m docs.draw_streaming` writes the page; with `--check` it only says whether the page is in step.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_responses.stream import grammar

if TYPE_CHECKING:
    from lambda_responses.stream.grammar import Table

PAGE = Path(__file__).with_name("streaming.md")

TABLES: dict[str, Table] = {"response": grammar.RESPONSE, **grammar.ITEMS}

_DRAWING = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def draw(table: Table) -> str:
    """The table as a state diagram; arrows between the same two states share a line."""
    lines = ["stateDiagram-v2", "    direction LR", "    [*] --> new"]
    for state, arrows in table.items():
        for target in dict.fromkeys(arrows.values()):
            events = [name.removeprefix("response.") for name, to in arrows.items() if to == target]
            lines.append(f"    {state} --> {target}: {'<br/>'.join(events)}")
        if not arrows:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines)


def drawn(page: str) -> str:
    """The page with its diagrams as the tables have them now."""
    return _DRAWING.sub(lambda mark: f"{mark[1]}```mermaid\n{draw(TABLES[mark[2]])}\n```\n{mark[3]}", page)


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` fail where it would change."""
    page = PAGE.read_text(encoding="utf-8")
    current = drawn(page)
    if "--check" in arguments:
        if page != current:
            print(f"{PAGE.name} is not what the grammar says: run `python -m docs.draw_streaming`")
        return int(page != current)
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
