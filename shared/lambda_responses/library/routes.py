"""The router of one call: the environment's, or one with the call's own keys, addresses and fallbacks."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from lambda_responses.library.options import ACCOUNT
from lambda_responses.providers.base import ProviderSettingsError, Target
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from lambda_responses.library.home import Home
    from lambda_responses.library.options import Route
    from lambda_responses.lifecycle.ports import Services
    from lambda_responses.providers.base import Answer, Provider, Router
    from lambda_responses.providers.routing import ProviderRouter
    from lambda_responses.transformers.base import Rendered
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

MOST_ROUTERS = 32
"""Routers that are kept for calls with keys or addresses of their own."""


def services_for(home: Home, route: Route, model: str) -> Services:
    """The services of a call. Raises `InvalidRequestError` where its keys and addresses cannot be used."""
    router: Router = home.router
    if route.account or route.retries is not None:
        router = _own_router(home, route, model)
    if route.headers or route.query or route.fallbacks or route.mock_response is not None:
        router = _CallRouter(router, route)
    return home.services if router is home.router else cast("Services", _CallServices(home.services, router))


class _CallServices:
    """Services with another router."""

    def __init__(self, services: Services, router: Router) -> None:
        self._services = services
        self.router = router

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)


class _CallRouter:
    """A router whose targets are asked with the call's own headers, and after which fallbacks come."""

    def __init__(self, router: Router, route: Route) -> None:
        self._router = router
        self._route = route

    def resolve(self, model: str, *, provider: str | None = None) -> Sequence[Target]:
        """See `Router`."""
        route = self._route
        if route.mock_response is not None:
            from lambda_responses.library.mocked import mocked_target

            return [mocked_target(model, route.mock_response)]
        targets = self._callable(model, provider)
        if not (route.headers or route.query):
            return targets
        return [replace(target, provider=_Addressed(target.provider, route)) for target in targets]

    def _callable(self, model: str, provider: str | None) -> Sequence[Target]:
        """As with an alias, a name that cannot be called is passed over, unless nothing is left."""
        targets: list[Target] = []
        refusal: InvalidRequestError | None = None
        for name, of in ((model, provider), *((fallback, None) for fallback in self._route.fallbacks)):
            try:
                targets += self._router.resolve(name, provider=of)
            except InvalidRequestError as error:
                refusal = refusal or error
        if not targets and refusal is not None:
            raise refusal
        return targets

    def note(self, target: Target, fault: APIError | None) -> None:
        """See `Router`."""
        self._router.note(target, fault)

    def models(self) -> Sequence[Json]:
        """See `Router`."""
        return self._router.models()


class _Addressed:
    """A provider whose requests carry more headers and a longer query."""

    def __init__(self, provider: Provider, route: Route) -> None:
        self.name = provider.name
        self._provider = provider
        self._headers = route.headers
        self._query = urlencode(route.query, doseq=True)

    def open(self, rendered: Rendered) -> AbstractAsyncContextManager[Answer]:
        """See `Provider.open`."""
        path = rendered.path
        if self._query:
            path += ("&" if "?" in path else "?") + self._query
        return self._provider.open(
            replace(rendered, path=path, headers={**rendered.headers, **self._headers})
        )


def _own_router(home: Home, route: Route, model: str) -> Router:
    variables = _variables(home.router, route, model)
    key = (*sorted(variables.items()), ("", str(route.retries)))
    routers = home.own_routers
    if key not in routers:
        try:
            routers[key] = home.live.router_with(variables, retries=route.retries)
        except ProviderSettingsError as error:
            raise InvalidRequestError(str(error)) from None
        if len(routers) > MOST_ROUTERS:
            routers.popitem(last=False)
    routers.move_to_end(key)
    return routers[key]


def _variables(router: ProviderRouter, route: Route, model: str) -> Mapping[str, str]:
    prefix = router.env_prefix(model, provider=route.provider) if route.account else ""
    if prefix is None:
        named = next(iter(route.account))
        raise InvalidRequestError(f"'{named}' needs a model whose provider it is for.", param=named)
    return {ACCOUNT[name].format(prefix=prefix): value for name, value in route.account.items()}


OwnRouters = OrderedDict[tuple[tuple[str, str], ...], "ProviderRouter"]
"""Routers by the variables that they were made with, the one used last at the end."""
