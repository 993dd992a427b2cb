"""`make emulate` and `make emulate-stop`, as somebody types them who has read the first page."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import httpx
import pytest
from openai import NotFoundError, OpenAI

from infra.emulator.emulator import ROOT, what_lacks

pytestmark = pytest.mark.slow


def test_it_prints_a_base_url_and_a_key_with_which_an_official_client_works():
    if (lack := what_lacks()) is not None:
        pytest.skip(lack)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        environment = os.environ | {"EMULATOR_PORT": str(probe.getsockname()[1])}

    def run(command: str) -> str:
        started = [sys.executable, "-m", "infra.emulator", command]
        return subprocess.run(
            started, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    try:
        told = run("start")
        (base_url,) = re.findall(r"base URL +(\S+)", told)
        (key,) = set(re.findall(r"sk-lr-[\w-]+", told))
        with httpx.Client(trust_env=False, timeout=60) as http:
            client = OpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=http)
            made = client.responses.create(model="scripted/echo", input="Good morning")
            assert client.responses.retrieve(made.id).output_text == "Good morning"
            _, _, command = told.partition("a key\nof another tenant:\n")
            other = subprocess.run(
                ["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
            )
            with pytest.raises(NotFoundError):
                client.with_options(api_key=other.stdout.strip()).responses.retrieve(made.id)
    finally:
        run("stop")
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url, trust_env=False)
