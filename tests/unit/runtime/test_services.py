"""The composition root: what it takes from outside, and what it lets go of."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.parameters import FRESH_SECONDS, AWSParameters, OperatorParameters
from lambda_responses.runtime.runtime import Runtime
from lambda_responses.runtime.settings import SettingsError
from lambda_responses.storage.keyed.sqlite import SQLiteStore
from lambda_responses.tools.servers.registry import Limits

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db"}


def keep_secret(monkeypatch: pytest.MonkeyPatch, secret: str | bytes) -> None:
    """Let the secrets manager know one."""
    monkeypatch.setattr(AWSParameters, "secret", lambda self, name: secret)


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def clocked(environment: dict[str, str]) -> tuple[Runtime, Clock]:
    """A runtime whose parameters age by that clock."""
    runtime, clock = Runtime(environment), Clock()
    services: Any = runtime.services
    services.parameters = OperatorParameters(runtime.settings, clock=clock)
    return runtime, clock


async def test_workers_of_one_machine_take_turns_and_take_over_soon(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    here = Runtime(environment)
    assert here.services.slots.turns is not None
    assert here.services.outbox.lease_seconds == here.services.jobs.lease_seconds == 4
    await here.aclose()
    on_aws = Runtime({"RESPONSES_STORE": "dynamodb://responses"})
    assert on_aws.services.slots.turns is None
    assert on_aws.services.outbox.lease_seconds == on_aws.services.jobs.lease_seconds == 60
    await on_aws.aclose()


async def test_what_was_opened_is_closed_once(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    closed: list[SQLiteStore] = []
    close = SQLiteStore.close

    def closing(store: SQLiteStore) -> None:
        closed.append(store)
        close(store)

    monkeypatch.setattr(SQLiteStore, "close", closing)
    before = set(threading.enumerate())
    runtime = Runtime(environment)
    await runtime.aclose()
    assert closed == []
    runtime.check()
    await runtime.aclose()
    await runtime.aclose()
    assert len(closed) == 1
    assert set(threading.enumerate()) <= before


async def test_blobs_are_closed_too(environment: dict[str, str]):
    before = set(threading.enumerate())
    runtime = Runtime(environment)
    services: Any = runtime.services
    await services.blobs.put("threads/a/b", b"picture", expires=None)
    assert set(threading.enumerate()) > before
    await runtime.aclose()
    assert set(threading.enumerate()) <= before


async def test_answers_and_events_have_the_ways_out_that_the_operator_names(environment: dict[str, str]):
    before = set(threading.enumerate())
    table = {"RESPONSES_STORE": "dynamodb://responses"}
    runtime = Runtime(table)
    assert (runtime.services.results, runtime.services.event_bus) == (None, None)
    for named in ("RESULT_QUEUE_URL", "RESULT_BUCKET"):
        runtime = Runtime({**table, f"RESPONSES_{named}": "x"})
        assert runtime.services.results is not None
        assert runtime.services.event_bus is None
        await runtime.aclose()
    runtime = Runtime({**environment, "RESPONSES_EVENT_BUS": "default"})
    assert runtime.services.results is not None  # beside a file there always is one
    assert runtime.services.event_bus is not None
    await runtime.aclose()
    assert set(threading.enumerate()) <= before


async def test_what_is_not_delivered_is_logged_and_what_is_given_up_is_counted(
    environment: dict[str, str], told: Any, on_lambda: str
):
    services = Runtime(environment).services
    for final in (False, True):
        services.delivery_failed("acme", "whe_1", "it answered with status 500", final=final)
    first, last, counted = told()
    for line, final in ((first, False), (last, True)):
        assert (line["level"], line["message"]) == ("WARNING", "delivery failed")
        assert (line["tenant"], line["target"], line["final"]) == ("acme", "whe_1", final)
        assert line["reason"] == "it answered with status 500"
    assert counted["LostNotifications"] == [1.0]


async def test_a_tool_that_has_changed_is_logged_and_counted(
    environment: dict[str, str], told: Any, on_lambda: str
):
    services = Runtime(environment).services
    services.tool_dropped("dice", "roll")
    line, counted = told()
    assert (line["level"], line["message"]) == ("WARNING", "tool dropped")
    assert (line["server"], line["tool"]) == ("dice", "roll")
    assert counted["DroppedTools"] == [1.0]


async def test_the_level_of_the_log_is_a_setting(environment: dict[str, str]):
    try:
        Runtime({**environment, "RESPONSES_LOG_LEVEL": "WARNING"})
        assert logger.log_level == logging.WARNING
    finally:
        Runtime(environment)
    assert logger.log_level == logging.INFO


async def test_a_rotated_key_is_used_and_a_look_that_fails_changes_nothing(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    keep_secret(monkeypatch, '{"GROQ_API_KEY": "gsk-secret"}')
    runtime, clock = clocked({**environment, "RESPONSES_SECRETS": "keys"})
    services: Any = runtime.services
    await runtime.renew()
    first = services.router
    assert first.ready() == ["groq"]
    keep_secret(monkeypatch, '{"GROQ_API_KEY": "gsk-secret", "MISTRAL_API_KEY": "ms-secret"}')
    await runtime.renew()
    assert services.router is first
    clock.now += FRESH_SECONDS
    assert services.router is first
    await runtime.renew()
    second = services.router
    assert second.ready() == ["groq", "mistral"]
    keep_secret(monkeypatch, "gone")
    clock.now += FRESH_SECONDS
    await runtime.renew()
    assert services.router is second


async def test_a_slow_look_keeps_nobody_else_waiting(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    asked, answered = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def secret(source: AWSParameters, name: str) -> str:
        loop.call_soon_threadsafe(asked.set)
        answered.wait()
        return "{}"

    monkeypatch.setattr(AWSParameters, "secret", secret)
    renewing = asyncio.ensure_future(Runtime({**environment, "RESPONSES_SECRETS": "keys"}).renew())
    await asked.wait()
    assert not renewing.done()
    answered.set()
    await renewing


@pytest.mark.parametrize(
    "secret", ["sk-bare", "[]", '{"GROQ_API_KEY": {"value": "k"}}', '{"PORT": 1}', b"\xff"]
)
async def test_a_secret_that_is_no_object_of_strings_is_one_sentence(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, secret: str | bytes
):
    keep_secret(monkeypatch, secret)
    with pytest.raises(SettingsError) as raised:
        Runtime({**environment, "RESPONSES_SECRETS": "keys"}).check()
    sentence = "RESPONSES_SECRETS cannot be used: the secret is not a JSON object of strings."
    assert str(raised.value) == sentence


MODELS = '{"aliases": {"fast": "scripted/echo"}}'


async def test_the_models_file_may_be_a_parameter(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: {"/team/models": MODELS}[name])
    services: Any = Runtime({**environment, "RESPONSES_MODELS": "ssm:/team/models"}).services
    assert services.router.resolve("fast")[0].name == "scripted/echo"


async def test_a_models_file_that_cannot_be_used_leaves_the_last_one_in_place(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: MODELS)
    runtime, clock = clocked({**environment, "RESPONSES_MODELS": "ssm:/team/models"})
    services: Any = runtime.services
    first = services.router
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: '{"aliases": {"fast": "nobody/x"}}')
    clock.now += FRESH_SECONDS
    await runtime.renew()
    assert services.router is first
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: "{}")
    clock.now += FRESH_SECONDS
    await runtime.renew()
    assert services.router is not first


async def test_a_parameter_that_cannot_be_read_is_one_sentence(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: {}[name])
    with pytest.raises(SettingsError) as raised:
        Runtime({**environment, "RESPONSES_MODELS": "ssm:/team/models"}).check()
    assert str(raised.value) == "RESPONSES_MODELS cannot be used: the parameter cannot be read."


@pytest.mark.parametrize("name", ["RESPONSES_SEALING_KEYS", "RESPONSES_OUTBOUND_ALLOW"])
async def test_a_setting_that_cannot_be_read_is_one_sentence_without_it(
    environment: dict[str, str], name: str
):
    with pytest.raises(SettingsError) as raised:
        Runtime({**environment, name: "s3cret:s3cret:s3cret"}).check()
    assert str(raised.value).startswith(f"{name} cannot be used: ")
    assert "s3cret" not in str(raised.value)


async def test_the_operators_keys_seal_where_there_are_some(environment: dict[str, str]):
    keys = f"mine:{'A' * 43}="
    services: Any = Runtime({**environment, "RESPONSES_SEALING_KEYS": keys}).services
    sealer = await services.sealer("me")
    assert sealer.seal("test", {"a": 1}).startswith("lr1.mine.")
    assert "store" not in vars(services)


async def test_without_them_every_process_seals_with_the_keys_in_the_store(environment: dict[str, str]):
    runtimes = [Runtime(environment), Runtime(environment)]
    one, other = [await runtime.services.sealer("me") for runtime in runtimes]
    assert other.open("test", one.seal("test", {"a": 1})) == {"a": 1}
    for runtime in runtimes:
        await runtime.aclose()


SERVERS = '{"mcpServers": {"dice": {"url": "https://dice.example/mcp", "headers": {"x-pass": "${DICE}"}}}}'


async def test_the_file_of_servers_may_be_a_parameter_and_its_secrets_are_with_the_others(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    keep_secret(monkeypatch, '{"DICE": "first"}')
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: {"/team/servers": SERVERS}[name])
    given = {"RESPONSES_MCP_SERVERS": "ssm:/team/servers", "RESPONSES_SECRETS": "keys"}
    runtime, clock = clocked({**environment, **given})
    services: Any = runtime.services
    dice = services.mcp_servers.named("dice")
    assert dice.headers == {"x-pass": "first"}
    await runtime.renew()
    assert services.mcp_servers.named("dice").headers == {"x-pass": "first"}
    keep_secret(monkeypatch, '{"DICE": "second"}')
    clock.now += FRESH_SECONDS
    await runtime.renew()
    assert services.mcp_servers.named("dice").headers == {"x-pass": "second"}


async def test_a_file_of_servers_that_cannot_be_used_leaves_the_last_one_in_place(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: SERVERS)
    runtime, clock = clocked({**environment, "DICE": "d", "RESPONSES_MCP_SERVERS": "ssm:/servers"})
    runtime.check()
    services: Any = runtime.services
    first = services.mcp_servers
    monkeypatch.setattr(AWSParameters, "parameter", lambda self, name: '{"mcpServers": {"dice": {}}}')
    clock.now += FRESH_SECONDS
    await runtime.renew()
    assert services.mcp_servers is first
    await runtime.aclose()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "it is not JSON."),
        (SERVERS, "mcpServers.dice.headers.x-pass needs DICE, which is not set."),
        ('{"mcpServers": {"dice": {"ulr": "https://u:canary@a"}}}', "mcpServers.dice has no member 'ulr'."),
    ],
)
async def test_a_file_of_servers_that_never_could_be_used_is_one_sentence(
    environment: dict[str, str], tmp_path: Path, content: str, sentence: str
):
    file = tmp_path / "servers.json"
    file.write_text(content)
    with pytest.raises(SettingsError) as raised:
        Runtime({**environment, "RESPONSES_MCP_SERVERS": str(file)}).check()
    assert str(raised.value) == f"RESPONSES_MCP_SERVERS cannot be used: {sentence}"


async def test_programs_are_started_on_machines_and_by_no_function(
    environment: dict[str, str], tmp_path: Path
):
    file = tmp_path / "servers.json"
    file.write_text('{"mcpServers": {"files": {"command": "mcp-files"}}}')
    given = {**environment, "RESPONSES_MCP_SERVERS": str(file)}
    services: Any = Runtime(given).services
    assert services.mcp_servers.named("files").where.command == "mcp-files"
    with pytest.raises(SettingsError, match="is a program to start, which functions cannot do"):
        Runtime({**given, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}).check()


async def test_servers_are_held_to_what_the_settings_say(environment: dict[str, str]):
    given = {
        "RESPONSES_MCP_CALL_SECONDS": "7",
        "RESPONSES_MCP_LIST_SECONDS": "3",
        "RESPONSES_MCP_RESULT_BYTES": "4096",
        "RESPONSES_MCP_CONTEXT_BYTES": "2048",
        "RESPONSES_MCP_LIST_TTL": "0",
        "RESPONSES_MCP_LIST_FAILURE": "degrade",
        "RESPONSES_MCP_UPSTREAM": "openai, xai",
    }
    services: Any = Runtime({**environment, **given}).services
    assert services.mcp_servers.limits == Limits(7, 3, 4096, 2048, 0, required=False)
    assert services.mcp_upstream == {"openai", "xai"}


@pytest.mark.parametrize(
    ("settings", "anybody"),
    [
        ({}, True),
        ({"RESPONSES_MCP_URLS": "false"}, False),
        ({"RESPONSES_AUTH": "keys"}, False),
        ({"RESPONSES_AUTH": "iam"}, False),
        ({"RESPONSES_AUTH": "keys", "RESPONSES_MCP_URLS": "true"}, True),
    ],
)
async def test_servers_are_addressed_by_anybody_only_where_everybody_is_the_operators(
    environment: dict[str, str], settings: dict[str, str], anybody: bool
):
    services: Any = Runtime({**environment, **settings}).services
    assert services.mcp_urls is anybody
    assert services.mcp_upstream == frozenset()
