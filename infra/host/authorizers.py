"""TOKEN authorizers, asked and believed as API Gateway does.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from infra.host.functions import EventTooLarge, Throttled
from infra.host.gateway_responses import Refused
from infra.host.invocation import Fault, Payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from infra.host.deployment import Authorizer
    from infra.host.functions import Functions
    from infra.host.template import Json

_INVOKE = "execute-api:Invoke"
_MOST = 10_000
"""Answers that are kept at most."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an authorizer said of a token: where it leads, and what functions are told of its bearer."""

    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    """ARNs of methods, with `*` and `?`."""
    context: Mapping[str, str]

    def judge(self, arn: str) -> Mapping[str, str]:
        """What functions are told. Raises `Refused`."""
        if _any(self.denied, arn):
            raise Refused(
                "ACCESS_DENIED",
                "User is not authorized to access this resource with an explicit deny",
            )
        if not _any(self.allowed, arn):
            raise Refused("ACCESS_DENIED")
        return self.context


class Authorizers:
    """The authorizers of one API, with what they said lately."""

    def __init__(
        self,
        declared: Mapping[str, Authorizer],
        functions: Functions,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._declared = declared
        self._functions = functions
        self._clock = clock
        self._verdicts: dict[tuple[str, str], tuple[float, Verdict]] = {}

    def header(self, name: str) -> str:
        """The header that holds an authorizer's token."""
        return self._declared[name].header

    async def judge(self, name: str, token: str | None, arn: str) -> Mapping[str, str]:
        """What functions are told of a token's bearer, who asks for that method. Raises `Refused`."""
        authorizer = self._declared[name]
        if not token or (authorizer.pattern and not authorizer.pattern.match(token)):
            raise Refused("UNAUTHORIZED")
        until, verdict = self._verdicts.get((name, token), (0.0, None))
        if verdict is None or self._clock() >= until:
            verdict = await self._ask(authorizer, token, arn)
            self._keep((name, token), verdict, authorizer.seconds)
        return verdict.judge(arn)

    def _keep(self, key: tuple[str, str], verdict: Verdict, seconds: int) -> None:
        self._verdicts.pop(key, None)
        if seconds:
            self._verdicts[key] = (self._clock() + seconds, verdict)
        if len(self._verdicts) > _MOST:
            del self._verdicts[next(iter(self._verdicts))]

    async def _ask(self, authorizer: Authorizer, token: str, arn: str) -> Verdict:
        event = {"type": "TOKEN", "methodArn": arn, "authorizationToken": token}
        try:
            invocation = self._functions.invoke(authorizer.function, event)
        except (Throttled, EventTooLarge):
            raise Refused("AUTHORIZER_FAILURE") from None
        match await invocation.answer:
            case Fault(message="Unauthorized"):
                raise Refused("UNAUTHORIZED")
            case Payload(content):
                return _verdict(content)
            case _:
                raise Refused("AUTHORIZER_FAILURE")


def _verdict(content: bytes) -> Verdict:
    """What an authorizer's answer means. Raises `Refused` for one that is none."""
    try:
        match json.loads(content):
            case {"principalId": str(principal), "policyDocument": {"Statement": statements}, **rest}:
                told: Json = cast("Json", rest).get("context") or {}
                context = {name: _scalar(value) for name, value in told.items()}
                allowed, denied = _resources(statements, "Allow"), _resources(statements, "Deny")
                return Verdict(allowed, denied, {"principalId": principal, **context})
            case _:
                pass
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise Refused("AUTHORIZER_CONFIGURATION_ERROR")


def _resources(statements: Any, effect: str) -> tuple[str, ...]:
    return tuple(
        resource
        for statement in _listed(statements)
        if statement["Effect"] == effect and _any(_listed(statement["Action"]), _INVOKE)
        for resource in _listed(statement["Resource"])
    )


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _scalar(value: Any) -> str:
    """A value of a context, as functions get it: text. Raises `TypeError` for lists and objects."""
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case _:
            raise TypeError


def _any(patterns: Iterable[str], value: str) -> bool:
    return any(fnmatchcase(value, re.sub(r"\[", "[[]", pattern)) for pattern in patterns)
