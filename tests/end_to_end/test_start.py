"""How the server starts, what it prints, and what keeps it from starting."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from pathlib import Path

NO_AWS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
WRONG = {
    "an unknown setting": ({"RESPONSES_STOER": "sqlite:///x"}, "RESPONSES_STOER"),
    "a store of no kind": ({"RESPONSES_STORE": "redis://x"}, "RESPONSES_STORE"),
    "a number that is none": ({"RESPONSES_RETENTION_DAYS": "many"}, "RESPONSES_RETENTION_DAYS"),
    "an unknown default provider": ({"RESPONSES_DEFAULT_PROVIDER": "nobody"}, "RESPONSES_DEFAULT_PROVIDER"),
    "a way to know callers that AWS alone has": ({"RESPONSES_AUTH": "iam"}, "RESPONSES_AUTH"),
    "a models file that is not there": ({"RESPONSES_MODELS": "nowhere.json"}, "RESPONSES_MODELS"),
    "an address that is none": ({"GROQ_BASE_URL": "groq"}, "GROQ_BASE_URL"),
    "a wire format that is none": ({"GROQ_WIRE_API": "smoke"}, "GROQ_WIRE_API"),
    "a key that no header can hold": ({"GROQ_API_KEY": "geheim\nnis"}, "GROQ_API_KEY"),
    "a place for data that is none": ({"DATA_DIR": "/dev/null/data"}, "RESPONSES_STORE"),
    "a level of logging that is none": ({"RESPONSES_LOG_LEVEL": "loud"}, "RESPONSES_LOG_LEVEL"),
    "a secret that cannot be read": ({"RESPONSES_SECRETS": "keys", **NO_AWS}, "RESPONSES_SECRETS"),
    "a port that is none": ({"PORT": "many"}, "PORT"),
    "a port out of range": ({"PORT": "70000"}, "PORT"),
}


@pytest.mark.parametrize(("environment", "named"), WRONG.values(), ids=WRONG)
def test_a_setting_that_cannot_be_used_stops_the_start_with_one_sentence(
    tmp_path: Path, environment: dict[str, str], named: str
):
    [sentence] = Server(tmp_path, **environment).refusal().splitlines()
    assert named in sentence
    assert sentence.endswith(".")
    assert "geheim" not in sentence


def test_a_models_file_that_cannot_be_used_stops_the_start_with_one_sentence(tmp_path: Path):
    file = tmp_path / "models.json"
    for content in ("{", "[]", json.dumps({"aliases": {"a": []}}), json.dumps({"provider": {}})):
        file.write_text(content)
        said = Server(tmp_path, RESPONSES_MODELS=str(file)).refusal()
        assert len(said.splitlines()) == 1


def test_a_file_of_servers_that_cannot_be_used_stops_the_start_with_one_sentence(tmp_path: Path):
    file = tmp_path / "servers.json"
    entry = {"url": "https://dice.example/mcp", "auth": {"type": "bearer", "tokn": "geheim"}}
    for content in ("{", "[]", json.dumps({"mcpServers": {"dice": entry}})):
        file.write_text(content)
        said = Server(tmp_path, RESPONSES_MCP_SERVERS=str(file)).refusal()
        assert len(said.splitlines()) == 1
        assert "geheim" not in said


def test_a_port_that_is_taken_stops_the_start_with_one_sentence(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = Server(tmp_path, PORT=str(taken.getsockname()[1])).refusal()
    assert len(said.splitlines()) == 1


def test_the_server_prints_its_address_its_models_and_a_command_that_works(tmp_path: Path):
    server = Server(tmp_path, GROQ_API_KEY="k", **WORKING).started()
    try:
        assert server.base_url.startswith("http://127.0.0.1:")
        assert "scripted/echo" in server.log
        assert f"curl -s {server.base_url}/responses" in server.log
        listed = httpx.get(f"{server.base_url}/models", trust_env=False).json()
        assert "scripted/echo" in [each["id"] for each in listed["data"]]
        body = {"model": "scripted/echo", "input": "Say hello in five words."}
        made = httpx.post(f"{server.base_url}/responses", json=body, trust_env=False).json()
        assert made["status"] == "completed"
        assert (tmp_path / "responses.db").exists()
    finally:
        server.stop()
    assert server.complaints == []
