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
    secret_headers: Mapping[str, str] = field(repr=False)
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
    return Place(
        row=row,
        base_url=base_url,
        secret_headers=_secret_headers(row, own.get("API_KEY"), environment),
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


def _secret_headers(row: Row, key: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    if key:
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ProviderSettingsError(f"{row.env_prefix}_API_KEY holds characters that no header may hold.")
        match row.auth:
            case "bearer":
                headers["authorization"] = f"Bearer {key}"
            case "api-key":
                headers["api-key"] = key
    for name, value in row.headers.items():
        try:
            headers[name] = Template(value).substitute(environment)
        except (KeyError, ValueError):
            where = f"providers.{row.name}.headers.{name}"
            raise ProviderSettingsError(f"{where} names a variable that is not set.") from None
    return headers
