"""The pages of this repository: where they are, what code they show, and the parts that are generated.

A generated part stands between `<!-- name -->` and `<!-- /name -->`.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COMPATIBILITY = ROOT / "docs" / "compatibility.md"
ADDING_A_PROVIDER = ROOT / "docs" / "adding-a-provider.md"

_CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def part(page: str, name: str) -> str:
    """What stands between the markers of that name. Raises `LookupError` where they are missing."""
    return _between(page, name)[1]


def fill(page: str, name: str, content: str) -> str:
    """The page with that content between the markers of that name. Raises `LookupError`."""
    before, _, after = _between(page, name)
    return f"{before}\n\n{content.strip()}\n\n{after}"


def code(page: str, language: str = "") -> list[str]:
    """The blocks of code in that language, in order."""
    return [found[2] for found in _CODE.finditer(page) if found[1] == language]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table, as Markdown writes it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _between(page: str, name: str) -> tuple[str, str, str]:
    opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opened, rest = page.partition(opening)
    content, closed, after = rest.partition(closing)
    if not (opened and closed):
        raise LookupError(f"The page has no part {opening} … {closing}.")
    return before + opening, content.strip(), closing + after
