"""What the operator keeps with AWS: read once in a while, and never lost once it was read."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from lambda_responses.runtime.parameters import (
    FRESH_SECONDS,
    QUIET_SECONDS,
    AWSParameters,
    OperatorParameters,
)
from lambda_responses.runtime.settings import Settings, SettingsError
from lambda_responses.storage.keyed import clients

if TYPE_CHECKING:
    from pathlib import Path

KEYS = '{"GROQ_API_KEY": "gsk-1"}'


class Kept(AWSParameters):
    """What tests let AWS keep; None stands for an outage."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.asked = 0
        self.asking = threading.Event()
        self.answering = threading.Event()
        self.answering.set()

    def secret(self, name: str) -> str:
        self.asked += 1
        self.asking.set()
        self.answering.wait()
        if self.text is None:
            raise ConnectionError
        return self.text

    parameter = secret


def test_what_has_not_changed_is_the_same_object():
    now, kept = 0.0, Kept(KEYS)
    parameters = OperatorParameters(Settings(secrets="keys"), source=kept, clock=lambda: now)
    assert parameters.due
    first = parameters.current()
    assert first.secrets == {"GROQ_API_KEY": "gsk-1"}
    now = FRESH_SECONDS - 1
    assert not parameters.due
    assert (parameters.current(), kept.asked) == (first, 1)
    now = FRESH_SECONDS
    assert parameters.due
    assert parameters.current() is first
    kept.text, now = '{"GROQ_API_KEY": "gsk-2"}', 2 * FRESH_SECONDS
    assert parameters.current().secrets == {"GROQ_API_KEY": "gsk-2"}


def test_after_a_look_that_failed_nobody_is_asked_for_a_while():
    now, kept = 0.0, Kept(KEYS)
    parameters = OperatorParameters(Settings(secrets="keys"), source=kept, clock=lambda: now)
    first = parameters.current()
    kept.text, now = None, FRESH_SECONDS
    assert parameters.current() is first
    kept.text, now = "{}", FRESH_SECONDS + QUIET_SECONDS - 1
    assert parameters.current() is first
    now = FRESH_SECONDS + QUIET_SECONDS
    assert parameters.current().secrets == {}
    assert kept.asked == 3


def test_what_was_begun_early_is_waited_for_and_not_asked_twice():
    kept = Kept(KEYS)
    kept.answering.clear()
    parameters = OperatorParameters(Settings(secrets="keys"), source=kept)
    parameters.read_early()
    parameters.read_early()
    assert kept.asking.wait(10)
    threading.Timer(0, kept.answering.set).start()
    assert parameters.current().secrets == {"GROQ_API_KEY": "gsk-1"}
    assert kept.asked == 1


def test_nothing_is_begun_where_the_operator_keeps_nothing_with_aws(tmp_path: Path):
    file = tmp_path / "models.json"
    file.write_text("{}")
    kept = Kept(KEYS)
    threads = threading.active_count()
    OperatorParameters(Settings(models=str(file)), source=kept).read_early()
    assert threading.active_count() == threads
    assert kept.asked == 0


def test_what_could_not_be_read_early_is_read_when_it_is_needed():
    kept = Kept(None)
    parameters = OperatorParameters(Settings(models="ssm:models"), source=kept)
    parameters.read_early()
    with pytest.raises(SettingsError, match="RESPONSES_MODELS cannot be used: "):
        parameters.current()
    kept.text = "{}"
    assert parameters.current().models == {}


@pytest.mark.parametrize("text", [None, "[]", '{"A": 1}', "\x00"])
def test_what_never_could_be_read_is_one_sentence(text: str | None):
    with pytest.raises(SettingsError, match="RESPONSES_SECRETS cannot be used: "):
        OperatorParameters(Settings(secrets="keys"), source=Kept(text)).current()


def test_a_models_file_of_this_machine_is_read_once(tmp_path: Path):
    file = tmp_path / "models.json"
    file.write_text('{"aliases": {}}')
    parameters = OperatorParameters(Settings(models=str(file)))
    first = parameters.current()
    file.unlink()
    assert parameters.current() is first
    with pytest.raises(SettingsError, match="RESPONSES_MODELS cannot be used: No such file"):
        OperatorParameters(Settings(models=str(file))).current()


@pytest.mark.parametrize(
    ("service", "call", "asked", "answer"),
    [
        ("secretsmanager", "secret", {"SecretId": "k"}, {"SecretString": KEYS}),
        ("ssm", "parameter", {"Name": "k", "WithDecryption": True}, {"Parameter": {"Value": KEYS}}),
    ],
)
def test_aws_is_asked_once_for_as_long_as_its_answer_is_fresh(
    monkeypatch: pytest.MonkeyPatch, service: str, call: str, asked: Any, answer: Any
):
    session: Any = boto3.session.Session
    made = session("id", "secret", region_name="us-east-1").client(service)
    monkeypatch.setattr(clients, "client_of", lambda name, config: made)
    operation = {"secretsmanager": "get_secret_value", "ssm": "get_parameter"}[service]
    with Stubber(made) as stub:
        stub.add_response(operation, answer, asked)
        source = AWSParameters()
        values = [getattr(source, call)("k") for _ in range(3)]
        stub.assert_no_pending_responses()
    assert [json.loads(value) for value in values] == [json.loads(KEYS)] * 3
    assert FRESH_SECONDS == 300
