"""Each right of the template is one that its function cannot do without, as IAM enforces it."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from infra.emulator.emulator import ACCOUNT
from tests.emulated.ways_in import FunctionUrls

if TYPE_CHECKING:
    from collections.abc import Generator

    from infra.emulator.stack import Stack
    from tests.emulated.operator import Operator
    from tests.fakes.fronts import Answer, Front

pytestmark = pytest.mark.slow

Json = dict[str, Any]

BODY: Json = {"model": "scripted/echo", "input": "Hi"}
SEALED = "?include[]=reasoning.encrypted_content"
PICTURE = f"data:image/png;base64,{base64.b64encode(bytes(9_000)).decode()}"
SHOWN: Json = {
    **BODY,
    "input": [{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}],
}
AFTER: Json = {**BODY, "previous_response_id": "{id}"}
READ, WRITE, DELETE = "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"
QUERY = "dynamodb:Query"
FETCH, KEEP = "s3:GetObject", "s3:PutObject"
PARAMETER, SECRET = "ssm:GetParameter", "secretsmanager:GetSecretValue"
REMEMBERED = (PARAMETER, SECRET)
"""What a process asks once, and then not for a while."""


@pytest.fixture
def key(operator: Operator) -> str:
    """A key that nobody remembers yet."""
    return operator.key()


@pytest.fixture
def response_id(api: Front, operator: Operator) -> str:
    """A response of the same tenant, with a picture."""
    made = api.ask("POST", "/v1/responses", SHOWN, key=operator.key())
    return made.json["id"]


# Function, action, and a request that takes it.
ENFORCED = [
    ("AuthorizeFunction", READ, "GET", "/v1/models", None),
    ("CreateResponseFunction", READ, "POST", "/v1/responses", AFTER),
    ("CreateResponseFunction", WRITE, "POST", "/v1/responses", BODY),
    ("CreateResponseFunction", FETCH, "POST", "/v1/responses", AFTER),
    ("CreateResponseFunction", KEEP, "POST", "/v1/responses", SHOWN),
    ("GetResponseFunction", READ, "GET", "/v1/responses/{id}", None),
    ("GetResponseFunction", FETCH, "GET", "/v1/responses/{id}", None),
    ("GetResponseFunction", WRITE, "GET", "/v1/responses/{id}" + SEALED, None),
    ("ListInputItemsFunction", READ, "GET", "/v1/responses/{id}/input_items", None),
    ("ListInputItemsFunction", WRITE, "GET", "/v1/responses/{id}/input_items" + SEALED, None),
    ("ListInputItemsFunction", FETCH, "GET", "/v1/responses/{id}/input_items", None),
    ("CountInputTokensFunction", READ, "POST", "/v1/responses/input_tokens", AFTER),
    ("CountInputTokensFunction", FETCH, "POST", "/v1/responses/input_tokens", AFTER),
    ("CompactResponseFunction", READ, "POST", "/v1/responses/compact", AFTER),
    ("CompactResponseFunction", FETCH, "POST", "/v1/responses/compact", AFTER),
    ("ConversationsFunction", WRITE, "POST", "/v1/conversations", {}),
    ("ConversationsFunction", KEEP, "POST", "/v1/conversations", {"items": SHOWN["input"]}),
    ("CancelResponseFunction", READ, "POST", "/v1/responses/{id}/cancel", None),
    ("WebhookEndpointsFunction", QUERY, "GET", "/v1/webhook_endpoints", None),
    ("DeleteResponseFunction", DELETE, "DELETE", "/v1/responses/{id}", None),
    ("CreateResponseFunction", PARAMETER, "POST", "/v1/responses", {**BODY, "model": "best"}),
    ("CreateResponseFunction", SECRET, "POST", "/v1/responses", BODY),
    ("ListModelsFunction", PARAMETER, "GET", "/v1/models", None),
    ("ListModelsFunction", SECRET, "GET", "/v1/models", None),
]


@pytest.mark.parametrize(("function", "action", "method", "path", "body"), ENFORCED)
def test_without_one_right_of_its_role_a_function_cannot_do_its_work(
    stack: Stack,
    api: Front,
    operator: Operator,
    key: str,
    response_id: str,
    function: str,
    action: str,
    method: str,
    path: str,
    body: Json | None,
):
    def answer() -> Answer:
        asked = json.loads(json.dumps(body).replace("{id}", response_id))
        return api.ask(method, path.replace("{id}", response_id), asked, key=key)

    asks_once = action in REMEMBERED or "include" in path
    with operator.without_seals() if asks_once else nullcontext():
        if asks_once:
            start_anew(stack, function)
        with without_right(stack, function, action):
            refused = answer()
        assert refused.status >= 500
        assert refused.error["type"] in ("server_error", "service_unavailable_error")
        assert ACCOUNT not in refused.content.decode()
        assert answer().status in (200, 400)  # a response that was made at once cannot be cancelled
    if asks_once:
        start_anew(stack, function)  # which made keys for itself


def test_a_key_that_cannot_be_looked_up_is_not_called_a_wrong_one(stack: Stack, operator: Operator):
    front = FunctionUrls(stack)
    key = operator.key()
    with without_right(stack, "GetResponseFunction", READ):
        assert front.ask("GET", "/v1/responses/resp_0", key=key).status == 503
    assert front.ask("GET", "/v1/responses/resp_0", key=key).status == 404
    front.close()


@contextmanager
def without_right(stack: Stack, function: str, action: str) -> Generator[None]:
    """Take an action from all that the function's role allows, and give it back.

    From all statements at once: the emulator does not look at the partitions that a condition names. What
    several roles share is exchanged for a policy of this one, so that no other function lacks anything.
    """
    iam, role = stack.client("iam"), _role(stack, function)
    own, shared = _own_policies(iam, role), _shared_policies(iam, role)
    allowing = {name: each for name, each in {**own, **shared}.items() if _without(each, action) != each}
    assert allowing
    for name, document in allowing.items():
        if name in shared:
            iam.detach_role_policy(RoleName=role, PolicyArn=name)
        _put(iam, role, _inline(name), _without(document, action))
    try:
        yield
    finally:
        for name, document in allowing.items():
            if name in shared:
                iam.attach_role_policy(RoleName=role, PolicyArn=name)
                _put(iam, role, _inline(name), {"Statement": []})
            else:
                _put(iam, role, name, document)


def _own_policies(iam: Any, role: str) -> dict[str, Json]:
    """By name."""
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


def _shared_policies(iam: Any, role: str) -> dict[str, Json]:
    """Those of the stack that this role and others have, by ARN."""
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    found: dict[str, Json] = {}
    for arn in (each["PolicyArn"] for each in attached if f"::{ACCOUNT}:" in each["PolicyArn"]):
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        told = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        found[arn] = told if isinstance(told, dict) else json.loads(unquote(told))
    return found


def _inline(name: str) -> str:
    return name.rpartition("/")[2]


def _put(iam: Any, role: str, name: str, document: Json) -> None:
    """Give a role that policy of its own, or take away the one that it has, where there is nothing in it."""
    if document["Statement"]:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    elif name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def start_anew(stack: Stack, function: str) -> None:
    """Have the function's next request meet a new process: what is no event at all ends the one that runs."""
    config = stack.client("lambda")
    name = _name(stack, function)
    aliases = config.list_aliases(FunctionName=name)["Aliases"]
    qualifier = {"Qualifier": aliases[0]["Name"]} if aliases else {}
    ended = config.invoke(FunctionName=name, Payload=b"[]", **qualifier)
    assert "FunctionError" in ended


def _without(document: Json, action: str) -> Json:
    left: list[Json] = []
    for statement in document["Statement"]:
        named = statement["Action"]
        others = [each for each in (named if isinstance(named, list) else [named]) if each != action]
        if others:
            left.append({**statement, "Action": others if isinstance(named, list) else named})
    return {**document, "Statement": left}


def _name(stack: Stack, function: str) -> str:
    where = {"StackName": stack.name, "LogicalResourceId": function}
    detail = stack.client("cloudformation").describe_stack_resource(**where)["StackResourceDetail"]
    return detail["PhysicalResourceId"]


def _role(stack: Stack, function: str) -> str:
    name = _name(stack, function)
    arn: str = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    return arn.rpartition("/")[2]
