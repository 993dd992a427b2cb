"""One deployment for all tests of this folder."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import httpx
import pytest
from openai import OpenAI

from infra.emulator.emulator import ACCOUNT, KEY, REGION, SECRET, Emulator, what_lacks
from infra.emulator.stack import Stack
from tests.emulated.signing import Signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Caller = Callable[[str, str], httpx.Client]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The template, deployed on an emulator of its own; deleted again at the end, which has to work too."""
    if (lack := what_lacks()) is not None:
        pytest.skip(lack)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    emulator = Emulator(tmp_path_factory.mktemp("emulator"), port)
    deployed = Stack(emulator)
    deployed.build()
    emulator.start()
    try:
        deployed.deploy()
        yield deployed
        deployed.delete()
    finally:
        emulator.stop()


@pytest.fixture(scope="session")
def caller(stack: Stack) -> Iterator[Caller]:
    """HTTP clients by credentials."""
    clients: list[httpx.Client] = []

    def client(key: str, secret: str) -> httpx.Client:
        clients.append(
            httpx.Client(base_url=stack.base_url, auth=Signed(key, secret), timeout=60, trust_env=False)
        )
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture(scope="session")
def http(caller: Caller) -> httpx.Client:
    """A client of the account's root user."""
    return caller(KEY, SECRET)


@pytest.fixture(scope="session")
def user(stack: Stack) -> tuple[str, str]:
    """The credentials of somebody who may call this API, and may do nothing else."""
    api = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{stack.api_id}/v1/*"
    allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": api}
    return _user(stack, "caller", allowed)


@pytest.fixture(scope="session")
def stranger(stack: Stack) -> tuple[str, str]:
    """The credentials of somebody of the same account who may not call it."""
    return _user(stack, "stranger", {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"})


@pytest.fixture(scope="session")
def openai(stack: Stack, user: tuple[str, str], caller: Caller) -> OpenAI:
    """The official client, whose requests are signed on their way out."""
    return OpenAI(base_url=stack.base_url, api_key="unused", max_retries=0, http_client=caller(*user))


def _user(stack: Stack, name: str, statement: dict[str, str]) -> tuple[str, str]:
    iam = stack.client("iam")
    iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]
