"""With one base URL the official SDK does every operation, each in a process of its own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import OpenAI

from infra.host.declarations import read_deployment
from tests.hosted.hosting import ROOT, eventually
from tests.kit import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openai.types.responses import Response

    from tests.hosted.hosting import Hosted

MODEL = "scripted/echo"


@pytest.fixture
def client(base_url: str, hosted: Hosted) -> Iterator[OpenAI]:
    with OpenAI(base_url=base_url, api_key=hosted.key, max_retries=0) as made:
        yield made


@pytest.fixture
def response(client: OpenAI) -> Response:
    return client.responses.create(model=MODEL, input="Good morning")


def test_a_response_is_made_and_found_again(client: OpenAI, response: Response):
    assert (response.status, response.output_text) == ("completed", "Good morning")
    assert client.responses.retrieve(response.id) == response


def test_a_response_is_streamed_and_told_again(client: OpenAI):
    events = list(client.responses.create(model=MODEL, input="one two three", stream=True))
    check(event.to_dict() for event in events)
    made = events[-1].response
    told = list(client.responses.retrieve(made.id, stream=True))
    check(event.to_dict() for event in told)
    assert told[-1].response == made
    assert list(client.responses.retrieve(made.id, stream=True, starting_after=3)) == told[4:]


def test_the_next_turn_knows_the_one_before(client: OpenAI, response: Response):
    second = client.responses.create(model=MODEL, input="And then?", previous_response_id=response.id)
    items: Any = client.responses.input_items.list(second.id, order="asc", limit=2)
    texts = [item.content[0].text for item in items]  # three items, over two pages
    assert texts == ["Good morning", "Good morning", "And then?"]


def test_a_deleted_response_is_gone(client: OpenAI, response: Response):
    client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError, match=response.id):
        client.responses.retrieve(response.id)


def test_a_response_that_is_over_is_not_cancelled(client: OpenAI, response: Response):
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(response.id)


def test_models_are_listed_and_found(client: OpenAI):
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("scripted/nothing")


def test_a_conversation_goes_on_by_itself(client: OpenAI):
    made = client.conversations.create(items=[{"role": "user", "content": "Good morning"}])
    client.responses.create(model=MODEL, input="And then?", conversation=made.id)
    items: Any = client.conversations.items.list(made.id, order="asc", limit=2)
    texts = [item.content[0].text for item in items]  # three items, over two pages
    assert texts == ["Good morning", "And then?", "And then?"]
    assert client.conversations.update(made.id, metadata={"a": "b"}).metadata == {"a": "b"}
    assert client.conversations.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError, match=made.id):
        client.conversations.retrieve(made.id)


def test_a_compacted_context_goes_on(client: OpenAI, response: Response):
    short = client.responses.compact(model=MODEL, input="So?", previous_response_id=response.id)
    assert [item.type for item in short.output] == ["message", "message", "compaction"]
    brought: Any = [
        item.to_dict(warnings=False) for item in short.output
    ]  # the SDK expects assistants' alone
    after = client.responses.create(model=MODEL, input=[*brought, {"role": "user", "content": "On"}])
    assert after.output_text == "On"


def test_input_tokens_are_counted_with_what_came_before(client: OpenAI, response: Response):
    alone = client.responses.input_tokens.count(model=MODEL, input="So?")
    after = client.responses.input_tokens.count(model=MODEL, input="So?", previous_response_id=response.id)
    assert 0 < alone.input_tokens < after.input_tokens


def test_what_is_asked_again_under_its_key_is_answered_as_before(client: OpenAI):
    named: Any = {"extra_headers": {"Idempotency-Key": secrets.token_hex()}}
    first = client.responses.create(model=MODEL, input="Once", **named)
    assert client.responses.create(model=MODEL, input="Once", **named) == first
    with pytest.raises(openai.BadRequestError) as reused:
        client.responses.create(model=MODEL, input="Twice", **named)
    assert reused.value.code == "idempotency_key_reused"


def test_a_fault_is_the_apis_own(client: OpenAI):
    with pytest.raises(openai.BadRequestError) as unknown:
        client.responses.create(model="nobody/nothing", input="Hi")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as misplaced:
        client.responses.create(model=MODEL, input="Hi", temperature=9, stream=True)
    assert misplaced.value.param == "temperature"


@pytest.mark.anyio
async def test_each_operation_runs_in_a_process_of_its_own(hosted: Hosted):
    """One base URL; a function for each operation, and one that was asked whose key it is."""
    with OpenAI(base_url=hosted.base_url, api_key=hosted.key, max_retries=0) as client:
        made = client.responses.create(model=MODEL, input="Hello")
        client.responses.retrieve(made.id)
        client.responses.input_items.list(made.id)
        client.responses.compact(model=MODEL, input="x")
        client.responses.input_tokens.count(model=MODEL, input="x")
        client.conversations.create()
        client.models.list()
        client.webhooks.list()
        with pytest.raises(openai.BadRequestError):
            client.responses.cancel(made.id)
        client.responses.delete(made.id)
    api = read_deployment(ROOT / "template.yaml").api
    asked = [*(each.function for each in api.routes), *(each.function for each in api.authorizers.values())]
    functions = {each.name for each in asked}
    assert await eventually(lambda: hosted.called() >= functions)
    assert await eventually(lambda: {state[0] for state in hosted.workers().values()} == {"T"})
    assert len(hosted.workers()) >= len(functions)


@pytest.mark.parametrize("key", ["sk-wrong", "sk-lr-" + "A" * 49])
def test_whoever_has_no_key_is_told_in_openais_shape(client: OpenAI, key: str):
    stranger = client.with_options(api_key=key)
    for ask in (stranger.models.list, lambda: stranger.responses.retrieve("resp_1")):
        with pytest.raises(openai.AuthenticationError) as refused:
            ask()
        assert refused.value.code == "invalid_api_key"
