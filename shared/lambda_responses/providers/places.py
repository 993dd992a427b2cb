"""Where the environment puts each provider of the catalog or the models file:

<PROVIDER>_API_KEY      its key; optional at an address of one's own
<PROVIDER>_BASE_URL     its address, up to the part that the format adds (`…/v1`)
<PROVIDER>_WIRE_API     `chat` or `responses`: the format for all of its models
<PROVIDER>_API_VERSION  an `api-version` for every request (Azure)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import CATALOG, WIRE_APIS, Row

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Place:
    """A row, with what this environment says about it."""

    row: Row
    base_url: str
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """Of the headers, what came from the environment."""
    query: str
    named: bool
    """Whether the environment says anything about it."""
    missing: str | None
    """The variable without which it cannot be called."""


def place_of(row: Row, environment: Mapping[str, str]) -> Place:
    """The row as this environment sets it. Raises `ProviderSettingsError`."""
    prefix = row.env_prefix
    own = {
        name: value
        for name in ("API_KEY", "BASE_URL", "WIRE_API", "API_VERSION")
        if (value := environment.get(f"{prefix}_{name}", "").strip())
    }
    if wire_api := own.get("WIRE_API"):
        if wire_api not in WIRE_APIS:
            raise ProviderSettingsError(f"{prefix}_WIRE_API is not one of {', '.join(WIRE_APIS)}.")
        row = replace(row, format=WIRE_APIS[wire_api], formats={})
    base_url = own.get("BASE_URL") or row.base_url
    if base_url and not _is_address(base_url):
        raise ProviderSettingsError(f"{prefix}_BASE_URL is not an http or https address.")
    missing = None
    if not base_url:
        missing = f"{prefix}_BASE_URL"
    elif row.needs_key and "API_KEY" not in own and base_url == CATALOG[row.name].base_url:
        missing = f"{prefix}_API_KEY"
    key = own.get("API_KEY")
    given = {name: _filled(row, name, environment) for name in row.headers}
    return Place(
        row=row,
        base_url=base_url,
        headers=_credential(row, key) | {name: text for name, (text, _) in given.items()},
        secrets=(*([key] if key else []), *(value for _, values in given.values() for value in values)),
        query=f"api-version={quote(own['API_VERSION'])}" if "API_VERSION" in own else "",
        named=bool(own),
        missing=missing,
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _credential(row: Row, key: str | None) -> dict[str, str]:
    if not key:
        return {}
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ProviderSettingsError(f"{row.env_prefix}_API_KEY holds characters that no header may hold.")
    match row.auth:
        case "bearer":
            return {"authorization": f"Bearer {key}"}
        case "api-key":
            return {"api-key": key}


def _filled(row: Row, name: str, environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A header of the row with its variables filled in, and their values."""
    where = f"providers.{row.name}.headers.{name}"
    template = Template(row.headers[name])
    if not template.is_valid():
        raise ProviderSettingsError(f"{where} has a $ that begins no ${{NAME}}; $$ stands for a single one.")
    values = {variable: environment.get(variable, "").strip() for variable in template.get_identifiers()}
    for variable, value in values.items():
        if not value:
            raise ProviderSettingsError(f"{where} names a variable that is not set: {variable}.")
    text = template.substitute(values)
    if not text.isprintable():
        raise ProviderSettingsError(f"{where} holds characters that no header may hold.")
    return text, tuple(values.values())
