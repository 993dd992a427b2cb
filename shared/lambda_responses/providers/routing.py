"""Which targets a model name stands for.

In this order: an explicit provider wins; then a prefix (`groq/…`); then an alias of the models file; then the
default provider.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_responses.providers.base import Provider, ProviderSettingsError, Target
from lambda_responses.providers.catalog import CATALOG, LOCAL, RESERVED, SCRIPTED
from lambda_responses.providers.circuits import Circuits
from lambda_responses.providers.connections import Connections
from lambda_responses.providers.dialects import dialect
from lambda_responses.providers.models_file import ModelsFile
from lambda_responses.providers.places import place_of
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambda_responses.providers.catalog import Row, Way, WireFormat
    from lambda_responses.providers.local_model import LocalModel
    from lambda_responses.providers.places import Place
    from lambda_responses.providers.retries import Retries
    from lambda_responses.transformers.base import Transformer
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json


class ProviderRouter:
    """See `Router`. Reads the environment once; raises `ProviderSettingsError` for what cannot be used.

    `as_of` is the time that listed models give as their creation; `clock` tells seconds since 1970.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        models_file: ModelsFile | None = None,
        default_provider: str = "openai",
        connections: Connections | None = None,
        retries: Retries | None = None,
        local: LocalModel | None = None,
        as_of: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = models_file or ModelsFile()
        self._connections = connections or Connections()
        self._retries = retries
        self._local = local
        self._as_of = as_of
        rows = {**CATALOG, **self._file.providers}
        self._places = {name: place_of(row, environment, self._connections) for name, row in rows.items()}
        self._names = _names_of(list(rows.values()))
        self._providers: dict[tuple[str, ...], Provider] = {}
        self._dialects: dict[tuple[WireFormat, str], tuple[Transformer[Any], Any]] = {}
        self._circuits = Circuits(clock)
        if default_provider not in self._names:
            raise ProviderSettingsError(
                "RESPONSES_DEFAULT_PROVIDER cannot be used: no such provider is known."
            )
        self._default = self._names[default_provider]
        for alias, targets in self._file.aliases.items():
            self._check_alias(alias, targets)

    def resolve(self, model: str, *, provider: str | None = None) -> Sequence[Target]:
        """Targets in the order to try. Raises `InvalidRequestError` (`model_not_found`)."""
        return self._circuits.ordered(self._targets(model, provider))

    def note(self, target: Target, fault: APIError | None) -> None:
        """See `Router.note`."""
        self._circuits.note(target, fault)

    def models(self) -> Sequence[Json]:
        """The models that can be called now and whose names are known, as `GET /v1/models` lists them."""
        listed = [f"{SCRIPTED}/echo"]
        if self._local is not None:
            listed += [f"{LOCAL}/{model}" for model in self._local.models]
        listed += [f"{name}/{model}" for name in self.ready() for model in self._places[name].row.models]
        known = [self._listed(name, name.partition("/")[0]) for name in listed]
        callable_aliases = [alias for alias in self._file.aliases if self._is_callable(alias)]
        return [*known, *(self._listed(alias, "alias") for alias in callable_aliases)]

    def env_prefix(self, model: str, *, provider: str | None = None) -> str | None:
        """`GROQ` for a model whose provider reads `GROQ_API_KEY`; None for what has no such provider.

        Whether it can be called as things stand does not matter.
        """
        if provider is not None:
            name = self._names[provider].row if provider in self._names else None
        else:
            found = None if model in self._file.aliases else self._split(model)
            name = found[0] if found else None
        place = self._places.get(name) if name else None
        return place.row.env_prefix if place else None

    def ready(self) -> Sequence[str]:
        """The providers that the operator has set up."""
        return [
            name
            for name, place in self._places.items()
            if not place.missing and (place.named or name in self._file.providers)
        ]

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._connections.aclose()
        if self._local is not None:
            await self._local.aclose()

    def _check_alias(self, alias: str, targets: Sequence[str]) -> None:
        prefix, slash, _ = alias.partition("/")
        if slash and prefix in self._names:
            raise ProviderSettingsError(f"aliases.{alias} cannot be reached: {prefix!r} is a provider.")
        for place, target in enumerate(targets, 1):
            if target in self._file.aliases and target != alias:
                raise ProviderSettingsError(f"aliases.{alias}: {target!r} is an alias too; name its targets.")
            if self._split(target) is None:
                raise ProviderSettingsError(f"aliases.{alias}: the provider of target {place} is not known.")

    # From names to targets.

    def _targets(self, model: str, provider: str | None = None) -> Sequence[Target]:
        if provider is not None:
            return [self._explicit_target(model, provider)]
        if targets := self._file.aliases.get(model):
            return self._alias_targets(model, targets)
        return [self._target(model, model)]

    def _explicit_target(self, model: str, provider: str) -> Target:
        meant = self._names.get(provider)
        if meant is None:
            raise _no_such_model(f"{provider}/{model}")
        prefix, slash, rest = model.partition("/")
        repeated = slash and self._names.get(prefix) == meant
        return self._target_at(meant.row, meant.word + (rest if repeated else model), asked=model)

    def _alias_targets(self, alias: str, names: Sequence[str]) -> Sequence[Target]:
        """Those that can be called. What cannot for want of a key is passed over, unless nothing is left."""
        targets: list[Target] = []
        refusal: InvalidRequestError | None = None
        for name in names:
            try:
                targets.append(self._target(name, alias))
            except InvalidRequestError as error:
                refusal = refusal or error
        if not targets and refusal is not None:
            raise refusal
        return targets

    def _target(self, name: str, asked: str) -> Target:
        found = self._split(name)
        if found is None:
            raise _no_such_model(asked)
        return self._target_at(*found, asked=asked)

    def _split(self, name: str) -> tuple[str, str] | None:
        """Provider and model id; None where no provider is meant.

        A prefix that nobody knows is not passed on to a default provider that has no such ids: a misspelt
        provider must not send a prompt to another company.
        """
        prefix, slash, rest = name.partition("/")
        if slash and (meant := self._names.get(prefix)):
            return meant.row, meant.word + rest
        row, word = self._default
        place = self._places.get(row)
        return None if slash and not (place and place.row.nested_ids) else (row, word + name)

    def _target_at(self, provider: str, model: str, *, asked: str) -> Target:
        if model in ("", ".", ".."):  # what a path would take for itself
            raise _no_such_model(asked)
        if provider == SCRIPTED:
            return self._scripted_target(model)
        if provider == LOCAL:
            return self._local_target(model, asked)
        place = self._places[provider]
        if place.missing:
            raise _no_such_model(asked, f"{place.missing} is not set on this server.")
        way, id = place.row.way_to(model)
        vendor = way.profile or place.row.profile or place.row.name
        return self._priced(Target(self._provider_at(place, way), *self._dialect(way.format, vendor), id))

    def _dialect(self, format: WireFormat, vendor: str) -> tuple[Transformer[Any], Any]:
        """Looked up once: this is asked with every request."""
        found = self._dialects.get((format, vendor))
        if found is None:
            found = self._dialects[format, vendor] = dialect(format, vendor)
        return found

    def _scripted_target(self, model: str) -> Target:
        from lambda_responses.providers.scripted import ScriptedProvider
        from lambda_responses.transformers.scripted import SCRIPTED as TRANSFORMER

        provider = self._providers.setdefault((SCRIPTED,), ScriptedProvider())
        return self._priced(Target(provider, TRANSFORMER, None, model))

    def _local_target(self, model: str, asked: str) -> Target:
        if self._local is None:
            raise _no_such_model(asked, "The embedded model is not installed on this server.")
        if model not in self._local.models:
            raise _no_such_model(asked)
        return self._priced(Target(self._local, *dialect("chat_completions", "demo"), model))

    def _priced(self, target: Target) -> Target:
        if not self._file.prices:
            return target
        from lambda_responses.providers.prices import price_of  # which an operator may do without

        price = price_of(target.name, self._file.prices)
        return target if price is None else replace(target, price=price)

    def _provider_at(self, place: Place, way: Way) -> Provider:
        from lambda_responses.providers.http import HttpProvider

        name, door = place.row.name, place.account.door(way)
        key = (name, door.base_url, door.query, way.service)
        provider = self._providers.get(key)
        if provider is None:
            provider = self._providers[key] = HttpProvider(
                name,
                door.base_url,
                connections=self._connections,
                headers=place.headers,
                secrets=place.secrets,
                query=door.query,
                credential=door.credential,
                retries=self._retries,
            )
        return provider

    def _is_callable(self, alias: str) -> bool:
        try:
            return bool(self._targets(alias))
        except InvalidRequestError:
            return False

    def _listed(self, id: str, owner: str) -> Json:
        return {"id": id, "object": "model", "created": self._as_of, "owned_by": owner}


class _Meant(NamedTuple):
    """What a prefix stands for."""

    row: str
    word: str = ""
    """What it puts before the model, with a slash behind it."""


def _names_of(rows: Sequence[Row]) -> dict[str, _Meant]:
    names: dict[str, _Meant] = {}
    for row in rows:
        names |= {alias: _Meant(row.name) for alias in row.aliases}
        names |= {spelling: _Meant(row.name, f"{word}/") for spelling, word in row.spellings.items()}
    return names | {name: _Meant(name) for name in (*(row.name for row in rows), *RESERVED)}


def _no_such_model(model: str, why: str = "") -> InvalidRequestError:
    """400, as the live API words it; `why` is a sentence for whoever runs this server."""
    message = f"The requested model '{clip(model)}' does not exist. {why}".rstrip()
    return InvalidRequestError(message, code="model_not_found", param="model")
