"""What the tests of whole servers share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.estates import OWNER, STRANGER, Estate
from tests.end_to_end.hosting import skip_where_functions_cannot_run
from tests.fakes.fixtures import (
    format,
    http,
    model,
    native_server,
    prompt_http,
    prompt_server,
    server,
    upstream,
    working_server,
)
from tests.fakes.fronts import SERVED, Application, RestDoors, Served, UrlDoors, keyed_runtime
from tests.fakes.operator import Operator
from tests.fakes.replay import replay_url, replaying_server, working_replaying_server
from tests.fakes.server import Server
from tests.fakes.tooled import tooled, tooled_http, tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.fronts import Answer, Front

__all__ = [
    "format",
    "http",
    "model",
    "native_server",
    "prompt_http",
    "prompt_server",
    "replay_url",
    "replaying_server",
    "server",
    "tooled",
    "tooled_http",
    "tools",
    "upstream",
    "working_replaying_server",
    "working_server",
]

IN_PROCESS = {"application": Application, "REST doors": RestDoors, "URL doors": UrlDoors}


@dataclass(frozen=True)
class Place:
    """A way in, and who runs what is behind it."""

    front: Front
    operator: Operator


@pytest.fixture(scope="session")
def keyed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`make dev`, asking for keys."""
    yield from running(Server(tmp_path_factory.mktemp("keyed"), RESPONSES_AUTH="keys"))


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The template's functions, as Lambda runs them."""
    skip_where_functions_cannot_run()
    yield from running(Server(tmp_path_factory.mktemp("host"), command=("infra.host",)))


def running(server: Server) -> Iterator[Server]:
    with server:
        yield server
    assert server.complaints == []


@pytest.fixture(scope="session", params=[*IN_PROCESS, *SERVED])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each way in, in turn, with keys."""
    if request.param in IN_PROCESS:
        file = tmp_path_factory.mktemp("store") / "responses.db"
        front: Front = IN_PROCESS[request.param](keyed_runtime(file))
    else:
        fixture = "keyed_server" if request.param == "make dev" else "host"
        front, file = served(request.param, request.getfixturevalue(fixture))
    operator = Operator(file)
    yield Place(front, operator)
    operator.close()
    front.close()


def served(name: str, server: Server) -> tuple[Front, Path]:
    """A way in to a process, and the file of its store."""
    file = server.data_dir / "responses.db"
    match name:
        case "make dev":
            return Served(server.base_url, has_health=True), file
        case "REST API":
            return Served(server.base_url), file
        case _:
            return Served(server.base_url.replace("/v1", "/url/v1")), file


@dataclass(frozen=True)
class Tenants:
    """Two tenants behind one way in."""

    front: Front
    operator: Operator
    owner: Estate
    stranger: Estate

    def asked(self, method: str, path: str, body: Any = None) -> Answer:
        """What the stranger is told."""
        return self.front.ask(method, path, body, key=self.stranger.key)

    def rows(self) -> str:
        """All that the owner has stored, byte by byte."""
        return json.dumps(self.operator.rows(f"{OWNER}#"), default=bytes.hex)


@pytest.fixture(scope="session")
def tenants(place: Place) -> Tenants:
    """Two tenants, each with responses of its own."""
    front, operator = place.front, place.operator
    return Tenants(front, operator, Estate(front, operator, OWNER), Estate(front, operator, STRANGER))
