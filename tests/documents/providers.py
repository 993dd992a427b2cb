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


NEEDS = {
    "aws": "`AWS_REGION`, AWS credentials or `AWS_BEARER_TOKEN_BEDROCK`",
    "google": "`VERTEX_PROJECT`, `GOOGLE_APPLICATION_CREDENTIALS`; or `VERTEX_API_KEY` alone",
    "azure": "`AZURE_OPENAI_BASE_URL`, `AZURE_OPENAI_API_KEY` or `AZURE_OPENAI_AD_TOKEN`",
}
"""What the accounts want that are more than a key and an address."""


def _cells(row: Row) -> list[str]:
    aliases = ", ".join(f"`{alias}`" for alias in (*row.aliases, *row.spellings))
    return [f"`{row.name}`", _formats(row), _needs(row), aliases]


def _formats(row: Row) -> str:
    others = [f"{WORDS[format]} for `{pattern}`" for pattern, format in row.formats.items()]
    chosen = [f"{WORDS[format]} for `{word}/…`" for word, format in row.words.items() if format != row.format]
    return "; ".join([WORDS[row.format], *others, *chosen])


def _needs(row: Row) -> str:
    if row.account in NEEDS:
        return NEEDS[row.account]
    address = [] if row.base_url else [f"`{row.env_prefix}_BASE_URL`"]
    key = (
        " or ".join(f"`{name}`" for name in (f"{row.env_prefix}_API_KEY", *row.keys)) if row.needs_key else ""
    )
    unneeded = f"nothing, if it is at `{row.base_url}`; else `{row.env_prefix}_BASE_URL`"
    return ", ".join([*address, *([key] if key else [])]) or unneeded
