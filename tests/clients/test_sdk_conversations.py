"""Conversations through the official SDK for Python, whatever kind of provider answers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI, BadRequestError, OpenAI
from openai.types.conversations import (
    Conversation,
    ConversationDeletedResource,
    ConversationItem,
    ConversationItemList,
)
from pydantic import TypeAdapter

from tests.fakes.events import obey
from tests.fakes.official import judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.server import Server

Json = dict[str, Any]

ITEM: TypeAdapter[Any] = TypeAdapter(ConversationItem)
TOOL: Any = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as made:
        yield made


def user(text: str) -> Json:
    return {"type": "message", "role": "user", "content": text}


def numbered(*numbers: int) -> Any:
    return [user(f"number {n}") for n in numbers]


def judge_items(items: Sequence[Any]) -> None:
    for item in items:
        ITEM.validate_python(item.to_dict(mode="python", warnings=False), strict=True)


def texts(items: Sequence[Any]) -> list[str]:
    judge_items(items)
    return [item.content[0].text for item in items if item.type == "message"]


def said(client: OpenAI, id: str) -> list[str]:
    return texts(list(client.conversations.items.list(id, order="asc", limit=100)))


def test_the_life_of_a_conversation(client: OpenAI):
    made = client.conversations.create(items=numbered(1, 2), metadata={"topic": "life"})
    judge(made)
    assert isinstance(made, Conversation)
    assert made.metadata == {"topic": "life"}
    assert client.conversations.retrieve(made.id) == made
    updated = client.conversations.update(made.id, metadata={"topic": "death"})
    judge(updated)
    assert (updated.id, updated.created_at, updated.metadata) == (
        made.id,
        made.created_at,
        {"topic": "death"},
    )
    assert client.conversations.update(made.id, metadata=None).metadata == {}
    assert said(client, made.id) == ["number 1", "number 2"]

    added = client.conversations.items.create(made.id, items=numbered(3))
    judge(added)
    assert isinstance(added, ConversationItemList)
    [three] = added.data
    assert (added.first_id, added.last_id, added.has_more) == (three.id, three.id, False)
    assert client.conversations.items.retrieve(three.id, conversation_id=made.id) == three

    left = client.conversations.items.delete(three.id, conversation_id=made.id)
    judge(left)
    assert isinstance(left, Conversation)
    assert left.id == made.id
    for call in (client.conversations.items.retrieve, client.conversations.items.delete):
        with pytest.raises(openai.NotFoundError) as missing:
            call(three.id, conversation_id=made.id)
        assert three.id in missing.value.message
    assert said(client, made.id) == ["number 1", "number 2"]

    gone = client.conversations.delete(made.id)
    judge(gone)
    assert isinstance(gone, ConversationDeletedResource)
    expect_gone(client, made.id)


def expect_gone(client: OpenAI, id: str) -> None:
    """Every operation says in the same words that it is not there."""
    conversations = client.conversations
    for call in (
        lambda: conversations.retrieve(id),
        lambda: conversations.update(id, metadata={}),
        lambda: conversations.delete(id),
        lambda: conversations.items.list(id),
        lambda: conversations.items.create(id, items=numbered(1)),
        lambda: conversations.items.retrieve("msg_1", conversation_id=id),
        lambda: conversations.items.delete("msg_1", conversation_id=id),
        lambda: client.responses.create(model="scripted/echo", input="x", conversation=id),
        lambda: client.responses.create(model="scripted/echo", input="x", conversation=id, stream=True),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.body == {
            "message": f"Conversation with id '{id}' not found.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }


def test_a_conversation_that_never_was(client: OpenAI):
    for id in ("conv_" + "0" * 48, "conv_x", "resp_" + "0" * 48):
        expect_gone(client, id)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_paging_from_every_cursor(client: OpenAI, order: Any):
    made = client.conversations.create(items=numbered(*range(20)))
    client.conversations.items.create(made.id, items=numbered(*range(20, 33)))
    wanted = [f"number {n}" for n in (range(33) if order == "asc" else range(32, -1, -1))]
    whole = client.conversations.items.list(made.id, order=order, limit=100)
    assert texts(whole.data) == wanted
    assert whole.has_more is False
    assert texts(list(client.conversations.items.list(made.id, order=order, limit=7))) == wanted
    for at, item in enumerate(whole.data, 1):
        page = client.conversations.items.list(made.id, order=order, after=item.id, limit=5)
        assert texts(page.data) == wanted[at : at + 5]
        assert page.has_more is (at + 5 < 33)
        assert page.last_id == (page.data[-1].id if page.data else None)
    default = client.conversations.items.list(made.id)
    assert texts(default.data) == [f"number {n}" for n in range(32, 12, -1)]
    assert default.has_more
    with pytest.raises(openai.BadRequestError) as caught:
        client.conversations.items.list(made.id, after="msg_none")
    assert caught.value.param == "after"


def test_an_empty_conversation(client: OpenAI, model: str):
    made = client.conversations.create()
    assert made.metadata == {}
    assert list(client.conversations.items.list(made.id)) == []
    client.responses.create(model=model, input="first", conversation=made.id)
    assert said(client, made.id) == ["first", "first"]


def test_responses_in_a_conversation_plain_and_streamed(client: OpenAI, model: str):
    made = client.conversations.create(items=[user("one")])
    plain = client.responses.create(model=model, input="two", conversation=made.id)
    judge(plain)
    assert plain.conversation is not None
    assert plain.conversation.id == made.id
    assert plain.previous_response_id is None
    assert said(client, made.id) == ["one", "two", "two"]

    events = list(
        client.responses.create(model=model, input="three", conversation={"id": made.id}, stream=True)
    )
    obey([event.to_dict(mode="json", warnings=False) for event in events])
    end: Any = events[-1]
    assert end.response.conversation.id == made.id
    assert said(client, made.id) == ["one", "two", "two", "three", "three"]
    assert client.responses.retrieve(end.response.id).to_dict() == end.response.to_dict()

    listed = list(client.conversations.items.list(made.id, order="asc"))
    made_last = len(end.response.output)
    assert [item.id for item in listed[-made_last:]] == [item.id for item in end.response.output]
    shown = list(client.responses.input_items.list(end.response.id, order="asc"))
    assert [item.id for item in shown] == [item.id for item in listed[:-made_last]]
    after = client.responses.create(model=model, input="aside", previous_response_id=end.response.id)
    assert len(list(client.responses.input_items.list(after.id))) == len(listed) + 1
    assert len(said(client, made.id)) == 5


def test_a_tool_is_called_and_answered_in_a_conversation(client: OpenAI, model: str):
    made = client.conversations.create()
    asked = client.responses.create(
        model=model, input="What is the weather in Bern?", conversation=made.id, tools=[TOOL]
    )
    [call] = [item for item in asked.output if item.type == "function_call"]
    with pytest.raises(openai.BadRequestError) as unanswered:
        client.responses.create(model=model, input="Well?", conversation=made.id, tools=[TOOL])
    assert "No tool output found" in unanswered.value.message
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "21 C"}
    answered = client.responses.create(model=model, input=[output], conversation=made.id, tools=[TOOL])
    assert answered.output_text == "The tool says: 21 C"
    items = list(client.conversations.items.list(made.id, order="asc"))
    judge_items(items)
    kinds = [item.type for item in items]
    assert [kind for kind in kinds if kind != "reasoning"] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]


def test_one_writer_at_a_time(client: OpenAI):
    made = client.conversations.create(items=[user("one")])
    slow = client.responses.create(
        model="scripted/echo", input="[[words:12]] [[pause:100]]", conversation=made.id, stream=True
    )
    running = iter(slow)
    next(running)
    [one] = client.conversations.items.list(made.id)
    for call in (
        lambda: client.responses.create(model="scripted/echo", input="x", conversation=made.id),
        lambda: client.responses.create(model="scripted/echo", input="x", conversation=made.id, stream=True),
        lambda: client.conversations.items.create(made.id, items=numbered(1)),
        lambda: client.conversations.items.delete(str(one.id), conversation_id=made.id),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            call()
        assert caught.value.code == "conversation_locked"
        assert caught.value.body == {
            "message": (
                "Another process is currently operating on this conversation. Please retry in a few seconds."
            ),
            "type": "invalid_request_error",
            "param": None,
            "code": "conversation_locked",
        }
        assert int(caught.value.response.headers["retry-after"]) > 0
    unkept = client.responses.create(model="scripted/echo", input="aside", conversation=made.id, store=False)
    assert unkept.status == "completed"
    assert [*running][-1].type == "response.completed"
    assert len(said(client, made.id)) == 3
    client.responses.create(model="scripted/echo", input="now", conversation=made.id)
    assert said(client, made.id)[-1] == "now"


def test_what_is_not_stored_reads_and_adds_nothing(client: OpenAI):
    made = client.conversations.create(items=[user("one")])
    response = client.responses.create(model="scripted/echo", input="two", conversation=made.id, store=False)
    assert response.conversation is not None
    assert response.conversation.id == made.id
    assert said(client, made.id) == ["one"]
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_what_fails_adds_nothing_and_can_be_tried_again(client: OpenAI, stream: bool):
    made = client.conversations.create(items=[user("one")])

    def fail() -> None:
        answer: Any = client.responses.create(
            model="scripted/echo",
            input="[[words:9]] [[fault:server_error]]",
            conversation=made.id,
            stream=stream,
        )
        list(answer)

    with pytest.raises(openai.APIError):
        fail()
    assert said(client, made.id) == ["one"]
    client.responses.create(model="scripted/echo", input="two", conversation=made.id)
    assert said(client, made.id) == ["one", "two", "two"]


def test_what_is_cut_short_is_added(client: OpenAI):
    made = client.conversations.create()
    cut = client.responses.create(
        model="scripted/echo", input="[[words:9]] [[fault:max_output_tokens]]", conversation=made.id
    )
    assert cut.status == "incomplete"
    assert len(said(client, made.id)) == 2


def test_a_reference_to_an_item_of_the_conversation_is_no_second_one(client: OpenAI):
    made = client.conversations.create(items=[user("one")])
    [one] = client.conversations.items.list(made.id)
    reference: Any = {"type": "item_reference", "id": one.id}
    client.responses.create(model="scripted/echo", input=[reference, user("two")], conversation=made.id)
    assert said(client, made.id) == ["one", "two", "two"]
    other = client.responses.create(model="scripted/echo", input="elsewhere")
    elsewhere: Any = {"type": "item_reference", "id": other.output[0].id}
    client.conversations.items.create(made.id, items=[elsewhere])
    assert said(client, made.id) == ["one", "two", "two", "elsewhere"]
    with pytest.raises(BadRequestError) as refused:
        client.conversations.items.create(made.id, items=[user("three"), elsewhere])
    assert refused.value.param == "items[1]"


def test_ids_that_clients_give_are_kept_unless_they_are_taken(client: OpenAI):
    mine: Any = {**user("mine"), "id": "msg_mine"}
    made = client.conversations.create(items=[mine, mine])
    [first, second] = client.conversations.items.list(made.id, order="asc").data
    assert first.id == "msg_mine" != second.id
    [third] = client.conversations.items.create(made.id, items=[mine]).data
    assert third.id not in (first.id, second.id)
    assert client.conversations.items.retrieve("msg_mine", conversation_id=made.id) == first


def test_what_is_shown_on_request_alone(client: OpenAI):
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    item: Any = {"type": "message", "role": "user", "content": [picture]}
    made = client.conversations.create(items=[item])
    asked: Any = ["message.input_image.image_url"]
    [shown] = client.conversations.items.create(made.id, items=[item], include=asked).data
    [also] = client.conversations.items.list(made.id, include=asked, limit=1).data
    again = client.conversations.items.retrieve(str(shown.id), conversation_id=made.id, include=asked)
    assert shown == also == again
    assert shown.content[0].image_url == picture["image_url"]  # type: ignore[union-attr]
    [hidden] = client.conversations.items.list(made.id, limit=1).data
    assert hidden.content[0].image_url is None  # type: ignore[union-attr]


def test_a_large_picture_comes_back_as_it_was(client: OpenAI):
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "QUJD" * 300_000}
    item: Any = {"type": "message", "role": "user", "content": [picture]}
    made = client.conversations.create(items=[item])
    client.conversations.items.create(made.id, items=[user("between"), item])
    asked: Any = ["message.input_image.image_url"]
    listed = client.conversations.items.list(made.id, include=asked).data
    for shown in (listed[0], listed[2]):
        assert shown.content[0].image_url == picture["image_url"]  # type: ignore[union-attr]
    client.responses.create(model="scripted/echo", input="and?", conversation=made.id)
    client.conversations.items.delete(str(listed[0].id), conversation_id=made.id)
    [still] = [i for i in client.conversations.items.list(made.id, include=asked) if i.id == listed[2].id]
    assert still.content[0].image_url == picture["image_url"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"items": numbered(*range(21))}, "array_above_max_length", "items"),
        ({"items": "x"}, "invalid_type", "items"),
        ({"items": [{"type": "message", "role": "user"}]}, "missing_required_parameter", "items[0].content"),
        ({"items": [{"type": "bogus"}]}, "invalid_value", "items[0]"),
        ({"items": [{"type": "compaction_trigger"}]}, "invalid_value", "items[0]"),
        ({"items": [user("x"), {**user("y"), "what": 1}]}, "unknown_parameter", "items[1].what"),
        ({"metadata": {f"k{n}": "v" for n in range(17)}}, "object_above_max_properties", "metadata"),
        ({"metadata": {"k": "v" * 513}}, "string_above_max_length", "metadata.k"),
        ({"metadata": {"k" * 65: "v"}}, "property_name_above_max_length", "metadata"),
        ({"metadata": {"k": 1}}, "invalid_type", "metadata.k"),
        ({"metadata": "x"}, "invalid_type", "metadata"),
        ({"name": "x"}, "unknown_parameter", "name"),
    ],
)
def test_faults_of_bodies(client: OpenAI, body: Json, code: str, param: str):
    kept = client.conversations.create()
    paths = ["/conversations"]
    paths += [f"/conversations/{kept.id}/items"] if "items" in body else []
    paths += [f"/conversations/{kept.id}"] if "metadata" in body else []
    for path in paths:
        with pytest.raises(openai.BadRequestError) as caught:
            client.post(path, cast_to=object, body=body)
        assert (caught.value.code, caught.value.param) == (code, param)
        assert caught.value.type == "invalid_request_error"


def test_what_must_be_there(client: OpenAI):
    id = client.conversations.create().id
    for path, param in ((f"/conversations/{id}", "metadata"), (f"/conversations/{id}/items", "items")):
        with pytest.raises(openai.BadRequestError) as caught:
            client.post(path, cast_to=object, body={})
        assert (caught.value.code, caught.value.param) == ("missing_required_parameter", param)
    with pytest.raises(openai.BadRequestError) as empty:
        client.conversations.items.create(id, items=[])
    assert (empty.value.code, empty.value.param) == ("empty_array", "items")


def test_a_conversation_and_a_previous_response_exclude_each_other(client: OpenAI):
    made = client.conversations.create()
    previous = client.responses.create(model="scripted/echo", input="x")
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(
            model="scripted/echo", input="y", conversation=made.id, previous_response_id=previous.id
        )
    assert caught.value.code == "mutually_exclusive_parameters"


def test_responses_outlive_their_conversation(client: OpenAI):
    made = client.conversations.create(items=[user("one")])
    response = client.responses.create(model="scripted/echo", input="two", conversation=made.id)
    client.conversations.delete(made.id)
    assert client.responses.retrieve(response.id).output_text == "two"
    assert texts(list(client.responses.input_items.list(response.id, order="asc"))) == ["one", "two"]
    later = client.responses.create(model="scripted/echo", input="three", previous_response_id=response.id)
    assert len(list(client.responses.input_items.list(later.id))) == 4


@pytest.mark.anyio
async def test_the_asynchronous_client(server: Server):
    async with AsyncOpenAI(base_url=server.base_url, api_key="anything", max_retries=0) as client:
        made = await client.conversations.create(items=numbered(*range(12)))
        async with client.responses.stream(
            model="scripted/echo", input="more", conversation=made.id
        ) as stream:
            await stream.until_done()
        listed = [item async for item in client.conversations.items.list(made.id, limit=5, order="asc")]
        assert texts(listed)[-2:] == ["more", "more"]
        assert len(listed) == 14
        await client.conversations.delete(made.id)
