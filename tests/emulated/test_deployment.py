"""The life of a response through API Gateway, functions, roles and table as the template declares them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import openai as sdk
import pytest

from infra.emulator.emulator import ACCOUNT
from tests.kit import check

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx
    from openai import OpenAI
    from openai.types.responses import Response

    from infra.emulator.stack import Stack
    from tests.emulated.conftest import Caller

pytestmark = pytest.mark.slow

MODEL = "scripted/echo"


@pytest.fixture
def response(openai: OpenAI) -> Response:
    """A response that was made plainly."""
    return openai.responses.create(model=MODEL, input="Good morning")


def test_a_plain_response_is_found_again(openai: OpenAI, response: Response):
    assert response.status == "completed"
    assert response.output_text == "Good morning"
    assert openai.responses.retrieve(response.id) == response


def test_a_streamed_response_arrives_in_order_and_is_found_again(openai: OpenAI):
    """In one piece: on this path nothing streams yet."""
    events = list(openai.responses.create(model=MODEL, input="Good evening", stream=True))
    check(event.to_dict() for event in events)
    assert events[-1].type == "response.completed"
    assert openai.responses.retrieve(events[-1].response.id) == events[-1].response


def test_the_next_turn_is_shown_what_came_before(openai: OpenAI, response: Response):
    second = openai.responses.create(model=MODEL, input="And then?", previous_response_id=response.id)
    items = openai.responses.input_items.list(second.id, order="asc", limit=2)
    texts = [item.content[0].text for item in items]  # three items, over two pages
    assert texts == ["Good morning", "Good morning", "And then?"]
    assert second.output_text == "And then?"


def test_a_deleted_response_is_gone_and_its_continuation_is_not(openai: OpenAI, response: Response):
    second = openai.responses.create(model=MODEL, input="And then?", previous_response_id=response.id)
    openai.responses.delete(response.id)
    with pytest.raises(sdk.NotFoundError, match=f"'{response.id}' not found"):
        openai.responses.retrieve(response.id)
    with pytest.raises(sdk.NotFoundError):
        openai.responses.delete(response.id)
    assert openai.responses.retrieve(second.id).previous_response_id == response.id


def test_faults_have_the_status_and_the_param_of_the_live_api(openai: OpenAI):
    with pytest.raises(sdk.BadRequestError) as unknown:
        openai.responses.create(model="nobody/nothing", input="Hi")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(sdk.BadRequestError) as misplaced:
        openai.responses.create(model=MODEL, input="Hi", temperature=9)
    assert misplaced.value.param == "temperature"


def test_callable_models_are_listed(openai: OpenAI):
    assert MODEL in [model.id for model in openai.models.list()]
    assert openai.models.retrieve(MODEL).id == MODEL


def test_every_row_belongs_to_the_account_that_signed(stack: Stack, response: Response):
    rows = stack.client("dynamodb").scan(TableName=stack.outputs["TableName"])["Items"]
    assert {row["pk"]["S"].partition("#")[0] for row in rows} == {ACCOUNT}
    assert any(response.id in row["sk"]["S"] for row in rows)


def test_whoever_may_not_call_the_api_reaches_no_function(
    caller: Caller, http: httpx.Client, user: tuple[str, str], stranger: tuple[str, str]
):
    key, secret = user
    unsigned = http.build_request("GET", "models")
    assert http.send(unsigned, auth=None).status_code == 403
    assert caller(key, "not-" + secret).get("models").status_code == 403
    assert caller(*stranger).get("models").status_code == 403
    assert caller(key, secret).get("models").status_code == 200


@pytest.mark.parametrize(
    ("function", "method", "path", "body"),
    [
        ("CreateResponseFunction", "POST", "responses", {"model": MODEL, "input": "Hi"}),
        ("GetResponseFunction", "GET", "responses/{id}", None),
        ("ListInputItemsFunction", "GET", "responses/{id}/input_items", None),
        ("DeleteResponseFunction", "DELETE", "responses/{id}", None),
    ],
)
def test_a_function_reaches_the_table_by_its_own_policy_alone(
    stack: Stack, http: httpx.Client, response: Response, function: str, method: str, path: str, body: Any
):
    """Which shows that the rights that all other tests get by on are those of the template."""

    def answer() -> httpx.Response:
        return http.request(method, path.format(id=response.id), json=body)

    with _without_policies(stack, function):
        refused = answer()
    assert refused.status_code >= 500
    assert refused.json()["error"]["type"] in ("server_error", "service_unavailable_error")
    assert ACCOUNT not in refused.text
    assert answer().status_code == 200


@contextmanager
def _without_policies(stack: Stack, function: str) -> Generator[None]:
    iam, role = stack.client("iam"), _role(stack, function)
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    assert names
    policies = {n: iam.get_role_policy(RoleName=role, PolicyName=n)["PolicyDocument"] for n in names}
    for name in names:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        for name, document in policies.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _role(stack: Stack, function: str) -> str:
    where = {"StackName": stack.name, "LogicalResourceId": function}
    detail = stack.client("cloudformation").describe_stack_resource(**where)["StackResourceDetail"]
    name = detail["PhysicalResourceId"]
    arn: str = stack.client("lambda").get_function_configuration(FunctionName=name)["Role"]
    return arn.rpartition("/")[2]
