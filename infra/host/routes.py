"""Which function a path leads to, by API Gateway's rules: the most exact resource first, then its methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.host.deployment import Route


@dataclass(frozen=True, slots=True)
class Resource:
    """A path of the API, and what can be done with it."""

    path: str
    routes: Mapping[str, Route]
    """By method."""

    def route(self, method: str) -> Route | None:
        """The route for that method, if there is one."""
        return self.routes.get(method) or self.routes.get("ANY")


class Routes:
    """The resources of an API."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, {})[route.method] = route
        self._resources = sorted(
            (Resource(path, methods) for path, methods in by_path.items()),
            key=lambda resource: [_looseness(segment) for segment in _segments(resource.path)],
        )

    def find(self, path: str) -> tuple[Resource, dict[str, str]] | None:
        """The resource at that path, and the parts of the path that have names, as they were written."""
        asked = _segments(path)
        for resource in self._resources:
            parameters = _matched(_segments(resource.path), asked)
            if parameters is not None:
                return resource, parameters
        return None


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")


def _looseness(segment: str) -> int:
    if not segment.startswith("{"):
        return 0
    return 2 if segment.endswith("+}") else 1


def _matched(pattern: Sequence[str], asked: Sequence[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for index, segment in enumerate(pattern):
        rest = asked[index:]
        match _looseness(segment):
            case 2 if rest and rest[0]:
                return parameters | {segment[1:-2]: "/".join(rest)}
            case 1 if rest and rest[0]:
                parameters[segment[1:-1]] = rest[0]
            case 0 if rest and rest[0] == segment:
                pass
            case _:
                return None
    return parameters if len(pattern) == len(asked) else None
