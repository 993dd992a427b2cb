"""Recorded vendors: the replay server of `../shared/tools`, and a server of ours that knows all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from lambda_responses.providers.catalog import CATALOG
from lambda_responses.transformers.chat_completions import profiles as chat_profiles
from lambda_responses.transformers.openai_responses import profile as native_profiles
from tests.corpus import chat_recordings, responses_recordings
from tests.fakes.server import WORKING, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


class Recording(Protocol):
    """What the recordings of all formats have in common."""

    @property
    def file(self) -> str:
        """Its place in the corpus."""
        ...

    @property
    def provider(self) -> str:
        """Whose answer it is."""
        ...

    @property
    def model(self) -> str:
        """Which of their models gave it."""
        ...


__all__ = ["model_of", "replay_url", "replaying_server", "working_replaying_server"]

SHARED = Path(__file__).parents[3] / "shared"
TOOL = SHARED / "tools" / "replay_server.py"

FORMATS = {"chat": "chat_completions", "responses": "openai_responses"}
"""Those in which many vendors were recorded, each of which gets a row."""

PREFIXES = {
    ("anthropic", "messages"): "anthropic/",
    ("bedrock", "invoke_anthropic"): "bedrock/invoke/",
    ("google_vertex", "anthropic_raw_predict"): "vertex/",
    ("google", "generate_content"): "gemini/",
    ("google_vertex", "generate_content"): "vertex/",
    ("bedrock", "converse"): "bedrock/converse/",
    ("cohere", "chat_v2"): "cohere/",
}
"""How models are named, by vendor and API, in formats that only their makers speak."""


@pytest.fixture(scope="session")
def replay_url() -> Iterator[str]:
    """Where the recordings are played back."""
    if not TOOL.exists():
        pytest.skip("needs ../shared/tools/replay_server.py")
    process = subprocess.Popen(
        [sys.executable, str(TOOL), "--port", "0", "--lenient"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    yield f"{said.split()[2].rstrip(':')}/v1"
    process.terminate()
    process.wait(20)
    process.stdout.close()


@pytest.fixture(scope="session")
def replaying_server(tmp_path_factory: pytest.TempPathFactory, replay_url: str) -> Iterator[Server]:
    """A server whose providers are the recorded vendors: the catalog's by variables, others by a file."""
    yield from _serving(tmp_path_factory.mktemp("replaying"), replay_url)


@pytest.fixture(scope="session")
def working_replaying_server(tmp_path_factory: pytest.TempPathFactory, replay_url: str) -> Iterator[Server]:
    """The same, where background responses are made."""
    yield from _serving(tmp_path_factory.mktemp("working replaying"), replay_url, **WORKING)


def _serving(folder: Path, replay_url: str, **settings: str) -> Iterator[Server]:
    file = folder / "models.json"
    file.write_text(json.dumps({"providers": _rows(replay_url)}))
    places = {f"{row.env_prefix}_BASE_URL": replay_url for row in CATALOG.values()}
    keys = {f"{row.env_prefix}_API_KEY": "sk-replayed-0123456789" for row in CATALOG.values()}
    environment = {
        "RESPONSES_MODELS": str(file),
        "RESPONSES_MAX_RETRIES": "0",
        "RESPONSES_FIRST_EVENT_WAIT_MS": "10000",  # so that no busy machine decides what is a status
        "RESPONSES_CHECK_STREAMS": "true",
    }
    running = Server(folder, **environment, **places, **keys, **settings).started()
    yield running
    running.stop()
    assert running.complaints == []


def model_of(recording: Recording, api: str) -> str:
    """The model of ours that has this recording play."""
    stem = recording.file.rpartition("/")[2].removesuffix(".json")
    played = f"replay--{recording.provider}--{stem}"
    if prefix := PREFIXES.get((recording.provider, api)):  # where much depends on the model
        return f"{prefix}{recording.model.rpartition('/')[2]}.{played}"
    return f"{_provider(recording.provider, api)}/{played}"


def _provider(vendor: str, api: str) -> str:
    row = CATALOG.get(vendor)
    plain = row and row.format == FORMATS[api] and not row.formats
    return vendor if plain else f"{vendor}-{api}"


def _rows(url: str) -> Json:
    """A row for every vendor and format that the catalog does not have."""
    rows: Json = {}
    for api, module, vendors, dialects in (
        ("chat", chat_profiles, chat_recordings.recordings(), chat_recordings.PROFILES),
        ("responses", native_profiles, responses_recordings.recordings(), responses_recordings.PROFILES),
    ):
        names = {id(value): name.lower() for name, value in vars(module).items() if name.isupper()}
        for vendor in {each.provider for each in vendors}:
            if (name := _provider(vendor, api)) not in CATALOG:
                spoken = names.get(id(dialects.get(vendor)), "default")
                rows[name] = {"base_url": url, "format": FORMATS[api], "profile": spoken}
    return rows
