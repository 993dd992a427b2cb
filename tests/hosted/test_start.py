"""How the host starts, what it prints, and what keeps it from starting."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.hosted.hosting import TOYS, Hosted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--template", "nowhere.yaml"], {}, "nowhere.yaml"),
        (["--parameter", "Nmae=x"], {}, "Nmae"),
        (["--parameter", "Auth=none"], {}, "Auth"),
        ([], {"PORT": "many"}, "PORT"),
        ([], {"PORT": "70000"}, "PORT"),
        ([], {"RESPONSES_STORE": "redis://x"}, "RESPONSES_STORE"),
        ([], {"RESPONSES_AUTH": "none"}, "RESPONSES_AUTH"),
    ],
)
def test_what_cannot_be_used_stops_the_start_with_one_sentence(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], named: str
):
    [sentence] = Hosted(tmp_path, *arguments, **environment).refusal().splitlines()
    assert named in sentence


def test_a_port_that_is_taken_stops_the_start_with_one_sentence(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = Hosted(tmp_path, PORT=str(taken.getsockname()[1])).refusal()
    assert len(said.splitlines()) == 1


def test_a_key_is_made_where_there_was_none_and_shown_once(tmp_path: Path):
    first = Hosted(tmp_path).started()
    key = first.key
    assert first.stop() == 0
    second = Hosted(tmp_path).started()
    try:
        assert "keys create" in second.log
        headers = {"authorization": f"Bearer {key}"}
        assert httpx.get(f"{second.base_url}/models", headers=headers, trust_env=False).status_code == 200
        assert (tmp_path / "responses.db").exists()
    finally:
        assert second.stop() == 0
    assert key not in second.log


def test_a_template_without_keys_gets_none(tmp_path: Path):
    hosted = Hosted(tmp_path, "--template", str(TOYS), "--parameter", "Name=world").started()
    try:
        assert "API key" not in hosted.log
        answer = httpx.post(f"{hosted.base_url}/plain/echo", trust_env=False)
        assert answer.json()["environment"]["GREETING"] == "hello world"
        assert "[lambda-responses-plain] called to echo\n" in hosted.printed
    finally:
        assert hosted.stop() == 0
