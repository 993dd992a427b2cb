"""Where the environment puts each provider of the catalog or the models file:

<PROVIDER>_API_KEY      its key; optional at an address of one's own
<PROVIDER>_BASE_URL     its address, up to the part that the format adds (`…/v1`)
<PROVIDER>_WIRE_API     a word of `WIRE_APIS`: the format for all of its models
<PROVIDER>_API_VERSION  an `api-version` for every request (Azure)

The large clouds have variables of their own besides; see `accounts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from string import Template
from typing import TYPE_CHECKING

from lambda_responses.providers.accounts import account_of, first_set
from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import WIRE_APIS, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.providers.accounts import Account
    from lambda_responses.providers.connections import Connections


@dataclass(frozen=True, slots=True)
class Place:
    """A row, with what this environment says about it."""

    row: Row
    account: Account = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """Of the headers, what came from the environment."""
    named: bool
    """Whether the environment says anything about it."""

    @property
    def missing(self) -> str | None:
        """The variable without which it cannot be called."""
        return self.account.missing


def place_of(row: Row, environment: Mapping[str, str], connections: Connections) -> Place:
    """The row as this environment sets it. Raises `ProviderSettingsError`."""
    wire_api = first_set(environment, f"{row.env_prefix}_WIRE_API")
    if wire_api:
        if wire_api not in WIRE_APIS:
            raise ProviderSettingsError(f"{row.env_prefix}_WIRE_API is not one of {', '.join(WIRE_APIS)}.")
        row = replace(row, format=WIRE_APIS[wire_api], formats={})
    account = account_of(row, environment, connections)
    given = {name: _filled(row, name, environment) for name in row.headers}
    keys = (value.rpartition(" ")[2] for value in account.headers.values())
    return Place(
        row=row,
        account=account,
        headers={**account.headers, **{name: text for name, (text, _) in given.items()}},
        secrets=(*keys, *(value for _, values in given.values() for value in values)),
        named=bool(wire_api) or account.named,
    )


def _filled(row: Row, name: str, environment: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """A header of the row with its variables filled in, and their values."""
    where = f"providers.{row.name}.headers.{name}"
    template = Template(row.headers[name])
    if not template.is_valid():
        raise ProviderSettingsError(f"{where} has a $ that begins no ${{NAME}}; $$ stands for a single one.")
    values = {variable: environment.get(variable, "").strip() for variable in template.get_identifiers()}
    if not all(values.values()):  # named by nothing but its place: what follows a $ may be part of a password
        raise ProviderSettingsError(f"{where} names a variable that is not set.")
    text = template.substitute(values)
    if not text.isprintable():
        raise ProviderSettingsError(f"{where} holds characters that no header may hold.")
    return text, tuple(values.values())
