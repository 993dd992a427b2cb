"""What an operator tells us about models: aliases and further providers.

    {
      "aliases": {
        "fast": "groq/llama-3.3-70b-versatile",
        "best": ["openai/gpt-5", "acme/big"]                      in the order to try
      },
      "providers": {
        "acme": {                                                  any server that speaks one of our formats
          "base_url": "https://llm.acme.example/v1",               or ACME_BASE_URL
          "format": "chat_completions",                            or another one of `WireFormat`
          "formats": {"gpt-oss-*": "openai_responses"},            for some models
          "profile": "vllm",                                       whose dialect it speaks
          "auth": "bearer",                                        or the name of a header; for ACME_API_KEY
          "headers": {"x-team": "search", "x-pass": "${ACME_PASS}"},
          "models": ["big", "small"]                               for GET /v1/models
        },
        "groq": {"models": ["llama-3.3-70b-versatile"]}            a known provider, changed
      },
      "prices": {                                                  US dollars per million tokens, for bounds
        "groq/llama-3.3-70b-versatile": {"input": 0.59, "cached_input": 0.3, "output": 0.79},
        "acme/*": {"input": 0.1, "output": 0.2}                    on what a response may cost
      }
    }

Keys are secrets and never stand here: they come from the environment, as `${NAME}` in a header does.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, cast, get_args

from lambda_responses.providers.addresses import is_address
from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import CATALOG, RESERVED, Auth, Row, WireFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.providers.prices import Price


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """The file, checked. Rows of `providers` are whole: what the file leaves out is the catalog's."""

    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict[str, "Sequence[str]"])
    providers: Mapping[str, Row] = field(default_factory=dict[str, Row])
    prices: Mapping[str, Price] = field(default_factory=dict[str, "Price"])
    """By `provider/model`, or a pattern of that."""


def read_models_file(content: Any) -> ModelsFile:
    """The file's content, once it is parsed. Raises `ProviderSettingsError`."""
    file = _object(content, "The models file")
    _refuse_others(file, ("aliases", "providers", "prices"), "the models file")
    return ModelsFile(
        aliases={
            name: _targets(value, f"aliases.{name}")
            for name, value in _object(file.get("aliases", {}), "aliases").items()
        },
        providers={
            name: _row(name, _object(value, f"providers.{name}"))
            for name, value in _object(file.get("providers", {}), "providers").items()
        },
        prices={
            name: _price(_object(value, f"prices.{name}"), f"prices.{name}")
            for name, value in _object(file.get("prices", {}), "prices").items()
        },
    )


def _targets(value: Any, where: str) -> tuple[str, ...]:
    targets = (value,) if isinstance(value, str) else _strings(value, where)
    if not targets or not all(targets):
        raise ProviderSettingsError(f"{where} names no model.")
    return targets


def _row(name: str, given: dict[str, Any]) -> Row:
    where = f"providers.{name}"
    if not name or "/" in name:
        raise ProviderSettingsError(f"{where}: a provider's name is not empty and has no slash.")
    if name in RESERVED:
        raise ProviderSettingsError(f"{where}: that name is taken by a provider inside this server.")
    _refuse_others(given, _ROW_MEMBERS, where)
    known = CATALOG.get(name) or Row(name=name, needs_key=False, nested_ids=True, profile="default")
    return replace(known, **{key: _ROW_MEMBERS[key](value, f"{where}.{key}") for key, value in given.items()})


def _price(given: dict[str, Any], where: str) -> Price:
    _refuse_others(given, ("input", "output", "cached_input"), where)
    for key in ("input", "output"):
        if key not in given:
            raise ProviderSettingsError(f"{where} has no {key!r}.")
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
            raise ProviderSettingsError(f"{where}.{key} is not a price.")
    from lambda_responses.providers.prices import Price

    return Price(**given)


def _format(value: Any, where: str) -> WireFormat:
    for format in get_args(WireFormat):
        if value == format:
            return format
    raise ProviderSettingsError(f"{where} is not one of {', '.join(get_args(WireFormat))}.")


def _formats(value: Any, where: str) -> dict[str, WireFormat]:
    return {pattern: _format(v, f"{where}.{pattern}") for pattern, v in _object(value, where).items()}


def _auth(value: Any, where: str) -> Auth:
    for auth in get_args(Auth):
        if value == auth:
            return auth
    raise ProviderSettingsError(f"{where} is not one of {', '.join(get_args(Auth))}.")


def _profile(value: Any, where: str) -> str:
    from lambda_responses.providers.dialects import has_dialect

    vendor = _string(value, where)
    if not has_dialect(vendor):
        raise ProviderSettingsError(f"{where} is not a dialect that this server knows.")
    return vendor


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ProviderSettingsError(f"{where} is not a string with something in it.")
    return value


def _address(value: Any, where: str) -> str:
    url = _string(value, where)
    if not is_address(url):
        raise ProviderSettingsError(f"{where} is not an http or https address.")
    return url


def _strings(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ProviderSettingsError(f"{where} is not a list.")
    return tuple(_string(each, where) for each in cast("list[Any]", value))


def _headers(value: Any, where: str) -> dict[str, str]:
    return {name: _string(v, f"{where}.{name}") for name, v in _object(value, where).items()}


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProviderSettingsError(f"{where} is not a JSON object.")
    return cast("dict[str, Any]", value)


def _refuse_others(given: Mapping[str, Any], known: Mapping[str, Any] | Sequence[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise ProviderSettingsError(f"{where} has no member {key!r}; it may have {', '.join(known)}.")


_ROW_MEMBERS: dict[str, Callable[[Any, str], Any]] = {
    "base_url": _address,
    "format": _format,
    "formats": _formats,
    "profile": _profile,
    "auth": _auth,
    "headers": _headers,
    "models": _strings,
}
