"""How models of one vendor differ: changes to a profile, by patterns of model ids."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ModelRule:
    """How some models differ from the rest: `pattern` is searched in the model id, any case."""

    pattern: str
    changes: Mapping[str, Any]
    """Fields of the profile and their values for these models."""


class Ruled(Protocol):
    """A profile, a frozen dataclass that is compared by identity, whose models differ."""

    @property
    def models(self) -> tuple[ModelRule, ...]:
        """Every rule that matches is applied, in order."""
        ...


ProfileT = TypeVar("ProfileT", bound=Ruled)


def as_spoken_by(model: str, profile: ProfileT) -> ProfileT:
    """The dialect as that model speaks it."""
    return cast("ProfileT", _changed(profile, model)) if profile.models else profile


@lru_cache(maxsize=1024)
def _changed(profile: Any, model: str) -> Any:
    changes: dict[str, Any] = {}
    for rule in profile.models:
        if re.search(rule.pattern, model, re.IGNORECASE):
            changes |= rule.changes
    return replace(profile, **changes, models=())
