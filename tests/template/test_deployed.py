"""What whoever deployed is told at the end: where it answers and, once, a key."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from infra.deployed import NotDeployed, described, make_key, outputs_of, saved_arguments
from tests.template.declared import ROOT, TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = {
    "BaseUrl": "https://abc.execute-api.eu-central-1.amazonaws.com/v1",
    "CreateResponseUrl": "https://one.lambda-url.eu-central-1.on.aws/",
    "GetResponseUrl": "https://two.lambda-url.eu-central-1.on.aws/",
    "TableName": "stack-Table-1",
    "Auth": "keys",
}


class Session:
    """A session of somebody in whose account there is one stack."""

    def client(self, service: str) -> Session:
        assert service == "cloudformation"
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName != "mine":
            fault = {"Error": {"Code": "ValidationError", "Message": f"Stack {StackName} does not exist"}}
            raise ClientError(fault, "DescribeStacks")  # type: ignore[arg-type]
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in OUTPUTS.items()]
        return {"Stacks": [{"Outputs": outputs}]}


class Stranger(Session):
    """A session of somebody whom AWS does not know."""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        raise NoCredentialsError


def test_the_stack_is_the_one_that_was_named_in_the_guided_run(tmp_path: Path):
    place = tmp_path / "samconfig.toml"
    place.write_text((ROOT / "samconfig.toml").read_text())
    assert saved_arguments(place) == {"stack_name": "lambda-responses"}
    with place.open("a") as file:  # as `sam deploy --guided` keeps its answers
        file.write('stack_name = "mine"\nregion = "eu-central-1"\nprofile = "work"\n')
    assert saved_arguments(place) == {"stack_name": "mine", "region": "eu-central-1", "profile": "work"}


@pytest.mark.parametrize("content", [None, "", "not = [toml", "[default]", "[other.deploy.parameters]"])
def test_where_nothing_was_kept_nothing_is_known(tmp_path: Path, content: str | None):
    place = tmp_path / "samconfig.toml"
    if content is not None:
        place.write_text(content)
    assert saved_arguments(place) == {}


def test_outputs_are_those_of_the_stack():
    assert outputs_of(Session(), "mine") == OUTPUTS


@pytest.mark.parametrize("session", [Session(), Stranger()])
def test_a_stack_that_is_not_found_is_said_with_what_to_do(session: Session):
    with pytest.raises(NotDeployed, match=r"other.*\n.*--help"):
        outputs_of(session, "other")


def test_whoever_deployed_first_is_shown_a_key_and_how_to_use_it():
    told = described(OUTPUTS, "sk-lr-shown")
    for name in ("BaseUrl", "CreateResponseUrl", "GetResponseUrl"):
        assert OUTPUTS[name] in told
    assert f"curl -s {OUTPUTS['BaseUrl']}/responses -H 'authorization: Bearer sk-lr-shown'" in told
    assert '{"model": "scripted/echo", "input": "Say hello."}' in told


def test_a_stack_without_function_urls_tells_of_none():
    told = described({name: value for name, value in OUTPUTS.items() if "ResponseUrl" not in name}, None)
    assert OUTPUTS["BaseUrl"] in told
    assert "lambda-url" not in told
    assert "without API Gateway" not in told


@pytest.mark.parametrize("auth", [*TEMPLATE["Parameters"]["Auth"]["AllowedValues"], "iam"])
def test_whoever_gets_no_key_is_told_how_callers_are_known(auth: str):
    told = described(OUTPUTS | {"Auth": auth}, None)
    assert OUTPUTS["BaseUrl"] in told
    assert "sk-lr-" not in told
    assert {"keys": "keys create", "jwt": "Bearer <token>", "iam": "--aws-sigv4"}[auth] in told


def test_the_first_key_is_made_in_the_table_by_the_command_that_operators_have(
    monkeypatch: pytest.MonkeyPatch,
):
    ran: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran.append((command, env))
        return subprocess.CompletedProcess(command, 0, "sk-lr-made\n" if len(ran) == 1 else "")

    monkeypatch.setattr(subprocess, "run", run)
    environment = {"AWS_PROFILE": "work", "RESPONSES_AUTH": "jwt"}  # the shell's settings are not the stack's
    assert make_key("stack-Table-1", environment, "--first") == "sk-lr-made"
    assert make_key("stack-Table-1", environment, "--first") is None
    command, told = ran[0]
    assert command == [sys.executable, "-m", "lambda_responses", "keys", "create", "--first"]
    assert told == {"AWS_PROFILE": "work", "RESPONSES_STORE": "dynamodb://stack-Table-1"}
