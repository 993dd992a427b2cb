"""The examples of the page on adding a provider, each put where it says and asked for an answer over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from lambda_responses.endpoints.application import whole_application
from lambda_responses.providers.catalog import CATALOG, Row
from lambda_responses.providers.models_file import _ROW_MEMBERS
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.transformers.anthropic_messages import profiles as messages_profiles
from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
from lambda_responses.transformers.chat_completions import ChatProfile, profiles
from tests.documents.pages import ADDING_A_PROVIDER, code
from tests.fakes.demo_model import demo_model
from tests.fakes.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.upstream import Exchange, Upstream

MODELS_FILE = code(ADDING_A_PROVIDER.read_text(), "json")[0]
ROW, PROFILE, MESSAGES_ROW, MESSAGES_PROFILE = code(ADDING_A_PROVIDER.read_text(), "python")
ASKED = {"instructions": "Be brief.", "input": "Hello there", "max_output_tokens": 50}


@pytest.fixture
def heard(upstream: Upstream) -> list[Exchange]:
    """What `acme` was asked for its model `big`."""
    exchanges: list[Exchange] = []

    async def answer(exchange: Exchange) -> None:
        exchanges.append(exchange)
        await demo_model(exchange)

    upstream.serve(answer, "big")
    return exchanges


@pytest.fixture
def server(tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """A server with the page's models file, whose `acme` is the test's upstream."""
    (tmp_path / "models.json").write_text(MODELS_FILE)
    running = Server(
        tmp_path,
        RESPONSES_MODELS="models.json",
        ACME_API_KEY="key-of-acme",
        ACME_TEAM="search",
        ACME_BASE_URL=upstream.base_url,
    ).started()
    yield running
    running.stop()
    assert running.complaints == []


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("model", ["acme/big", "best"])
def test_an_operators_row_is_a_provider(server: Server, heard: list[Exchange], model: str):
    answer = httpx.post(f"{server.base_url}/responses", json={"model": model, **ASKED}, trust_env=False)
    assert text_of(answer) == "Hello there"
    assert answer.headers["x-responses-target"] == "acme/big"
    [exchange] = heard
    assert exchange.path == "/v1/chat/completions"
    assert exchange.headers["authorization"] == "Bearer key-of-acme"
    assert exchange.headers["x-team"] == "search"


async def ask(runtime: Runtime, model: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(whole_application(runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        return await http.post("/v1/responses", json={"model": model, "store": False, **ASKED, **more})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("profile", "role", "limit"),
    [("", "system", "max_tokens"), (PROFILE, "developer", "max_completion_tokens")],
    ids=["without a profile", "with its profile"],
)
async def test_one_row_in_the_catalog_is_a_provider(
    monkeypatch: pytest.MonkeyPatch,
    upstream: Upstream,
    heard: list[Exchange],
    profile: str,
    role: str,
    limit: str,
):
    row: Row = eval(ROW, {"Row": Row})
    monkeypatch.setitem(CATALOG, row.name, row)
    defined: dict[str, Any] = {"ChatProfile": ChatProfile}
    exec(profile, defined)
    if profile:
        monkeypatch.setattr(profiles, "ACME", defined["ACME"], raising=False)
    runtime = Runtime({"ACME_BASE_URL": upstream.base_url, "ACME_API_KEY": "key-of-acme"})
    for model in ("acme/big", "acme_ai/big"):
        assert text_of(await ask(runtime, model)) == "Hello there"
    await runtime.aclose()
    for exchange in heard:
        assert exchange.headers["authorization"] == "Bearer key-of-acme"
        assert exchange.body["messages"][0] == {"role": role, "content": "Be brief."}
        assert exchange.body[limit] == 50
    assert len(heard) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("profile", "limit", "expected"),
    [("", None, 8192), (MESSAGES_PROFILE, None, 4096), (MESSAGES_PROFILE, 50, 50)],
    ids=["without a profile", "with its profile", "with a limit in the request"],
)
async def test_a_row_may_speak_another_format(
    monkeypatch: pytest.MonkeyPatch,
    upstream: Upstream,
    heard: list[Exchange],
    profile: str,
    limit: int | None,
    expected: int,
):
    row: Row = eval(MESSAGES_ROW, {"Row": Row})
    monkeypatch.setitem(CATALOG, row.name, row)
    defined: dict[str, Any] = {"MessagesProfile": MessagesProfile}
    exec(profile, defined)
    if profile:
        monkeypatch.setattr(messages_profiles, "ACME", defined["ACME"], raising=False)
    runtime = Runtime({"ACME_BASE_URL": upstream.base_url, "ACME_API_KEY": "key-of-acme"})
    assert text_of(await ask(runtime, "acme/big", max_output_tokens=limit)) == "Hello there"
    await runtime.aclose()
    [exchange] = heard
    assert exchange.path == "/v1/messages"
    assert exchange.headers["x-api-key"] == "key-of-acme"
    assert exchange.headers["anthropic-version"] == "2023-06-01"
    assert exchange.body["max_tokens"] == expected
    assert "Be brief." in str(exchange.body["system"])


@pytest.mark.anyio
async def test_a_row_without_its_key_says_which_is_missing(monkeypatch: pytest.MonkeyPatch):
    row: Row = eval(ROW, {"Row": Row})
    monkeypatch.setitem(CATALOG, row.name, row)
    runtime = Runtime({})
    answer = await ask(runtime, "acme/big")
    await runtime.aclose()
    assert answer.status_code == 400
    assert "ACME_API_KEY" in answer.json()["error"]["message"]


def test_the_members_on_the_page_are_the_members_there_are():
    page = ADDING_A_PROVIDER.read_text()
    named = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert named == list(_ROW_MEMBERS)
