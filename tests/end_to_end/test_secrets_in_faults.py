"""A fault of our own says nothing of what it says: not to a client, not in the log, whoever runs the code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.end_to_end.estates import MODEL
from tests.end_to_end.hosting import faulty_functions, skip_where_functions_cannot_run
from tests.fakes.amenities import Amenities
from tests.fakes.canaries import Canaries
from tests.fakes.fronts import Served
from tests.fakes.issuer import AUDIENCE, public_jwk, token
from tests.fakes.operator import Operator
from tests.fakes.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.fronts import Answer

Json = dict[str, Any]

HELLO: Json = {"model": MODEL, "input": "Hello to everybody"}
PARTS = ("storage", "making", "frames", "keys")


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


def everything(server: Server, key: str) -> list[Answer]:
    """Whatever comes of asking for things; an answer may break off."""
    answers: list[Answer] = []
    for stage in ("/v1", "/url/v1") if "host" in server.log else ("/v1",):
        front = Served(server.base_url.replace("/v1", stage))
        for method, path, body in (
            ("POST", "/v1/responses", HELLO),
            ("POST", "/v1/responses", {**HELLO, "stream": True}),
            ("POST", "/v1/responses", {**HELLO, "previous_response_id": f"resp_{'0' * 48}"}),
            ("GET", f"/v1/responses/resp_{'0' * 48}", None),
            ("GET", f"/v1/responses/resp_{'0' * 48}?stream=true", None),
            ("GET", f"/v1/responses/resp_{'0' * 48}/input_items", None),
            ("POST", f"/v1/responses/resp_{'0' * 48}/cancel", {}),
            ("DELETE", f"/v1/responses/resp_{'0' * 48}", None),
            ("GET", "/v1/models", None),
        ):
            with suppress(httpx.RemoteProtocolError):
                answers.append(front.ask(method, path, body, key=key))
        front.close()
    return answers


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("way", ["make dev", "functions"])
def test_a_fault_that_nobody_foresaw_is_told_by_its_kind_and_place(
    tmp_path: Path, canaries: Canaries, way: str, part: str
):
    words = canaries.seed("what a fault says", form="cannot read {} of {}")
    command = ("tests.fakes.faulty",)
    if way == "functions":
        skip_where_functions_cannot_run()
        command = ("infra.host", "--template", str(faulty_functions(tmp_path)))
    operator = Operator(tmp_path / "responses.db")
    key = operator.key("acme")
    canaries.watch("API key", key)
    operator.close()
    environment = {"RESPONSES_AUTH": "keys", "FAULTY_PART": part, "FAULTY_WORDS": words}
    with Server(tmp_path, command=command, RESPONSES_LOG_LEVEL="DEBUG", **environment) as server:
        answers = everything(server, key)
    assert "Broken" in server.log
    assert canaries.found_in(server.log) == set()
    assert canaries.found_in(b"".join(answer.content for answer in answers)) == set()
    assert "Hello to everybody" not in server.log
    assert "Traceback" not in b"".join(answer.content for answer in answers).decode()


SPOILT = {
    "a row that is no JSON": "UPDATE rows SET doc = '{' || :said",
    "bytes that cannot be unpacked": "UPDATE rows SET bytes = CAST(x'09' || :said AS BLOB)",
    "no table": "DROP TABLE rows",
}
"""What no server of ours does to a store."""


def test_a_store_that_is_spoilt_says_nothing_of_what_it_holds(tmp_path: Path, canaries: Canaries):
    said = canaries.seed("what was stored")
    here = [("Host", "127.0.0.1")]
    answers: dict[str, list[Answer]] = {}
    spoilt = Server(tmp_path, RESPONSES_LOG_LEVEL="DEBUG")
    with spoilt as server, closing(Served(server.base_url)) as front:
        for how, statement in SPOILT.items():
            made = front.ask("POST", "/v1/responses", {**HELLO, "input": said}, headers=here).json["id"]
            with closing(sqlite3.connect(tmp_path / "responses.db", isolation_level=None)) as store:
                store.execute(statement, {"said": said} if ":said" in statement else {})
            answers[how] = [
                front.ask("GET", f"/v1/responses/{made}", headers=here),
                front.ask("GET", f"/v1/responses/{made}?stream=true", headers=here),
                front.ask("GET", f"/v1/responses/{made}/input_items", headers=here),
                front.ask("POST", "/v1/responses", {**HELLO, "previous_response_id": made}, headers=here),
                front.ask("DELETE", f"/v1/responses/{made}", headers=here),
            ]
    for how, told in answers.items():
        assert {answer.status for answer in told[:4]} <= {500, 503}, how
        assert canaries.found_in(b"".join(answer.content for answer in told)) == set(), how
    assert canaries.found_in(server.log) == set()


@pytest.fixture
def issuer() -> Iterator[Amenities]:
    amenities = Amenities()
    configuration = {"issuer": amenities.root, "jwks_uri": f"{amenities.root}/keys"}
    amenities.put("/.well-known/openid-configuration", configuration)
    amenities.put("/keys", {"keys": [public_jwk("RSA", kid="k0", use="sig")]})
    yield amenities
    amenities.close()


def test_no_token_is_in_a_line_of_the_log_or_in_an_answer(
    tmp_path: Path, canaries: Canaries, issuer: Amenities
):
    tokens = {
        "good": token(iss=issuer.root),
        "of another issuer": token(iss="https://elsewhere.example"),
        "expired": token(iss=issuer.root, exp=1),
        "for others": token(iss=issuer.root, aud="others"),
        "of an unknown key": token(iss=issuer.root, kid="k9"),
        "signed by another key": token("RSA", 1, iss=issuer.root),
        "without a tenant": token(iss=issuer.root, sub="a b#c"),
        "cut short": token(iss=issuer.root)[:-20],
        "no token": "e30.e30.e30",
    }
    for name, text in tokens.items():
        for part in text.split(".")[1:]:
            if len(part) >= 12:
                canaries.watch(name, part)
    environment = {"RESPONSES_JWT_ISSUER": issuer.root, "RESPONSES_JWT_AUDIENCE": AUDIENCE}
    with Server(tmp_path, RESPONSES_AUTH="jwt", RESPONSES_LOG_LEVEL="DEBUG", **environment) as server:
        answers = {name: everything(server, text) for name, text in tokens.items()}
    assert {name for name, told in answers.items() if told[0].status == 200} == {"good"}
    assert {answer.status for name, told in answers.items() if name != "good" for answer in told} == {401}
    assert server.complaints == []
    assert canaries.found_in(server.log) == set()
    told = json.dumps([[str(answer) for answer in each] for each in answers.values()])
    assert canaries.found_in(told) == set()
