"""A setting that cannot be used is named, and its value is not: it may be a key in the wrong place."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import traceback
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import Settings, SettingsError
from tests.end_to_end.hosting import skip_where_functions_cannot_run, with_variables
from tests.end_to_end.test_start import NO_AWS
from tests.fakes.canaries import Canaries
from tests.fakes.fronts import Served
from tests.fakes.server import Server, plain_environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.fronts import Answer

SECRETS = Canaries()
SECRET = SECRETS.seed("secret", form="{}{}")
ADDRESS = f"http://operator:{SECRET}@[nowhere"

UNUSABLE: dict[str, dict[str, str]] = {
    **{
        f"RESPONSES_{each.name.upper()}": {f"RESPONSES_{each.name.upper()}": SECRET}
        for each in dataclasses.fields(Settings)
        if not each.name.startswith("jwt")
    },
    "a store of another kind": {"RESPONSES_STORE": f"postgres://user:{SECRET}@db.example/responses"},
    "a store's path": {"RESPONSES_STORE": f"sqlite:////dev/null/{SECRET}/responses.db"},
    "a store without a region": {"RESPONSES_STORE": f"dynamodb://{SECRET}", **NO_AWS},
    "a sealing key that is no base64": {"RESPONSES_SEALING_KEYS": f"first:{SECRET}!"},
    "a sealing key of another length": {"RESPONSES_SEALING_KEYS": f"first:{SECRET}{SECRET}"},
    "a sealing key with a long name": {"RESPONSES_SEALING_KEYS": f"{SECRET}:{'A' * 43}="},
    "keys where the name of a secret belongs": {
        "RESPONSES_SECRETS": json.dumps({"GROQ_API_KEY": SECRET}),
        **NO_AWS,
    },
    "rows where the path of a file belongs": {
        "RESPONSES_MODELS": json.dumps({"providers": {"acme": {"key": SECRET}}})
    },
    "a parameter that nobody may read": {"RESPONSES_MODELS": f"ssm:{SECRET}", **NO_AWS},
    "an issuer with a password": {
        "RESPONSES_AUTH": "jwt",
        "RESPONSES_JWT_ISSUER": f"https://user:{SECRET}@issuer.example",
        "RESPONSES_JWT_AUDIENCE": "responses",
    },
    "an issuer's keys elsewhere": {
        "RESPONSES_AUTH": "jwt",
        "RESPONSES_JWT_ISSUER": "https://issuer.example",
        "RESPONSES_JWT_AUDIENCE": "responses",
        "RESPONSES_JWT_JWKS_URL": f"http://keys.example/?key={SECRET}",
    },
    "a key with a line's end": {"GROQ_API_KEY": f"{SECRET}\n{SECRET}"},
    "a key beyond ASCII": {"ANTHROPIC_API_KEY": f"{SECRET}é"},
    "a bearer token with a space": {"AWS_BEARER_TOKEN_BEDROCK": f"{SECRET} x"},
    "a wire format": {"GROQ_WIRE_API": SECRET},
    **{
        f"{name}": {name: ADDRESS}
        for name in ("GROQ_BASE_URL", "AZURE_OPENAI_ENDPOINT", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
    },
}

USABLE = (
    "RESPONSES_OUTBOUND_ALLOW",
    "RESPONSES_REQUEST_TENANT",
    "RESPONSES_REQUEST_BUCKET",
    "RESPONSES_EVENT_BUS",
    "RESPONSES_MCP_UPSTREAM",
)
"""Settings that a word fits, whatever it is."""

FILES: dict[str, Any] = {
    "no JSON": f"{{{SECRET}",
    "a list": [SECRET],
    "an alias of nothing": {"aliases": {"best": f"{SECRET}/x"}},
    "an alias of no text": {"aliases": {"best": [SECRET, 1]}},
    "a key": {"providers": {"acme": {"api_key": SECRET}}},
    "an address": {"providers": {"acme": {"base_url": SECRET}}},
    "a format": {"providers": {"acme": {"format": SECRET}}},
    "formats": {"providers": {"acme": {"formats": {"x": SECRET}}}},
    "a profile": {"providers": {"acme": {"profile": SECRET}}},
    "a way to show keys": {"providers": {"acme": {"auth": SECRET}}},
    "headers": {"providers": {"acme": {"headers": SECRET}}},
    "a header with a $ in it": {"providers": {"acme": {"headers": {"x": f"a$z{SECRET}"}}}},
    "a header with a $ at its end": {"providers": {"acme": {"headers": {"x": f"{SECRET}$"}}}},
    "a header of two lines": {"providers": {"acme": {"headers": {"x": f"{SECRET}\n"}}}},
    "a price": {"prices": {"x": {"input": SECRET, "output": 1}}},
}


def refused(environment: dict[str, str]) -> str:
    """What is told of such an environment, with all that a traceback shows."""
    with pytest.raises(SettingsError) as raised:
        Runtime(environment).check()
    [sentence] = str(raised.value).splitlines()
    assert sentence.endswith(".")
    return "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "environment", [pytest.param(UNUSABLE[name], id=name) for name in UNUSABLE if name not in USABLE]
)
def test_no_value_of_a_setting_is_told(tmp_path: Path, environment: dict[str, str]):
    told = refused({"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db", **environment})
    assert SECRETS.found_in(told) == set()


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_no_value_of_the_models_file_is_told(tmp_path: Path, content: Any):
    file = tmp_path / "models.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    store = f"sqlite:///{tmp_path}/responses.db"
    told = refused({"RESPONSES_STORE": store, "RESPONSES_MODELS": str(file), "ACME_BASE_URL": "http://h"})
    assert SECRETS.found_in(told) == set()


STARTS = {name: UNUSABLE[name] for name in ("a sealing key that is no base64", "a store of another kind")} | {
    "a port": {"PORT": SECRET},
    "a port with a key behind it": {"PORT": f"8080 {SECRET}"},
    "a place for data": {"DATA_DIR": f"/dev/null/{SECRET}"},
}


@pytest.mark.parametrize("environment", STARTS.values(), ids=STARTS)
def test_a_server_that_does_not_start_tells_none_either(tmp_path: Path, environment: dict[str, str]):
    assert SECRETS.found_in(Server(tmp_path, **environment).refusal()) == set()


@pytest.mark.parametrize("name", ["a sealing key that is no base64", "RESPONSES_LOG_LEVEL"])
def test_nor_do_functions_that_do_not_start(tmp_path: Path, name: str):
    skip_where_functions_cannot_run()
    template = with_variables(tmp_path, **UNUSABLE[name])
    answers: list[Answer] = []
    with Server(tmp_path, command=("infra.host", "--template", str(template))) as server:
        for stage in ("/v1", "/url/v1"):
            with closing(Served(server.base_url.replace("/v1", stage))) as front:
                body = {"model": "scripted/echo", "input": "x"}
                answers.append(front.ask("POST", "/v1/responses", body, key="sk-lr-x"))
                answers.append(front.ask("GET", "/v1/models", key="sk-lr-x"))
    assert {answer.status for answer in answers} == {500, 502}
    assert "RESPONSES_" in server.log
    assert SECRETS.found_in(server.log) == set()
    assert SECRETS.found_in(b"".join(answer.content for answer in answers)) == set()


def test_a_key_is_shown_once_by_the_command_that_makes_it(tmp_path: Path):
    environment = {**plain_environment(), "DATA_DIR": str(tmp_path)}

    def run(*arguments: str) -> tuple[str, str]:
        command = [sys.executable, "-m", "lambda_responses", "keys", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.stdout, done.stderr

    key, about = run("create", "--tenant", "acme", "--name", "laptop")
    canaries = Canaries()
    canaries.watch("key", key.strip())
    key_id = about.split()[2].rstrip(",")
    later = [
        *(run("list"), run("list", "--json"), run("revoke", key.strip()), run("revoke", key_id)),
        *(run("create", "--first"), run("list"), run("create", "--tenant", f"{key.strip()} #")),
        *(run("create", "--scopes", key.strip()), run("create", "--expires", key.strip())),
    ]
    assert key_id in later[0][0]
    assert canaries.found_in(key) == {"key"}
    assert canaries.found_in(about + json.dumps(later)) == set()
