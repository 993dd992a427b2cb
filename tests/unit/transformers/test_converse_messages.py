"""The context as Converse's messages."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.bedrock_converse import BEDROCK_CONVERSE, ConverseProfile, profiles
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.mcp_names import function_name

Json = dict[str, Any]

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET_5 = "us.anthropic.claude-sonnet-5"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
WRITER = "us.writer.palmyra-x5-v1:0"
KIMI = "moonshot.kimi-k2-thinking"
R1 = "us.deepseek.r1-v1:0"
TITAN = "amazon.titan-text-express-v1"

PIXEL = "data:image/png;base64,iVBORw0KGgo="
IMAGE = {"type": "input_image", "image_url": PIXEL}
DATA = {"bytes": "iVBORw0KGgo="}
FILE = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}


def message(role: str, content: Any) -> Json:
    return {"type": "message", "role": role, "content": content}


def user(*content: Any) -> Json:
    return message("user", content[0] if isinstance(content[0], str) else list(content))


def call(call_id: str = "c1", name: str = "f", arguments: str = "{}", **more: Any) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, **more}


def result(call_id: str = "c1", output: Any = "1", **more: Any) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output, **more}


def body(
    *items: Json,
    model: str = CLAUDE,
    profile: ConverseProfile = profiles.BEDROCK,
    origins: Any = None,
    **request: Any,
) -> Json:
    return BEDROCK_CONVERSE.render_request(Turn(model, request, items, origins or {}), profile).body


def messages(*items: Json, **options: Any) -> list[tuple[str, list[Json]]]:
    return [(told["role"], told["content"]) for told in body(*items, **options)["messages"]]


def refused(*items: Json, **options: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        body(*items, **options)
    assert caught.value.status == 400
    return caught.value.param


# Roles.


def test_system_and_developer_stand_before_the_conversation() -> None:
    told = body(
        user("Hi"),
        message("developer", "Be kind."),
        message("system", [{"type": "input_text", "text": "Be quick."}]),
        instructions="Be brief.",
    )
    assert told["system"] == [{"text": "Be brief."}, {"text": "Be kind."}, {"text": "Be quick."}]
    assert told["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]


def test_a_system_prompt_holds_text_alone() -> None:
    assert refused(message("system", [IMAGE])) == "input[0].content"


def test_a_model_without_a_system_prompt_is_told_by_the_user() -> None:
    told = body(user("Hi"), instructions="Be brief.", model=TITAN)
    assert told == {"messages": [{"role": "user", "content": [{"text": "Be brief."}, {"text": "Hi"}]}]}


def test_neighbours_of_one_role_are_one_message() -> None:
    assert messages(
        user("a"), user("b"), message("assistant", "c"), message("assistant", "d"), user("e")
    ) == [
        ("user", [{"text": "a"}, {"text": "b"}]),
        ("assistant", [{"text": "c"}, {"text": "d"}]),
        ("user", [{"text": "e"}]),
    ]


def test_blank_text_is_left_out_and_a_conversation_begins_with_somebody() -> None:
    assert messages(
        user(" \n"),
        message("assistant", "c"),
        user({"type": "input_text", "text": ""}),
        user("e"),
        model=NOVA,
    ) == [
        ("user", [{"text": "[The conversation begins with the assistant.]"}]),
        ("assistant", [{"text": "c"}]),
        ("user", [{"text": "e"}]),
    ]
    assert [role for role, _ in messages(message("assistant", "c"), user("e"))] == [
        "user",
        "assistant",
        "user",
    ]
    assert messages(message("assistant", "c"), user("e"), model=KIMI)[0] == ("assistant", [{"text": "c"}])
    assert messages() == [("user", [{"text": "."}])]
    assert messages(instructions="Go.") == [("user", [{"text": "."}])]


def test_a_model_goes_on_from_what_it_said_where_that_is_allowed() -> None:
    said = [user("Hi"), message("assistant", "Once upon \n")]
    assert messages(*said)[-1] == ("assistant", [{"text": "Once upon"}])
    assert messages(*said, model=SONNET_5)[-1] == ("user", [{"text": "."}])
    assert messages(*said, model=LLAMA)[-1] == ("user", [{"text": "."}])


def test_a_refusal_is_text() -> None:
    refusal = message("assistant", [{"type": "refusal", "refusal": "No."}])
    assert messages(user("Hi"), refusal, user("Why?"))[1] == ("assistant", [{"text": "No."}])


# Media.


def test_an_image_goes_as_bytes() -> None:
    assert messages(user(IMAGE)) == [("user", [{"image": {"format": "png", "source": DATA}}])]
    jpeg = {"type": "input_image", "image_url": "data:image/jpg;base64,/9j/"}
    assert messages(user(jpeg))[0][1] == [{"image": {"format": "jpeg", "source": {"bytes": "/9j/"}}}]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_image", "image_url": "data:image/bmp;base64,AA=="}, "input[0].content[0].image_url"),
        ({"type": "input_image", "image_url": "https://a.example/x.png"}, "input[0].content[0].image_url"),
        ({"type": "input_image", "image_url": "AAAA"}, "input[0].content[0].image_url"),
        ({"type": "input_image", "image_url": "s3://bucket/x.png"}, "input[0].content[0].image_url"),
        ({"type": "input_image", "file_id": "file_1"}, "input[0].content[0].file_id"),
        ({"type": "input_file", "file_id": "file_1"}, "input[0].content[0].file_id"),
        ({"type": "input_file", "file_url": "https://a.example/x.pdf"}, "input[0].content[0].file_url"),
        (
            {"type": "input_file", "filename": "x.zip", "file_data": "data:application/zip;base64,AA=="},
            "input[0].content[0].file_data",
        ),
        ({"type": "telepathy"}, "input[0].content[0]"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name(part: Json, param: str) -> None:
    assert refused(user(part)) == param


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ("amazon.nova-micro-v1:0", IMAGE),
        (R1, IMAGE),
        ("anthropic.claude-v2:1", IMAGE),
        ("openai.gpt-oss-20b-1:0", FILE),
    ],
)
def test_what_a_model_is_known_not_to_see_is_refused(model: str, part: Json) -> None:
    assert refused(user("Look:"), user(part), model=model) == "input[1].content[0]"


@pytest.mark.parametrize(
    ("part", "format_name", "name", "data"),
    [
        (FILE, "pdf", "a", "JVBERg=="),
        ({"type": "input_file", "file_data": "JVBERg=="}, "pdf", "document", "JVBERg=="),
        ({"type": "input_file", "filename": "t.CSV", "file_data": "YQ=="}, "csv", "t", "YQ=="),
        (
            {
                "type": "input_file",
                "filename": "my_notes (v2).md",
                "file_data": "data:text/markdown;base64,YQ==",
            },
            "md",
            "my notes (v2)",
            "YQ==",
        ),
        (
            {"type": "input_file", "filename": "main.py", "file_data": "data:text/x-python;base64,YQ=="},
            "txt",
            "main",
            "YQ==",
        ),
        (
            {"type": "input_file", "filename": "ü/ß.txt", "file_data": "data:text/plain,a%20b"},
            "txt",
            "document",
            base64.b64encode(b"a b").decode(),
        ),
        (
            {
                "type": "input_file",
                "filename": "x.docx",
                "file_data": "data:application/octet-stream;base64,YQ==",
            },
            "docx",
            "x",
            "YQ==",
        ),
        (
            {
                "type": "input_file",
                "filename": "a.json",
                "file_data": "data:application/json;charset=utf-8;base64,e30=",
            },
            "txt",
            "a",
            "e30=",
        ),
    ],
)
def test_a_file_is_a_document_beside_some_text(part: Json, format_name: str, name: str, data: str) -> None:
    document = {"format": format_name, "name": name, "source": {"bytes": data}}
    assert messages(user({"type": "input_text", "text": "Read:"}, part))[0][1] == [
        {"text": "Read:"},
        {"document": document},
    ]
    assert messages(user(part))[0][1] == [{"document": document}, {"text": "See the document."}]


def test_no_two_documents_have_one_name() -> None:
    blocks = messages(user(FILE, FILE, {**FILE, "filename": "a 2.pdf"}), user(FILE))[0][1]
    assert [block["document"]["name"] for block in blocks if "document" in block] == [
        "a",
        "a 2",
        "a 2 2",
        "a 3",
    ]


def test_media_lie_in_s3_where_a_model_reads_them_there() -> None:
    video = {"type": "input_file", "file_url": "s3://bucket/v/clip.mp4?bucketOwner=012345678901"}
    location = {"uri": "s3://bucket/v/clip.mp4", "bucketOwner": "012345678901"}
    expected = {"video": {"format": "mp4", "source": {"s3Location": location}}}
    assert messages(user(video), model=NOVA) == [("user", [expected])]
    image = {"type": "input_image", "image_url": "s3://bucket/x.webp"}
    assert messages(user(image), model=NOVA)[0][1][0]["image"]["format"] == "webp"
    assert (
        refused(user({"type": "input_file", "file_url": "s3://bucket/x"}), model=NOVA)
        == "input[0].content[0].file_url"
    )


@pytest.mark.parametrize(
    "address", ["s3://bucket/x.pdf", "http://a.example/x.pdf", "https://a.example/x.pdf"]
)
def test_no_address_hides_among_data(address: str) -> None:
    file = {"type": "input_file", "filename": "x.pdf", "file_data": address}
    assert refused(user(file), model=NOVA) == "input[0].content[0].file_data"
    audio = {"type": "input_audio", "input_audio": {"data": address, "format": "wav"}}
    assert refused(user(audio), model="mistral.voxtral-mini-3b-2507") == "input[0].content[0]"


def test_audio_and_video_are_bytes_of_their_formats() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    voxtral = "mistral.voxtral-mini-3b-2507"
    assert messages(user(audio), model=voxtral)[0][1] == [
        {"audio": {"format": "wav", "source": {"bytes": "AA=="}}}
    ]
    video = {"type": "input_file", "filename": "c.mov", "file_data": "data:video/quicktime;base64,AA=="}
    assert messages(user(video), model=NOVA)[0][1] == [
        {"video": {"format": "mov", "source": {"bytes": "AA=="}}}
    ]


# Calls and results.


def test_all_results_of_a_turn_are_one_message_in_the_order_of_the_calls() -> None:
    told = messages(
        user("Hi"),
        message("assistant", "Wait."),
        call("c1"),
        call("c2", arguments='{"a":1}'),
        result("c2", "2"),
        user("And?"),
        result("c1", "1", status="incomplete"),
    )
    assert told == [
        ("user", [{"text": "Hi"}]),
        (
            "assistant",
            [
                {"text": "Wait."},
                {"toolUse": {"toolUseId": "c1", "name": "f", "input": {}}},
                {"toolUse": {"toolUseId": "c2", "name": "f", "input": {"a": 1}}},
            ],
        ),
        (
            "user",
            [
                {"toolResult": {"toolUseId": "c1", "content": [{"text": "1"}], "status": "error"}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "2"}], "status": "success"}},
                {"text": "And?"},
            ],
        ),
    ]


def test_calls_without_results_and_results_without_calls_are_refused() -> None:
    assert refused(user("Hi"), call()) == "input"
    assert refused(user("Hi"), result()) == "input[1]"


@pytest.mark.parametrize("model", [LLAMA, MISTRAL, WRITER])
def test_results_stay_alone_where_nothing_may_stand_beside_them(model: str) -> None:
    told = messages(user("Hi"), call(), result(), user("And?"), model=model, tools=[])
    assert [role for role, _ in told] == ["user", "assistant", "user", "assistant", "user"]
    assert told[3:] == [("assistant", [{"text": "."}]), ("user", [{"text": "And?"}])]
    [block] = told[2][1]
    assert ("status" in block["toolResult"]) == (model != WRITER)


def test_claude_takes_images_but_no_documents_beside_results() -> None:
    assert len(messages(user("Hi"), call(), result(), user(IMAGE))) == 3
    assert len(messages(user("Hi"), call(), result(), user(FILE))) == 5


@pytest.mark.parametrize(
    ("model", "inside", "beside", "after"),
    [
        (CLAUDE, ["text", "image", "document"], [], []),
        (NOVA, ["text", "image"], ["document", "text"], []),
        (MISTRAL, ["text", "document"], [], ["image"]),
        (KIMI, ["text"], ["image", "document", "text"], []),
    ],
)
def test_media_of_a_result_go_where_the_family_takes_them(
    model: str, inside: list[str], beside: list[str], after: list[str]
) -> None:
    output = [{"type": "input_text", "text": "Here:"}, IMAGE, FILE]
    told = messages(user("Hi"), call(), result(output=output), model=model)
    results, *others = told[2][1]
    assert [next(iter(block)) for block in results["toolResult"]["content"]] == inside
    assert [next(iter(block)) for block in others] == beside
    assert [next(iter(block)) for _, blocks in told[4:] for block in blocks] == after


def test_a_result_of_media_alone_says_that_they_follow() -> None:
    told = messages(user("Hi"), call(), result(output=[IMAGE]), model=KIMI)
    assert told[2][1][0]["toolResult"]["content"] == [{"text": "The result follows."}]


def test_a_result_is_never_blank() -> None:
    for output in ("", " ", []):
        told = messages(user("Hi"), call(), result(output=output))
        assert told[2][1][0]["toolResult"]["content"] == [{"text": "(no output)"}]


def test_an_object_is_json_where_results_are() -> None:
    def content(model: str, output: str) -> Any:
        return messages(user("Hi"), call(), result(output=output), model=model)[2][1][0]["toolResult"][
            "content"
        ]

    assert content(MISTRAL, '{"a": 1}') == [{"json": {"a": 1}}]
    assert content(MISTRAL, "[1]") == [{"text": "[1]"}]
    assert content(CLAUDE, '{"a": 1}') == [{"text": '{"a": 1}'}]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": [1]}', {"a": [1]}),
        ("[1]", {"INVALID_JSON": "[1]"}),
        ('{"a"', {"INVALID_JSON": '{"a"'}),
    ],
)
def test_arguments_are_an_object_whatever_was_said(arguments: str, expected: Json) -> None:
    told = messages(user("Hi"), call(arguments=arguments), result())
    assert told[1][1][0]["toolUse"]["input"] == expected


def test_custom_calls_and_namespaces_have_flat_names() -> None:
    custom = {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "input": "ls"}
    answer = {"type": "custom_tool_call_output", "call_id": "c1", "output": "a"}
    told = messages(user("Hi"), custom, call("c2", "roll", namespace="dice"), answer, result("c2"))
    assert [(b["toolUse"]["name"], b["toolUse"]["input"]) for b in told[1][1]] == [
        ("exec", {"input": "ls"}),
        ("dice__roll", {}),
    ]


def test_ids_that_bedrock_would_refuse_are_replaced_the_same_on_both_sides() -> None:
    for model, kept in ((CLAUDE, False), (KIMI, True)):
        told = messages(user("Hi"), call("functions.f:0"), result("functions.f:0"), model=model)
        id = told[1][1][0]["toolUse"]["toolUseId"]
        assert id == told[2][1][0]["toolResult"]["toolUseId"]
        assert (id == "functions.f:0") == kept
    long = "x" * 65
    one, other = (
        messages(user("Hi"), call(id), result(id))[1][1][0]["toolUse"]["toolUseId"]
        for id in (long, long + "y")
    )
    assert one != other
    assert len(one) <= 64


def test_what_other_formats_made_is_told_again() -> None:
    searched = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "ruby"}}
    mcp = {
        "type": "mcp_call",
        "id": "mcp_1",
        "server_label": "s p",
        "name": "t",
        "arguments": "{}",
        "output": "ok",
    }
    told = messages(user("Hi"), searched, mcp)
    assert told[1][1][0] == {"text": "[Searched the web: ruby]"}
    assert told[1][1][1]["toolUse"]["name"] == function_name("s p", "t")


def test_a_model_without_tools_is_told_what_came_of_calls() -> None:
    told = messages(
        user("Hi"), message("assistant", "Wait."), call(arguments='{"a":1}'), result(), user("And?"), model=R1
    )
    assert told == [
        ("user", [{"text": "Hi"}]),
        ("assistant", [{"text": "Wait."}]),
        ("user", [{"text": 'f({"a":1}): 1'}, {"text": "And?"}]),
    ]
    assert "toolConfig" not in body(user("Hi"), call(), result(), model=R1)


# What its maker wants back.

SIGNED = {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "sig"}}}
REDACTED = {"reasoningContent": {"redactedContent": "AAEC"}}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}]}


def test_thoughts_go_back_to_their_maker_to_the_letter_and_to_nobody_else() -> None:
    items = [user("Hi"), THOUGHT, message("assistant", "Yes."), user("And?")]
    for block in (SIGNED, REDACTED):
        own = messages(*items, origins={"rs_1": {"maker": "bedrock", "content": [block]}})
        assert own[1] == ("assistant", [block, {"text": "Yes."}])
    assert messages(*items)[1] == ("assistant", [{"text": "Yes."}])
    assert [role for role, _ in messages(user("Hi"), THOUGHT, user("And?"))] == ["user"]


def test_leaked_thinking_goes_back_as_it_was_written() -> None:
    leaked = {"rs_1": {"leaked": "<thinking>Hm</thinking>\n"}}
    told = messages(
        user("Hi"), THOUGHT, message("assistant", "Yes."), user("And?"), origins=leaked, model=NOVA
    )
    assert told[1] == ("assistant", [{"text": "<thinking>Hm</thinking>\nYes."}])
    told = messages(user("Hi"), THOUGHT, call(), result(), origins=leaked, model=NOVA)
    assert [next(iter(block)) for block in told[1][1]] == ["text", "toolUse"]
    told = messages(user("Hi"), THOUGHT, user("And?"), origins=leaked, model=NOVA)
    assert told[1] == ("assistant", [{"text": "<thinking>Hm</thinking>\n"}])


def test_a_message_and_a_hosted_call_go_back_as_the_blocks_they_were_made_of() -> None:
    cited = {"citationsContent": {"content": [{"text": "b"}], "citations": [{"title": "t"}]}}
    used = {
        "toolUse": {
            "toolUseId": "t1",
            "name": "nova_grounding",
            "input": {"query": "q"},
            "type": "server_tool_use",
        }
    }
    found = {"toolResult": {"toolUseId": "t1", "content": [{"text": "[HIDDEN]"}], "status": "success"}}
    searched = {"type": "web_search_call", "id": "ws_1", "action": {"type": "search", "query": "q"}}
    said = {**message("assistant", "ab"), "id": "msg_1"}
    origins = {
        "ws_1": {"content": [used, found]},
        "msg_1": {"content": [{"text": "a"}, cited, {"text": " "}]},
    }
    told = body(user("Hi"), searched, said, user("And?"), origins=origins, model="us.amazon.nova-2-lite-v1:0")
    assert told["messages"][1]["content"] == [used, found, {"text": "a"}, cited]
    assert told["toolConfig"] == {"tools": [{"systemTool": {"name": "nova_grounding"}}]}
    elsewhere = body(user("Hi"), searched, said, user("And?"), origins=origins, model=NOVA)
    assert elsewhere["messages"][1]["content"] == [{"text": "[Searched the web: q]"}, {"text": "a"}, cited]
    assert "toolConfig" not in elsewhere


def test_a_model_of_which_nothing_is_known_is_spared_what_some_refuse() -> None:
    told = messages(
        message("assistant", "c"), call(), result(output=[IMAGE]), user("And?"), profile=profiles.DEFAULT
    )
    assert [role for role, _ in told] == ["user", "assistant", "user", "assistant", "user"]
    assert [next(iter(block)) for block in told[4][1]] == ["image", "text"]
    brave = replace(profiles.DEFAULT, beside_results=frozenset({"text", "image"}))
    assert len(messages(message("assistant", "c"), call(), result(output=[IMAGE]), profile=brave)) == 3
