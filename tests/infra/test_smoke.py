"""The checks of `make smoke`, on a server that is well and behind hops that are not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from infra import smoke
from infra.checks.subject import Subject, Tempo
from tests.fakes.hop import Hop, Ways
from tests.fakes.server import INHERITED, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEEP_ALIVE = 0.1
TEMPO = Tempo(words=8, tick=0.1, silence=1.2, idle=1.3, plain=0.7, comment=0.4)
"""Comments come more often than that, and a busy machine may be late with them."""

CLOUDFRONT = {"x-amz-cf-id": "1", "strict-transport-security": "max-age=1", "x-cache": "Miss from cloudfront"}
API_GATEWAY = {"x-amz-apigw-id": "1"}
SCRIPT = "script%3E"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A server that asks for keys, and keys of two tenants."""
    folder = tmp_path_factory.mktemp("served")
    server = Server(
        folder, RESPONSES_AUTH="keys", RESPONSES_KEEP_ALIVE_MS=str(round(KEEP_ALIVE * 1000))
    ).started()
    subject = Subject(
        server.base_url, key=_new_key(folder, "one"), other_key=_new_key(folder, "two"), tempo=TEMPO
    )
    yield subject
    server.stop()
    assert server.complaints == []


def _new_key(folder: Path, tenant: str) -> str:
    command = [sys.executable, "-m", "lambda_responses", "keys", "create", "--tenant", tenant]
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment = {**inherited, "DATA_DIR": str(folder)}
    made = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return made.stdout.strip()


@pytest.fixture
def behind(served: Subject) -> Iterator[Callable[[Ways], Subject]]:
    """The same server, reached through a hop of such ways."""
    hops: list[Hop] = []

    def reached(ways: Ways) -> Subject:
        hops.append(Hop(served.base_url.removesuffix("/v1"), ways))
        return replace(served, base_url=f"{hops[-1].root}/v1")

    yield reached
    for hop in hops:
        hop.close()


def verdicts(subject: Subject, *names: str) -> dict[str, tuple[str, str]]:
    """Verdict and line of these checks, or of all."""
    checks = {name: smoke.CHECKS[name] for name in names or smoke.CHECKS}
    return dict(zip(checks, smoke.run(subject, checks), strict=True))


def test_a_server_that_is_well_fails_nothing(served: Subject):
    root = served.base_url.removesuffix("/v1")
    found = verdicts(replace(served, function_url=f"{root}/", idle=True))
    assert {name for name, (verdict, _) in found.items() if verdict == "failed"} == set(), found
    assert {name for name, (verdict, _) in found.items() if verdict == "skipped"} == {
        "CloudFront",
        "a version's figures",
        "bodies too large",
        "edge alone",
        "last deployment",
        "snapshots",
        "starts",
        "throttle",
        "web ACL",
    }


def test_hops_that_do_as_they_should_are_told_of(behind: Callable[[Ways], Subject]):
    ways = Ways(adds=CLOUDFRONT | API_GATEWAY, takes=6_000_000, refuses=SCRIPT)
    found = verdicts(behind(ways), "CloudFront", "bodies too large", "web ACL", "tenants apart", "stream")
    assert {verdict for verdict, _ in found.values()} == {"ok"}, found


FAULTS = {
    "a stream is collected": ("stream", Ways(collects=True), "collects the stream"),
    "a stream is collected in part": ("stream", Ways(bunches=0.25), "in bunches"),
    "comments are collected": ("silence", Ways(collects=True), "comments are lost or collected"),
    "comments are lost": ("silence", Ways(drops_comments=True), "comments are lost or collected"),
    "silence is not borne": ("silence", Ways(drops_comments=True, bears=0.5), "broke off after"),
    "long silence is not borne": ("long silence", Ways(drops_comments=True, bears=0.5), "broke off after"),
    "plain answers are not waited for": ("plain and slow", Ways(bears=0.3), "broke off after"),
    "a large body is taken": ("bodies too large", Ways(adds=API_GATEWAY), "7 MB: 200"),
    "a large body is refused in HTML": (
        "bodies too large",
        Ways(adds=API_GATEWAY, takes=6_000_000, refusal=b"<html>"),
        "7 MB: 413 '<html>', which is not JSON",
    ),
    "a large body is refused in other words": (
        "bodies too large",
        Ways(adds=API_GATEWAY, takes=6_000_000, refusal=b'{"message": "Too long"}'),
        "which is not OpenAI's envelope",
    ),
    "one tenant's 404 is told to the other": ("tenants apart", Ways(keeps_faults=True), "own id"),
    "an answer comes from a cache": (
        "CloudFront",
        Ways(adds={**CLOUDFRONT, "x-cache": "Hit from cloudfront"}),
        "from its cache",
    ),
    "there is no web ACL at the edge": ("web ACL", Ways(adds=CLOUDFRONT), "a script in a query: 200"),
    "a web ACL reads prompts": (
        "web ACL",
        Ways(adds=CLOUDFRONT, refuses="script", refuses_in_bodies=True),
        "a prompt that asks about a script: 403",
    ),
    "a route is another's": ("no such route", Ways(refuses="/no/such"), "403"),
    "requests are refused": ("a response's life", Ways(refuses="/input_items"), "list input items: 403"),
    "a conversation forgets": ("a conversation's life", Ways(refuses="/items"), "list items: 403"),
    "nothing is compacted": ("shorter contexts", Ways(refuses="/compact"), "compact: 403"),
    "pictures are turned away": (
        "a picture",
        Ways(adds=API_GATEWAY, takes=2_000_000),
        "create a response: 413",
    ),
    "throttled without a word": ("throttle", Ways(refuses="/models"), "where 429 was expected"),
}


