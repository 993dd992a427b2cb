"""The context as messages: who speaks when, and in what blocks."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lambda_responses.transformers.anthropic_messages import ANTHROPIC_MESSAGES, MessagesProfile, profiles
from lambda_responses.transformers.anthropic_messages.messages import BEGUN_BEFORE, GOES_ON
from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

LATE_SYSTEM = "claude-opus-5"
NO_LATE_SYSTEM = "claude-sonnet-5"
GOES_ON_FROM_WORDS = "claude-sonnet-4-5"
CLOSED: Json = {"type": "object", "properties": {}, "additionalProperties": False}
PDF = base64.b64encode(b"%PDF-1.7").decode()


def text(said: str) -> Json:
    return {"type": "text", "text": said}


def user(*content: Any) -> Json:
    return {"type": "message", "role": "user", "content": list(content) if len(content) > 1 else content[0]}


def developer(said: str) -> Json:
    return {"type": "message", "role": "developer", "content": said}


def assistant(said: str) -> Json:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said}]}


def call(id: str, name: str = "f", arguments: str = '{"a":1}') -> Json:
    return {"type": "function_call", "id": f"fc_{id}", "call_id": id, "name": name, "arguments": arguments}


def output(id: str, told: Any = "ok", **more: Any) -> Json:
    return {"type": "function_call_output", "call_id": id, "output": told, **more}


def render(
    *items: Json, model: str = LATE_SYSTEM, profile: MessagesProfile = profiles.ANTHROPIC, **request: Any
) -> Json:
    return rendered(*items, model=model, profile=profile, **request).body


def rendered(
    *items: Json, model: str = LATE_SYSTEM, profile: MessagesProfile = profiles.ANTHROPIC, **request: Any
) -> Rendered:
    return ANTHROPIC_MESSAGES.render_request(Turn(model, request, items), profile)


def said(*items: Json, **options: Any) -> list[tuple[str, Any]]:
    """Who says what; text alone as itself."""
    told: list[tuple[str, Any]] = []
    for message in render(*items, **options)["messages"]:
        blocks = [block["text"] if block["type"] == "text" else block for block in message["content"]]
        told.append((message["role"], blocks))
    return told


def refused(*items: Json, **options: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(*items, **options)
    return caught.value.param


# Who speaks when.


def test_neighbours_of_one_role_are_one_message():
    told = said(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert told == [("user", ["a", "b"]), ("assistant", ["c", "d"]), ("user", ["e"])]


def test_instructions_are_the_system_prompt():
    body = render(user("a"), instructions="Be kind.")
    assert body["system"] == [text("Be kind.")]


def test_system_text_at_the_beginning_joins_the_system_prompt():
    body = render(developer("One."), user("a"), instructions="Be kind.")
    assert body["system"] == [text("Be kind."), text("One.")]
    assert [message["role"] for message in body["messages"]] == ["user"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (
            [user("a"), developer("b"), assistant("c"), user("d")],
            [("user", ["a"]), ("system", ["b"]), ("assistant", ["c"]), ("user", ["d"])],
        ),
        (
            [user("a"), assistant("b"), developer("c"), user("d")],
            [("user", ["a"]), ("assistant", ["b"]), ("user", ["d"]), ("system", ["c"])],
        ),
        (
            [user("a"), developer("b"), user("c"), developer("d")],
            [("user", ["a", "c"]), ("system", ["b", "d"])],
        ),
        (
            [user("a"), assistant("b"), developer("c")],
            [("user", ["a"]), ("assistant", ["b"]), ("user", ["c"])],
        ),
    ],
)
def test_later_system_text_stands_where_the_model_takes_it(items: list[Json], expected: Any):
    assert said(*items) == expected


def test_elsewhere_later_system_text_joins_the_system_prompt():
    body = render(user("a"), assistant("b"), developer("c"), user("d"), model=NO_LATE_SYSTEM)
    assert body["system"] == [text("c")]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("model", [LATE_SYSTEM, NO_LATE_SYSTEM])
def test_system_text_alone_is_what_the_user_says(model: str):
    assert said(developer("Say hi."), model=model) == [("user", ["Say hi."])]


def test_who_was_not_asked_is_given_a_reason():
    told = said(assistant("a"), user("b"))
    assert told == [("user", [BEGUN_BEFORE]), ("assistant", ["a"]), ("user", ["b"])]


@pytest.mark.parametrize(
    "model",
    ["claude-opus-4-6", "claude-sonnet-4-6@default", "claude-opus-4-8", "claude-sonnet-5", "claude-fable-6"],
)
@pytest.mark.parametrize("profile", [profiles.ANTHROPIC, profiles.BEDROCK, profiles.VERTEX])
def test_the_user_has_the_last_word_with_newer_models(model: str, profile: MessagesProfile):
    told = said(user("a"), assistant("b "), model=model, profile=profile)
    assert told == [("user", ["a"]), ("assistant", ["b "]), ("user", [GOES_ON])]


@pytest.mark.parametrize(
    "model", [GOES_ON_FROM_WORDS, "claude-opus-4-1", "claude-sonnet-4-20250514", "claude-3-haiku-20240307"]
)
@pytest.mark.parametrize("profile", [profiles.ANTHROPIC, profiles.BEDROCK, profiles.VERTEX])
def test_an_older_model_goes_on_from_words_that_end_in_no_white_space(model: str, profile: MessagesProfile):
    told = said(user("a"), assistant("b "), assistant("c \n"), model=model, profile=profile)
    assert told == [("user", ["a"]), ("assistant", ["b ", "c"])]


@pytest.mark.parametrize(
    "request_",
    [
        {"reasoning": {"effort": "low"}},
        {"text": {"format": {"type": "json_schema", "schema": CLOSED}}},
    ],
)
def test_who_thinks_or_keeps_to_a_schema_goes_on_from_no_words(request_: Json):
    told = said(user("a"), assistant("b"), model=GOES_ON_FROM_WORDS, **request_)
    assert told[-1] == ("user", [GOES_ON])


def test_a_server_of_which_nothing_is_known_is_given_a_users_last_word():
    assert said(user("a"), assistant("b"), profile=profiles.DEFAULT)[-1] == ("user", [GOES_ON])


def test_system_text_that_stands_elsewhere_than_it_came_is_named():
    items = [developer("a"), user("b"), assistant("c"), developer("d"), user("e")]
    assert rendered(*items, model=NO_LATE_SYSTEM).dropped == ("input[3]",)
    assert rendered(*items, model=LATE_SYSTEM).dropped == ()
    assert rendered(*items[:4], model=NO_LATE_SYSTEM).dropped == ()


def test_a_wish_for_detail_is_named():
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    parts = [{**picture, **more} for more in ({}, {"detail": "auto"}, {"detail": "low"}, {"detail": None})]
    told = [user(text("a"), *parts), call("1"), output("1", [{**picture, "detail": "high"}])]
    assert rendered(*told).dropped == ("input[0].content[3].detail", "input[2].output[0].detail")


@pytest.mark.parametrize("items", [[], [user("")], [user(" \n")], [{"type": "reasoning", "summary": []}]])
def test_a_context_in_which_nobody_says_anything_is_refused(items: list[Json]):
    assert refused(*items) == "input"


def test_blank_text_is_left_out():
    assert said(user("a"), assistant(" "), user({"type": "input_text", "text": "\n"}, text("b"))) == [
        ("user", ["a", "b"])
    ]


def test_a_refusal_of_the_model_is_what_it_said():
    refusal = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert said(user("a"), refusal, user("b"))[1] == ("assistant", ["No."])


def test_system_text_holds_no_pictures():
    picture = {"type": "input_image", "image_url": "https://a.example/a.png"}
    item = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "a"}, picture]}
    assert refused(user("a"), item) == "input[1].content[1]"


# Calls and results.


def test_results_of_parallel_calls_are_one_message_and_come_first():
    calls = [call("1"), call("2"), output("2", "two"), output("1", "one")]
    told = said(user("a"), assistant("b"), *calls, user("c"))
    uses = [{"type": "tool_use", "id": id, "name": "f", "input": {"a": 1}} for id in ("1", "2")]
    results = [
        {"type": "tool_result", "tool_use_id": "1", "content": "one"},
        {"type": "tool_result", "tool_use_id": "2", "content": "two"},
    ]
    assert told == [("user", ["a"]), ("assistant", ["b", *uses]), ("user", [*results, "c"])]


def test_system_text_never_comes_between_a_call_and_its_result():
    told = said(user("a"), call("1"), developer("b"), output("1"))
    assert [role for role, _ in told] == ["user", "assistant", "user", "system"]


@pytest.mark.parametrize(
    ("arguments", "input"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": [1]}', {"a": [1]}),
        ('{"a": ', {"INVALID_JSON": '{"a": '}),
        ("[1]", {"INVALID_JSON": "[1]"}),
    ],
)
def test_arguments_are_an_object(arguments: str, input: Json):
    _, (use,) = said(user("a"), call("1", arguments=arguments), output("1"))[1]
    assert use["input"] == input


def test_a_custom_call_is_wrapped():
    custom = {"type": "custom_tool_call", "call_id": "1", "name": "patch", "input": "x\ny"}
    result = {"type": "custom_tool_call_output", "call_id": "1", "output": "done"}
    told = said(user("a"), custom, result, tools=[{"type": "custom", "name": "patch"}])
    assert told[1][1] == [{"type": "tool_use", "id": "1", "name": "patch", "input": {"input": "x\ny"}}]
    assert told[2][1] == [{"type": "tool_result", "tool_use_id": "1", "content": "done"}]


def test_a_call_in_a_namespace_has_its_flat_name():
    space = {"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "f"}]}
    told = said(user("a"), {**call("1"), "namespace": "crm"}, output("1"), tools=[space])
    assert told[1][1][0]["name"] == "crm__f"


def test_ids_and_names_of_elsewhere_are_made_usable():
    told = said(user("a"), call("functions.get:0", name="a.b"), output("functions.get:0"))
    (use,), (result,) = told[1][1], told[2][1]
    assert use["id"] == result["tool_use_id"]
    assert use["id"].replace("_", "").isalnum()
    assert use["name"] == "a_b"


def test_a_result_may_hold_pictures_and_files():
    parts = [
        {"type": "input_text", "text": "See:"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
    ]
    (result,) = said(user("a"), call("1"), output("1", parts))[2][1]
    assert [block["type"] for block in result["content"]] == ["text", "image", "document"]


def test_an_empty_result_is_a_result():
    assert said(user("a"), call("1"), output("1", ""))[2][1] == [{"type": "tool_result", "tool_use_id": "1"}]


def test_a_result_that_did_not_come_to_its_end_is_an_error():
    (result,) = said(user("a"), call("1"), output("1", "Timed out.", status="incomplete"))[2][1]
    assert result["is_error"] is True


def test_a_call_without_its_result_is_refused_and_so_is_a_result_without_its_call():
    assert refused(user("a"), call("1")) == "input"
    assert refused(user("a"), output("1")) == "input[1]"


# Pictures and files.


def content(part: Json, **options: Any) -> Json:
    (block,) = render(user({"type": "input_text", "text": ""}, part), **options)["messages"][0]["content"]
    return block


@pytest.mark.parametrize("type", ["image/png", "image/webp", "image/gif", "image/jpeg"])
def test_a_picture_goes_as_bytes(type: str):
    part = {"type": "input_image", "image_url": f"data:{type};base64,AAAA", "detail": "low"}
    source = {"type": "base64", "media_type": type, "data": "AAAA"}
    assert content(part) == {"type": "image", "source": source}


def test_a_picture_has_its_proper_type():
    block = content({"type": "input_image", "image_url": "data:image/jpg;base64,AAAA"})
    assert block["source"]["media_type"] == "image/jpeg"


def test_a_picture_goes_by_its_address():
    block = content({"type": "input_image", "image_url": "https://a.example/a.png"})
    assert block == {"type": "image", "source": {"type": "url", "url": "https://a.example/a.png"}}


@pytest.mark.parametrize(
    ("address", "profile"),
    [
        ("https://a.example/a.png", profiles.BEDROCK),
        ("data:image/tiff;base64,AAAA", profiles.ANTHROPIC),
        ("data:image/png,AAAA", profiles.ANTHROPIC),
    ],
)
def test_a_picture_that_cannot_be_shown_is_refused(address: str, profile: MessagesProfile):
    part = {"type": "input_image", "image_url": address}
    assert refused(user(text("a"), part), profile=profile) == "input[0].content[1].image_url"


@pytest.mark.parametrize("address", [f"data:application/pdf;base64,{PDF}", PDF])
def test_a_pdf_is_a_document(address: str):
    block = content({"type": "input_file", "filename": "a.pdf", "file_data": address})
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    assert block == {"type": "document", "source": source, "title": "a.pdf"}


@pytest.mark.parametrize(
    ("type", "name"),
    [
        ("text/plain", "a"),
        ("text/csv", "a.csv"),
        ("application/json", "a"),
        ("application/vnd.x+json", "a"),
        ("application/octet-stream", "a.md"),
        ("", "a.py"),
    ],
)
def test_a_text_file_is_a_document_of_text(type: str, name: str):
    data = base64.b64encode("Grüße".encode()).decode()
    block = content({"type": "input_file", "filename": name, "file_data": f"data:{type};base64,{data}"})
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    assert block == {"type": "document", "source": source, "title": name}


def test_a_picture_in_a_file_is_a_picture():
    block = content({"type": "input_file", "filename": "a.png", "file_data": "data:image/png;base64,AAAA"})
    assert block["type"] == "image"


def test_a_file_goes_by_its_address():
    block = content({"type": "input_file", "file_url": "https://a.example/a.pdf"})
    assert block == {"type": "document", "source": {"type": "url", "url": "https://a.example/a.pdf"}}


@pytest.mark.parametrize(
    ("part", "member"),
    [
        ({"file_id": "file-1"}, ".file_id"),
        ({"file_data": "data:application/zip;base64,AAAA", "filename": "a.zip"}, ".file_data"),
        ({"file_data": "data:text/plain;base64,/w==", "filename": "a.txt"}, ".file_data"),
        ({"file_data": "data:text/plain;base64,%%%", "filename": "a.txt"}, ".file_data"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(part: Json, member: str):
    assert refused(user(text("a"), {"type": "input_file", **part})) == f"input[0].content[1]{member}"


def test_an_address_is_refused_where_bytes_alone_are_taken():
    part = {"type": "input_file", "file_url": "https://a.example/a.pdf"}
    assert refused(user(text("a"), part), profile=profiles.VERTEX) == "input[0].content[1].file_url"


def test_nobody_here_hears():
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    assert refused(user(text("a"), part)) == "input[0].content[1]"


def test_what_nobody_knows_is_refused():
    profile = MessagesProfile(inputs=frozenset({"input_smell"}))
    assert refused(user(text("a"), {"type": "input_smell"}), profile=profile) == "input[0].content[1]"
