"""Servers that last for a session, and the upstreams behind them.

A `conftest.py` takes them by name, so that only the folders that need a server start one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.fakes.demo_model import demo_model
from tests.fakes.formats.every import FORMATS
from tests.fakes.server import WORKING, Server
from tests.fakes.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.fakes.formats.base import Format

__all__ = [
    "KEY",
    "format",
    "http",
    "model",
    "native_server",
    "prompt_http",
    "prompt_server",
    "reaching",
    "server",
    "upstream",
    "working_server",
]

KEY = "sk-end-to-end-0123456789"
"""The key of every upstream: nothing that a server prints or answers may hold it."""

MODELS = {
    "scripted": "scripted/echo",
    "a chat upstream": "groq/demo",
    "a native upstream": "openai/scripted/echo",
    **{
        f"{name} upstream": f"{format.provider}/{format.model}-demo"
        for name, format in FORMATS.items()
        if name not in ("chat", "native")
    },
}
"""A model that echoes, obeys schemas and calls tools, behind each kind of provider."""

BLIND = {MODELS["a chat upstream"]}
"""Those that take no pictures."""


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """The upstream that `server` knows by the name that each format gives its provider."""
    fake = Upstream()
    for name in MODELS.values():
        model = name.partition("/")[2]
        fake.serve(demo_model, model)
        fake.serve(demo_model, model.removeprefix("us."))  # Bedrock counts by the model, whatever its region
    yield fake
    fake.close()


@pytest.fixture(scope="session")
def native_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second server of ours, which the first one knows as `openai`: a native upstream that is strict."""
    running = Server(tmp_path_factory.mktemp("native")).started()
    yield running
    running.stop()
    assert running.complaints == []


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, native_server: Server
) -> Iterator[Server]:
    """The server under test."""
    yield from _serving(tmp_path_factory.mktemp("server"), upstream, native_server)


@pytest.fixture(scope="session")
def working_server(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, native_server: Server
) -> Iterator[Server]:
    """The same, where background responses are made."""
    yield from _serving(tmp_path_factory.mktemp("working"), upstream, native_server, **WORKING)


@pytest.fixture(scope="session")
def prompt_server(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Server]:
    """One that waits no longer for an upstream's first word than it does unless it is told to."""
    with Server(tmp_path_factory.mktemp("prompt"), **reaching(upstream)) as running:
        yield running
    assert running.complaints == []


def _serving(folder: Path, upstream: Upstream, native_server: Server, **settings: str) -> Iterator[Server]:
    models_file = folder / "models.json"
    aliases = {"best": ["groq/broken", "groq/demo"]} | {
        f"{fault}-{name}": [f"{each.provider}/{fault}", "groq/demo"]
        for name, each in FORMATS.items()
        for fault in ("broken", "cut")  # apart, since a target that fails is soon passed over
    }
    as_openai = {"base_url": upstream.base_url, "profile": "openai"}
    rows = {
        "openai-chat": {**as_openai, "format": "chat_completions"},
        "openai-native": {**as_openai, "format": "openai_responses"},
    }
    models_file.write_text(json.dumps({"aliases": aliases, "providers": rows}))
    running = Server(
        folder,
        **reaching(upstream),
        RESPONSES_MODELS=str(models_file),
        OPENROUTER_BASE_URL=upstream.base_url,
        OPENROUTER_API_KEY=KEY,
        OPENAI_BASE_URL=native_server.base_url,
        OPENAI_API_KEY=KEY,
        RESPONSES_KEEP_ALIVE_MS="300",
        RESPONSES_READ_TIMEOUT_MS="2000",
        RESPONSES_MAX_RETRIES="1",
        RESPONSES_FIRST_EVENT_WAIT_MS="10000",  # so that no busy machine decides what is a status
        **settings,
    ).started()
    yield running
    running.stop()
    assert running.complaints == []
    assert KEY not in running.log
    assert "weather" not in running.log  # which many tests ask about


def reaching(upstream: Upstream) -> dict[str, str]:
    """The environment of a server that finds that upstream as the provider of every format."""
    return {
        "GROQ_BASE_URL": upstream.base_url,
        "GROQ_API_KEY": KEY,
        "XAI_BASE_URL": upstream.base_url,
        "XAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": upstream.root,
        "ANTHROPIC_API_KEY": KEY,
        "GEMINI_BASE_URL": upstream.root,
        "GEMINI_API_KEY": KEY,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream.root,
        "AWS_BEARER_TOKEN_BEDROCK": KEY,
        "AWS_REGION": "us-east-1",
        "COHERE_BASE_URL": upstream.root,
        "COHERE_API_KEY": KEY,
    }


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server that takes every answer as it comes."""
    async with httpx.AsyncClient(
        base_url=server.base_url, timeout=60, trust_env=False, verify=False
    ) as client:
        yield client


@pytest.fixture
async def prompt_http(prompt_server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server that says soon that a response has begun."""
    async with httpx.AsyncClient(
        base_url=prompt_server.base_url, timeout=60, trust_env=False, verify=False
    ) as client:
        yield client


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """Each kind of provider in turn."""
    return request.param


@pytest.fixture(params=FORMATS.values(), ids=FORMATS)
def format(request: pytest.FixtureRequest) -> Format:
    """Each format that the upstream may speak."""
    return request.param
