"""A stack that is changed, which callers notice at once at the same addresses; and one that is deleted."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx
import pytest
from openai import OpenAI

from infra.emulator.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.emulator.emulator import Emulator

pytestmark = pytest.mark.slow

VERSION = 'headers["openai-version"] = "2020-10-01"'
CHANGED = 'headers["openai-version"] = "2030-10-01"'


@pytest.fixture(scope="module")
def changing(emulator: Emulator) -> Stack:
    """A stack of its own, from a copy of what was built."""
    stack = Stack(emulator, name="changing")
    copied = emulator.home / "changing"  # as deep as the other, since paths in the template are relative
    shutil.copytree(stack.built, copied)
    stack.built = copied
    stack.deploy()
    return stack


@pytest.fixture(scope="module")
def http(changing: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {changing.make_key()}"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        yield client


def version_of(stack: Stack, http: httpx.Client) -> set[str]:
    """What all doors that a client may meet say, streaming or not, by REST and function URL."""
    base, create = stack.outputs["BaseUrl"], stack.outputs["CreateResponseUrl"]
    body = {"model": "scripted/echo", "input": "Hi"}
    answers = [
        http.post(f"{base}/responses", json=body),
        http.post(f"{create}v1/responses", json=body),
        http.get(f"{base}/models"),
        http.get(f"{stack.outputs['GetResponseUrl']}v1/responses/resp_0"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404]
    return {answer.headers["openai-version"] for answer in answers}


def test_changed_code_and_changed_settings_reach_every_caller(changing: Stack, http: httpx.Client):
    """The streaming door too, whose callers meet a version and not what was deployed last."""
    assert version_of(changing, http) == {"2020-10-01"}
    module = changing.built / "SharedLayer" / "python" / "lambda_responses" / "runtime" / "operations.py"
    code = module.read_text()
    assert VERSION in code
    module.write_text(code.replace(VERSION, CHANGED))
    for stale in (module.parent / "__pycache__").glob("operations.*"):
        stale.unlink()
    changing.deploy()
    assert version_of(changing, http) == {"2030-10-01"}

    functions = changing.client("lambda")
    name = f"{changing.name}-create-response"
    changing.deploy(RetentionDays="7", DefaultProvider="scripted")
    met = functions.get_function_configuration(FunctionName=name, Qualifier="live")
    assert met["Environment"]["Variables"]["RESPONSES_RETENTION_DAYS"] == "7"
    client = OpenAI(
        base_url=changing.outputs["BaseUrl"],
        api_key=http.headers["authorization"].removeprefix("Bearer "),
        max_retries=0,
        http_client=http,
    )
    assert client.responses.create(model="echo", input="Hi").output_text == "Hi"
    versions = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert len(versions) == 2  # the one that callers meet, and what it was published from


def test_a_deployment_without_a_change_changes_nothing(changing: Stack):
    before = changing.outputs
    changing.deploy()
    assert changing.outputs == before


def test_a_deleted_stack_leaves_its_table_and_nothing_else(changing: Stack, http: httpx.Client):
    outputs = changing.outputs
    made = http.post(f"{outputs['BaseUrl']}/responses", json={"model": "scripted/echo", "input": "Hi"}).json()
    changing.delete()
    rows = changing.client("dynamodb").scan(TableName=outputs["TableName"])["Items"]
    assert made["id"] in str(rows)
    functions = changing.client("lambda").list_functions()["Functions"]
    assert not any(each["FunctionName"].startswith(changing.name) for each in functions)
    assert http.get(f"{outputs['BaseUrl']}/models").status_code != 200
    assert http.get(f"{outputs['GetResponseUrl']}v1/responses/{made['id']}").status_code != 200