@pytest.mark.parametrize(("check", "ways", "told"), FAULTS.values(), ids=FAULTS)
def test_a_fault_on_the_way_is_found(behind: Callable[[Ways], Subject], check: str, ways: Ways, told: str):
    subject = replace(behind(ways), idle=True, burst=5)
    verdict, line = verdicts(subject, check)[check]
    assert verdict == "failed", line
    assert told in line


def test_how_long_plain_answers_may_take_is_found_out(served: Subject, behind: Callable[[Ways], Subject]):
    """A hop that gives up after minutes is as it may be; one that gives up at once is not."""
    check, patient = "plain and silent", replace(served, idle=True)
    assert "came after" in verdicts(patient, check)[check][1]
    verdict, line = verdicts(replace(behind(Ways(bears=1.0)), idle=True), check)[check]
    assert (verdict, "has to be streamed" in line) == ("ok", True), line
    verdict, line = verdicts(replace(behind(Ways(bears=0.3)), idle=True), check)[check]
    assert (verdict, "has to be streamed" in line) == ("failed", False), line


def test_a_server_that_asks_for_no_key_is_found(tmp_path: Path):
    server = Server(tmp_path).started()
    try:
        subject = Subject(server.base_url, key="sk-any", other_key="sk-other", tempo=TEMPO)
        found = verdicts(subject, "no key, wrong key", "tenants apart")
    finally:
        server.stop()
    assert "no key: 200" in found["no key, wrong key"][1]
    assert "a foreign id: 200" in found["tenants apart"][1]


def test_an_api_that_answers_around_its_edge_is_found(served: Subject, behind: Callable[[Ways], Subject]):
    open_one = verdicts(replace(served, origin_url=served.base_url), "edge alone")["edge alone"]
    closed = behind(Ways(refuses="/models")).base_url
    closed_one = verdicts(replace(served, origin_url=closed), "edge alone")["edge alone"]
    assert (open_one[0], closed_one[0]) == ("failed", "ok")


def test_the_function_url_is_checked_where_it_is(served: Subject, behind: Callable[[Ways], Subject]):
    collecting = behind(Ways(collects=True)).base_url.removesuffix("v1")
    found = verdicts(replace(served, function_url=collecting), "stream", "function URL: stream")
    assert [verdict for verdict, _ in found.values()] == ["ok", "failed"]


def test_no_line_holds_a_key(served: Subject, behind: Callable[[Ways], Subject]):
    assert served.key is not None
    assert served.other_key is not None
    telling = f'{{"you": "{served.key}", "or": "{served.other_key}"}}'.encode()
    for verdict, line in smoke.run(behind(Ways(refuses="/", refusal=telling))):
        assert verdict in ("failed", "skipped")
        assert served.key not in line
        assert served.other_key not in line
    assert served.key not in repr(served)


def test_a_check_that_breaks_has_failed(served: Subject):
    def broken(subject: Subject) -> str:
        raise KeyError("id")

    assert list(smoke.run(served, {"broken": broken})) == [
        ("failed", "failed   broken                  KeyError: 'id'")
    ]


def test_where_nobody_answers_all_fails_and_so_does_the_command(capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert smoke.main({"BASE_URL": f"http://127.0.0.1:{port}/v1", "KEY": "sk-secret"}) == 1
    *lines, sum_ = capsys.readouterr().out.splitlines()
    assert len(lines) == len(smoke.CHECKS)
    assert "0 ok, " in sum_
    assert not any(line.startswith("ok") for line in lines)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({}, "BASE_URL"),
        ({"BASE_URL": "example.com"}, "BASE_URL"),
        ({"BASE_URL": "http://x", "BURST": "many"}, "BURST"),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_sentence(
    environment: dict[str, str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert smoke.main(environment) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert len(said.err.splitlines()) == 1


def test_what_the_environment_leaves_empty_was_not_given():
    subject = smoke.subject_of({"BASE_URL": "https://x/v1", "KEY": "", "FUNCTION_URL": "", "IDLE": "0"})
    assert subject == Subject("https://x/v1")
