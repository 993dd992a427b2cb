"""A server that asks for keys, as an operator sets it up and as an official client uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from tests.fakes.server import INHERITED, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MODEL = "scripted/echo"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = Server(folder, RESPONSES_AUTH="keys").started()
    yield running
    running.stop()
    assert running.complaints == []


@pytest.fixture
def keys(folder: Path) -> Callable[..., str]:
    """`python -m lambda_responses keys`, beside the server: what it prints."""

    def run(*arguments: str) -> str:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        command = [sys.executable, "-m", "lambda_responses", "keys", *arguments]
        environment = {**inherited, "DATA_DIR": str(folder)}
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return run


def client(server: Server, key: str) -> openai.OpenAI:
    http = httpx.Client(trust_env=False)
    return openai.OpenAI(base_url=server.base_url, api_key=key, max_retries=0, http_client=http)


def test_a_key_opens_a_server_that_runs_and_a_revoked_one_does_not(
    server: Server, keys: Callable[..., str], folder: Path
):
    key, other, revoked = (
        keys("create", "--tenant", "acme"),
        keys("create", "--tenant", "globex"),
        keys("create"),
    )
    revoked_id = next(line.split()[0] for line in keys("list").splitlines() if f"…{revoked[-4:]}" in line)
    keys("revoke", revoked_id)
    with client(server, key) as mine, client(server, other) as foreign:
        made = mine.responses.create(model=MODEL, input="Good morning")
        assert mine.responses.retrieve(made.id).output_text == "Good morning"
        with pytest.raises(openai.NotFoundError):
            foreign.responses.retrieve(made.id)
    for wrong in (revoked, "sk-none"):
        with client(server, wrong) as stranger, pytest.raises(openai.AuthenticationError) as refused:
            stranger.responses.retrieve(made.id)
        assert (refused.value.code, refused.value.status_code) == ("invalid_api_key", 401)
        assert wrong not in refused.value.message
    for text in (key, other, revoked):
        assert text not in server.log
        assert not any(text.encode() in path.read_bytes() for path in folder.glob("responses.db*"))


def test_the_banner_says_how_to_make_a_key(server: Server):
    assert "-m lambda_responses keys create" in server.log
    assert "curl -s" in server.log
    assert '-H "authorization: Bearer $OPENAI_API_KEY"' in server.log


def test_health_needs_no_key(server: Server):
    assert httpx.get(server.base_url.removesuffix("/v1") + "/health", trust_env=False).status_code == 200


def test_a_page_elsewhere_may_ask_with_a_key(server: Server, keys: Callable[..., str]):
    headers = {
        "origin": "https://app.example",
        "authorization": f"Bearer {keys('create')}",
        "host": "api.example",
    }
    answer = httpx.get(f"{server.base_url}/models", headers=headers, trust_env=False)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


def test_tokens_of_nobody_in_particular_stop_the_start_with_one_sentence(tmp_path: Path):
    [sentence] = Server(tmp_path, RESPONSES_AUTH="jwt").refusal().splitlines()
    assert "RESPONSES_JWT_ISSUER" in sentence
