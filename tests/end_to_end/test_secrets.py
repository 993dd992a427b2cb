"""No secret is in a line of any log, in a row or in an answer, and nothing that anybody said is in a log."""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

from lambda_responses.wire.api_keys import render_key
from tests.end_to_end.hosting import skip_where_functions_cannot_run, with_variables
from tests.end_to_end.seeding import MODELS, Seeds
from tests.end_to_end.visits import Visitor, visit
from tests.fakes.amenities import Amenities
from tests.fakes.canaries import GIVEN_AWAY, Canaries, everything_in
from tests.fakes.fronts import Application, Served, keyed_runtime
from tests.fakes.operator import Operator
from tests.fakes.server import Server
from tests.fakes.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PAID_WITH = {
    *("groq", "xai", "anthropic", "gemini", "cohere", "azure", "acme", "acme's header", "vault's"),
    *("aws session", "google's token", "password in an address", "query of an address"),
    *("MCP authorization", "MCP header", "domain secret"),
}
"""Secrets that go to upstreams."""


@dataclass(frozen=True)
class Evidence:
    """What is left of a server with which everything was done."""

    seeds: Seeds
    printed: list[str]
    stored: bytes
    heard: list[tuple[str, bytes]]

    @property
    def lines(self) -> list[tuple[str, bytes]]:
        return [(line[:80], line.encode()) for line in self.printed]


@pytest.fixture(scope="module", params=["make dev", "functions"])
def evidence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    folder = tmp_path_factory.mktemp("seeded")
    with closing(Upstream()) as upstream, closing(Amenities()) as amenities:
        seeds = Seeds(folder, upstream, amenities)
        with closing(Operator(folder / "responses.db")) as operator:
            good = operator.key("acme")
            wrong = [operator.revoked_key("acme"), operator.expired_key("acme"), render_key(bytes(range(32)))]
        for key in (good, *wrong):
            seeds.secrets.watch("API keys", key)
        heard: list[tuple[str, bytes]] = []
        with talkative(request.param, folder, seeds) as server:
            for stage, providers in STAGES[request.param].items():
                with closing(Served(server.base_url.replace("/v1", stage))) as front:
                    visitor = Visitor(front, good, seeds)
                    visit(visitor, seeds, wrong, providers=providers)
                heard += visitor.heard
        assert server.complaints == []
        stored = everything_in(folder / "responses.db")
        yield Evidence(seeds, server.log.splitlines(), stored, heard)


STAGES = {"make dev": {"/v1": [*MODELS]}, "functions": {"/v1": [*MODELS], "/url/v1": ["groq", "xai"]}}
"""Where one may ask, and whom behind it."""


def talkative(way: str, folder: Path, seeds: Seeds) -> Server:
    """A server of that kind that writes down as much as it can be told to."""
    if way == "make dev":
        return Server(folder, **seeds.environment)
    skip_where_functions_cannot_run()
    template = with_variables(folder, AWS_LAMBDA_LOG_LEVEL="DEBUG")  # Lambda's own setting
    return Server(folder, command=("infra.host", "--template", str(template)), **seeds.environment)


def test_secrets_and_words_went_where_they_belong(evidence: Evidence):
    """Or there would be nothing to find anywhere."""
    seeds = evidence.seeds
    assert seeds.secrets.found_in(seeds.received) == PAID_WITH
    assert seeds.content.found_in(seeds.received) == set(seeds.words)
    assert seeds.content.found_in(evidence.stored) == set(seeds.words)
    statuses = {answer[:3] for _, answer in evidence.heard}
    assert statuses >= {b"200", b"400", b"401", b"404", b"429", b"500", b"502", b"503"}


def test_no_secret_is_in_a_line_of_the_log(evidence: Evidence):
    assert found_by(evidence.seeds.secrets, evidence.lines) == {}


def test_no_secret_is_stored(evidence: Evidence):
    assert evidence.seeds.secrets.found_in(evidence.stored) == set()


def test_no_secret_is_in_an_answer(evidence: Evidence):
    assert found_by(evidence.seeds.secrets, evidence.heard) == {}


def test_nothing_that_anybody_said_is_in_a_line_of_the_log(evidence: Evidence):
    assert found_by(evidence.seeds.content, evidence.lines) == {}


def found_by(canaries: Canaries, things: Sequence[tuple[str, bytes]]) -> object:
    """Where something is given away, and what."""
    if not canaries.found_in(b"\n".join(thing for _, thing in things)):
        return {}
    return {(name, thing): found for name, thing in things if (found := canaries.found_in(thing))}


SECRET = "sk-Ab3dEf6h/Jk+Mn=pQr\\StUv'XyZ"


@pytest.mark.parametrize(
    "told",
    [
        SECRET,
        SECRET[:GIVEN_AWAY],
        SECRET[-GIVEN_AWAY:],
        SECRET[3:26],
        json.dumps({"key": SECRET}),
        json.dumps(SECRET).replace("/", "\\/"),
        quote(SECRET, safe=""),
        quote_plus(f"a b {SECRET}"),
        SECRET.encode().hex(),
        *(base64.b64encode(f"{before}:{SECRET}:x".encode()).decode() for before in ("u", "us", "usr")),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_known_again_however_it_is_told(told: str):
    """Or nothing above would be shown."""
    canaries = Canaries()
    canaries.watch("secret", SECRET)
    assert canaries.found_in(f"It is {told}.") == {"secret"}
    assert canaries.found_in(f"It begins with {SECRET[: GIVEN_AWAY - 1]}.") == set()


def test_a_store_is_looked_through_also_where_it_is_packed_and_cut(tmp_path: Path):
    canaries = Canaries()
    said = canaries.seed("said")
    front = Application(keyed_runtime(tmp_path / "responses.db"))
    operator = Operator(tmp_path / "responses.db")
    noise = "".join(secrets.token_hex(16) for _ in range(40_000))  # which hardly shrinks
    body = {"model": "scripted/echo", "input": f"[[words:1]] {noise} {said}"}
    made = front.ask("POST", "/v1/responses", body, key=operator.key("acme"))
    assert made.status == 200
    assert any((tmp_path / "responses.db.blobs").rglob("*"))
    assert canaries.found_in((tmp_path / "responses.db-wal").read_bytes()) == set()
    assert canaries.found_in(everything_in(tmp_path / "responses.db")) == {"said"}
    operator.close()
    front.close()
