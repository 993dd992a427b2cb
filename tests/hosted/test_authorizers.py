"""What an authorizer said is kept as long as the template says, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.host.authorizers import Authorizers
from infra.host.declarations import read_deployment
from infra.host.gateway_responses import Refused
from infra.host.invocation import Fault, Payload
from tests.hosted.hosting import TOYS

if TYPE_CHECKING:
    from infra.host.invocation import Answer

pytestmark = pytest.mark.anyio

TOKEN = read_deployment(TOYS).api.authorizers["Token"]
STAGE = "arn:aws:execute-api:us-east-1:000000000000:restapi000/v1"


@dataclass
class Answering:
    """Functions that answer with what a test put here."""

    answers: list[Answer]
    asked: list[Any] = field(default_factory=list)

    def invoke(self, function: object, event: Any) -> Any:
        self.asked.append(event)
        call = asyncio.get_running_loop().create_future()
        call.set_result(self.answers.pop(0))
        return type("Call", (), {"answer": call})


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


def policy(effect: str, *resources: str, action: str = "execute-api:Invoke") -> Payload:
    statement = {"Action": action, "Effect": effect, "Resource": list(resources)}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return Payload(json.dumps({"principalId": "me", "policyDocument": document}).encode())


def authorizers(functions: Answering, clock: Clock, seconds: int = 30) -> Authorizers:
    declared: Any = {"Token": replace(TOKEN, seconds=seconds)}
    answering: Any = functions
    return Authorizers(declared, answering, clock=clock)


async def test_an_answer_is_kept_for_its_seconds():
    functions, clock = Answering([policy("Allow", f"{STAGE}/*")] * 2), Clock()
    judging = authorizers(functions, clock)
    for now in (1_000.0, 1_029.9):
        clock.now = now
        assert await judging.judge("Token", "t", f"{STAGE}/GET/x") == {"principalId": "me"}
    assert len(functions.asked) == 1
    clock.now = 1_030.0
    await judging.judge("Token", "t", f"{STAGE}/GET/x")
    assert len(functions.asked) == 2


async def test_an_answer_is_not_kept_for_no_seconds():
    functions = Answering([policy("Allow", f"{STAGE}/*")] * 2)
    judging = authorizers(functions, Clock(), seconds=0)
    for _ in range(2):
        await judging.judge("Token", "t", f"{STAGE}/GET/x")
    assert len(functions.asked) == 2


async def test_a_denial_is_kept_and_a_fault_is_not():
    functions = Answering([Fault("Exception", "Unauthorized"), policy("Deny", f"{STAGE}/*")])
    judging = authorizers(functions, Clock())
    for kind in ("UNAUTHORIZED", "ACCESS_DENIED", "ACCESS_DENIED"):
        with pytest.raises(Refused) as refused:
            await judging.judge("Token", "t", f"{STAGE}/GET/x")
        assert refused.value.kind == kind
    assert len(functions.asked) == 2


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("execute-api:Invoke", f"{STAGE}/GET/x", True),
        ("execute-api:*", f"{STAGE}/*/x", True),
        ("*", "*", True),
        ("execute-api:Invoke", f"{STAGE}/G?T/*", True),
        ("execute-api:Invoke", f"{STAGE}/POST/*", False),
        ("execute-api:Invoke", f"{STAGE}/[G]ET/x", False),
        ("s3:GetObject", "*", False),
    ],
)
async def test_a_policy_is_read_as_iam_reads_it(action: str, resource: str, allowed: bool):
    judging = authorizers(Answering([policy("Allow", resource, action=action)]), Clock())
    judged = judging.judge("Token", "t", f"{STAGE}/GET/x")
    if allowed:
        assert await judged
        return
    with pytest.raises(Refused):
        await judged


async def test_a_denial_outweighs_leave():
    statements = [
        {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
        for effect, resource in (("Allow", "*"), ("Deny", f"{STAGE}/GET/secret"))
    ]
    told = {"principalId": "me", "policyDocument": {"Statement": statements}}
    judging = authorizers(Answering([Payload(json.dumps(told).encode())]), Clock())
    assert await judging.judge("Token", "t", f"{STAGE}/GET/x")
    with pytest.raises(Refused, match="ACCESS_DENIED"):
        await judging.judge("Token", "t", f"{STAGE}/GET/secret")
