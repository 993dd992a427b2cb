"""The table of providers, as the catalog has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.providers.catalog import CATALOG, WIRE_APIS
from tests.documents.pages import table

if TYPE_CHECKING:
    from lambda_responses.providers.catalog import Row

HEADS = ["provider", "speaks", "must be set", "also called"]

WORDS = {format: word for word, format in WIRE_APIS.items()}
"""What `<PROVIDER>_WIRE_API` calls a format."""


def providers_table() -> str:
    """One line a row of the catalog."""
    return table(HEADS, [_cells(row) for row in CATALOG.values()])


def _cells(row: Row) -> list[str]:
    aliases = ", ".join(f"`{alias}`" for alias in row.aliases)
    return [f"`{row.name}`", _formats(row), _needs(row), aliases]


def _formats(row: Row) -> str:
    others = [f"{WORDS[format]} for `{pattern}`" for pattern, format in row.formats.items()]
    return "; ".join([WORDS[row.format], *others])


def _needs(row: Row) -> str:
    wanted = {"BASE_URL": not row.base_url, "API_KEY": row.needs_key}
    names = [f"`{row.env_prefix}_{name}`" for name, needed in wanted.items() if needed]
    return ", ".join(names) or f"nothing, if it is at `{row.base_url}`; else `{row.env_prefix}_BASE_URL`"
