"""Figures on their way to a reader: one line each, columns for who was measured, targets beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "ours"
BEST = "best round"
UPSTREAM = "upstream"


@dataclass(frozen=True)
class Figure:
    """One line. `limit` is the most that ours may be or, for a rate, the least."""

    label: str
    values: dict[str, float]
    unit: str
    limit: float | None = None
    rate: bool = False

    @property
    def verdict(self) -> str:
        """Whether ours meets its target."""
        value = self.values.get(OURS)
        if self.limit is None or value is None:
            return ""
        met = value >= self.limit if self.rate else value <= self.limit
        return f"{'>=' if self.rate else '<='} {_shown(self.limit)} {'met' if met else 'MISSED'}"

    def cell(self, column: str) -> str:
        """The value in one column; those of other servers as multiples of ours, too."""
        value, own = self.values.get(column), self.values.get(OURS)
        if value is None:
            return ""
        if column in (OURS, BEST, UPSTREAM) or own is None:
            return _shown(value)
        ratio = own / value if self.rate else value / own
        return f"{_shown(value)} ({ratio:.1f}x)"


def render(title: str, columns: Sequence[str], figures: Sequence[Figure]) -> str:
    """The table as text."""
    head = [title, "", "target", *columns]
    lines = [[f.label, f.unit, f.verdict, *(f.cell(column) for column in columns)] for f in figures]
    widths = [max(len(line[n]) for line in [head, *lines]) for n in range(len(head))]
    rows = [
        "  ".join(_padded(cell, width, n) for n, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in [head, *lines]
    ]
    return "\n".join([rows[0], "-" * len(rows[0]), *(row.rstrip() for row in rows[1:])])


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 3 else cell.rjust(width)


def _shown(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}"
