"""The life of a response through API Gateway, functions, roles and table as the template declares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai as sdk
import pytest

from tests.kit import check

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.responses import Response

    from tests.emulated.conftest import Client
    from tests.emulated.operator import Operator
    from tests.fakes.fronts import Front

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
    """In one piece: the emulator streams nothing."""
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


def test_callable_models_are_listed_by_the_secret_and_the_models_file(openai: OpenAI):
    models = {model.id for model in openai.models.list()}
    assert {MODEL, "best", "hosted"} <= models  # the last one is where its provider has a key
    assert openai.models.retrieve(MODEL).id == MODEL
    assert openai.responses.create(model="best", input="Hi").output_text == "Hi"


def test_function_urls_answer_the_same_without_api_gateway(way_in: Front, operator: Operator):
    key = operator.key()
    made = way_in.ask("POST", "/v1/responses", {"model": MODEL, "input": "Good day"}, key=key)
    assert (made.status, made.json["output"][0]["content"][0]["text"]) == (200, "Good day")
    assert way_in.ask("GET", f"/v1/responses/{made.json['id']}", key=key).json == made.json
    streamed = way_in.ask("POST", "/v1/responses", {"model": MODEL, "input": "Hi", "stream": True}, key=key)
    assert streamed.header("content-type") == "text/event-stream; charset=utf-8"
    assert streamed.content.startswith(b"event: response.created\n")
    again = way_in.ask("GET", f"/v1/responses/{made.json['id']}?stream=true&starting_after=1", key=key)
    assert again.content.startswith(b"event: response.output_item.added\n")


def test_every_row_of_a_response_belongs_to_the_tenant_of_the_key(client: Client, operator: Operator):
    made = client(operator.key("acme")).responses.create(model=MODEL, input="Good morning")
    owners = {row["pk"]["S"].partition("#")[0] for row in operator.rows() if made.id in str(row)}
    assert owners == {"acme"}


def test_no_row_shows_a_key_or_a_secret(openai: OpenAI, operator: Operator):
    rows = str(operator.rows())
    assert openai.api_key not in rows
    assert "gsk-canary" not in rows
