"""One emulator for all tests of this folder, and on it the template: as it is, and in its iam form."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from openai import OpenAI

from infra.emulator.emulator import ACCOUNT, KEY, REGION, SECRET, Emulator, what_lacks
from infra.emulator.stack import Stack
from tests.emulated.operator import Operator
from tests.emulated.signing import Signed
from tests.emulated.ways_in import FunctionUrls, RestApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.fronts import Front

    Client = Callable[[str], OpenAI]
    Caller = Callable[..., httpx.Client]

SECRET_NAME = "providers"
MODELS_NAME = "/models"
WAYS_IN = {"the REST API": RestApi, "function URLs": FunctionUrls}


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator of its own, and what an operator has there before anything is deployed."""
    if (lack := what_lacks()) is not None:
        pytest.skip(lack)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = Emulator(tmp_path_factory.mktemp("emulator"), port)
    Stack(started).build()
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def stack(emulator: Emulator) -> Iterator[Stack]:
    """The template with a provider's secret and a models file; deleted at the end, which has to work too."""
    deployed = Stack(emulator)
    secret = {"Name": SECRET_NAME, "SecretString": json.dumps({"GROQ_API_KEY": "gsk-canary"})}
    models = json.dumps({"aliases": {"best": ["scripted/echo"], "hosted": ["groq/llama-3.3-70b-versatile"]}})
    arn = deployed.client("secretsmanager").create_secret(**secret)["ARN"]
    deployed.client("ssm").put_parameter(Name=MODELS_NAME, Type="String", Value=models)
    deployed.deploy(ProviderSecret=arn, ModelsParameter=MODELS_NAME)
    yield deployed
    deployed.delete()


@pytest.fixture(scope="session")
def first_key(stack: Stack) -> str:
    """What `make deploy` prints once."""
    key = stack.make_key("--first")
    assert key.startswith("sk-lr-")
    assert stack.make_key("--first") == ""
    return key


@pytest.fixture(scope="session")
def operator(stack: Stack, first_key: str) -> Iterator[Operator]:
    """Whoever deployed, afterwards."""
    running = Operator(stack)
    yield running
    running.close()


@dataclass(frozen=True)
class Revoked:
    """A key that was taken back right after it had opened everything."""

    text: str
    since: float
    """By `time.monotonic`."""


@pytest.fixture(scope="session")
def revoked_in_use(stack: Stack, operator: Operator) -> Revoked:
    """Known, by then, to API Gateway, to the authorizer and to both doors behind function URLs."""
    text = operator.key()
    for way_in in WAYS_IN.values():
        front = way_in(stack)
        made = front.ask("POST", "/v1/responses", {"model": "scripted/echo", "input": "Hi"}, key=text)
        assert made.status == 200
        assert front.ask("GET", f"/v1/responses/{made.json['id']}", key=text).status == 200
        front.close()
    operator.revoke(text)
    return Revoked(text, time.monotonic())


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Front]:
    """The REST API."""
    front = RestApi(stack)
    yield front
    front.close()


@pytest.fixture(scope="session", params=WAYS_IN)
def way_in(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Front]:
    """Each way in: events of payload 1.0 behind the authorizer, and of 2.0 without."""
    front = WAYS_IN[request.param](stack)
    yield front
    front.close()


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[Client]:
    """Official clients, which know the base URL and a key."""
    clients: list[OpenAI] = []

    def made(key: str) -> OpenAI:
        http = httpx.Client(trust_env=False, timeout=60)
        clients.append(
            OpenAI(base_url=stack.outputs["BaseUrl"], api_key=key, max_retries=0, http_client=http)
        )
        return clients[-1]

    yield made
    for each in clients:
        each.close()


@pytest.fixture(scope="session")
def openai(client: Client, first_key: str) -> OpenAI:
    """The client of whoever deployed, with the first key."""
    return client(first_key)


@pytest.fixture(scope="session")
def signed_stack(emulator: Emulator, stack: Stack) -> Iterator[Stack]:
    """The template in the form whose callers sign, beside the other."""
    deployed = Stack(emulator, "iam", name="signed")
    deployed.deploy()
    yield deployed
    deployed.delete()


@pytest.fixture(scope="session")
def caller(signed_stack: Stack) -> Iterator[Caller]:
    """HTTP clients of that stack by credentials, signing for a service."""
    clients: list[httpx.Client] = []

    def made(key: str, secret: str, service: str = "execute-api") -> httpx.Client:
        urls = {"execute-api": "BaseUrl", "lambda": "CreateResponseUrl"}
        base_url = signed_stack.outputs[urls[service]]
        auth = Signed(key, secret, service)
        clients.append(httpx.Client(base_url=base_url, auth=auth, timeout=60, trust_env=False))
        return clients[-1]

    yield made
    for each in clients:
        each.close()


@pytest.fixture(scope="session")
def user(signed_stack: Stack) -> tuple[str, str]:
    """The credentials of somebody who may call that API and its functions, and may do nothing else."""
    api = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{signed_stack.api_id}/v1/*"
    functions = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{signed_stack.name}-*"
    return _user(
        signed_stack,
        "caller",
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": api},
        {"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": functions},
    )


@pytest.fixture(scope="session")
def stranger(signed_stack: Stack) -> tuple[str, str]:
    """The credentials of somebody of the same account who may not call it."""
    return _user(
        signed_stack, "stranger", {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    )


@pytest.fixture(scope="session")
def root() -> tuple[str, str]:
    """The credentials of the account's root user."""
    return KEY, SECRET


def _user(stack: Stack, name: str, *statements: dict[str, str]) -> tuple[str, str]:
    iam = stack.client("iam")
    iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]
