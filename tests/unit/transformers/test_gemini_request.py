"""A turn as a request to Gemini: settings, addresses, contents."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.gemini_generate_content import (
    GEMINI_GENERATE_CONTENT,
    GeminiProfile,
    profiles,
)
from lambda_responses.transformers.gemini_generate_content.contents import BEGUN_BEFORE
from lambda_responses.wire.errors import InvalidRequestError, UnsupportedError

Json = dict[str, Any]

OLD, NEW = "gemini-2.5-flash", "gemini-3-flash-preview"
PIXEL = "data:image/png;base64,AAAA"
CALL: Json = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{"a":1}',
}
RESULT: Json = {"type": "function_call_output", "call_id": "call_1", "output": "2"}


def render(
    *items: Json,
    model: str = NEW,
    profile: GeminiProfile = profiles.GEMINI,
    origins: Json | None = None,
    **request: Any,
) -> Rendered:
    turn = Turn(model=model, request=request, items=items or [said("Hi")], origins=origins or {})
    return GEMINI_GENERATE_CONTENT.render_request(turn, profile)


def said(content: Any, role: str = "user") -> Json:
    return {"type": "message", "role": role, "content": content}


def answered(text: str, **members: Any) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content, **members}


def contents(*items: Json, **options: Any) -> list[Json]:
    return render(*items, **options).body["contents"]


def config(**options: Any) -> Json:
    return render(**options).body.get("generationConfig", {})


def refused(*items: Json, **options: Any) -> str | None:
    with pytest.raises(InvalidRequestError) as caught:
        render(*items, **options)
    return caught.value.param


# Addresses.


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (NEW, f"v1beta/models/{NEW}:streamGenerateContent?alt=sse"),
        (f"models/{NEW}", f"v1beta/models/{NEW}:streamGenerateContent?alt=sse"),
        ("../x:y?z", "v1beta/models/..%2Fx%3Ay%3Fz:streamGenerateContent?alt=sse"),
    ],
)
def test_the_model_stands_in_the_address(model: str, path: str):
    assert render(model=model).path == path


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (NEW, f"google/models/{NEW}:streamGenerateContent?alt=sse"),
        ("publishers/google/models/m@001", "google/models/m@001:streamGenerateContent?alt=sse"),
        ("publishers/other/models/m", "other/models/m:streamGenerateContent?alt=sse"),
        (
            "projects/p/locations/l/publishers/other/models/m",
            "other/models/m:streamGenerateContent?alt=sse",
        ),
    ],
)
def test_vertex_says_who_publishes_the_model(model: str, path: str):
    assert render(model=model, profile=profiles.VERTEX).path == path


# Settings.


def test_settings_go_under_their_names_here():
    assert config(temperature=0, top_p=0.5, max_output_tokens=9) == {
        "temperature": 0,
        "topP": 0.5,
        "maxOutputTokens": 9,
    }


@pytest.mark.parametrize(
    "name",
    ["presence_penalty", "frequency_penalty", "prompt_cache_key", "safety_identifier", "user"],
)
def test_hints_without_a_place_are_named(name: str):
    rendered = render(**{name: "x"})
    assert rendered.dropped == (name,)
    assert rendered.body.keys() == {"contents"}


def test_a_service_tier_is_said_in_the_vendors_word_or_named():
    assert render(service_tier="default").body["serviceTier"] == "standard"
    assert render(service_tier="flex").body["serviceTier"] == "flex"
    assert not render(service_tier="auto").dropped
    assert render(service_tier="flex", profile=profiles.VERTEX).dropped == ("service_tier",)


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        (NEW, "none", {"thinkingLevel": "MINIMAL"}),
        (NEW, "medium", {"thinkingLevel": "MEDIUM"}),
        (NEW, "max", {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.7-flash", "none", {"thinkingLevel": "LOW"}),
        ("gemini-4-argon", "none", {"thinkingLevel": "LOW"}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "LOW"}),
        (OLD, "none", {"thinkingBudget": 0}),
        (OLD, "high", {"thinkingBudget": 16_384}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "xhigh", {"thinkingBudget": 24_576}),
    ],
)
def test_an_effort_is_what_the_model_knows_of_thinking(model: str, effort: str, thinking: Json):
    assert config(model=model, reasoning={"effort": effort})["thinkingConfig"] == thinking


@pytest.mark.parametrize(
    ("model", "effort", "limit", "budget", "dropped"),
    [
        (OLD, "high", 2_000, 1_000, ()),
        (OLD, "high", 65_536, 16_384, ()),
        (OLD, "none", 2_000, 0, ()),
        (OLD, "low", 1, 0, ("reasoning.effort",)),
        ("gemini-2.5-flash-lite", "high", 1_024, 512, ()),
        ("gemini-2.5-flash-lite", "high", 1_023, 0, ("reasoning.effort",)),
        ("gemini-2.5-pro", "medium", 256, 128, ()),
        ("gemini-2.5-pro", "medium", 255, 128, ("reasoning.effort",)),
        ("gemini-2.5-pro", "none", 255, 128, ()),
    ],
)
def test_a_budget_leaves_room_for_an_answer(
    model: str, effort: str, limit: int, budget: int, dropped: tuple[str, ...]
):
    rendered = render(model=model, reasoning={"effort": effort}, max_output_tokens=limit)
    assert rendered.body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": budget}
    assert rendered.dropped == dropped


def test_nobody_tells_of_thoughts_that_are_not_had():
    off = render(model=OLD, reasoning={"effort": "none", "summary": "auto"})
    assert off.body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
    assert off.dropped == ()
    cut = render(model=OLD, reasoning={"effort": "low", "summary": "auto"}, max_output_tokens=1)
    assert cut.body["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
    assert cut.dropped == ("reasoning.effort", "reasoning.summary")


def test_a_model_that_does_not_think_is_not_asked_to():
    rendered = render(model="gemini-2.0-flash", reasoning={"effort": "low", "summary": "auto"})
    assert "generationConfig" not in rendered.body
    assert rendered.dropped == ("reasoning.effort", "reasoning.summary")


def test_thoughts_are_told_only_where_a_summary_is_wanted():
    assert config(reasoning={"summary": "auto"})["thinkingConfig"] == {"includeThoughts": True}
    assert config(reasoning={"summary": None}) == {}
    assert render(reasoning={"context": "all_turns"}).dropped == ("reasoning.context",)


def test_an_update_of_the_settings_counts():
    update = {"type": "configuration_update", "reasoning": {"effort": "low"}}
    body = render(said("Hi"), update, reasoning={"effort": "high"}).body
    assert body["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}


def test_log_probabilities_are_given_or_refused():
    asked: Json = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    assert config(profile=profiles.VERTEX, **asked) == {"responseLogprobs": True, "logprobs": 2}
    assert refused(**asked) == "top_logprobs"
    assert refused(include=asked["include"]) == "include"


SCHEMA: Json = {"type": "object", "properties": {"a": {"const": "x"}}, "$schema": "s"}
FORMAT: Json = {"format": {"type": "json_schema", "name": "n", "strict": True, "schema": SCHEMA}}
PLAIN: Json = {"type": "object", "properties": {"a": {"enum": ["x"]}}}


def test_a_format_is_a_type_and_a_schema():
    assert config(text={"format": {"type": "json_object"}}) == {"responseMimeType": "application/json"}
    assert config(text=FORMAT) == {"responseMimeType": "application/json", "responseJsonSchema": PLAIN}
    assert config(text={"format": {"type": "text"}}) == {}
    assert render(text={"verbosity": "low"}).dropped == ("text.verbosity",)


def test_an_older_model_is_told_the_subset_of_a_schema():
    older = config(model="gemini-2.0-flash", text=FORMAT)
    kept = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}}
    assert older == {"responseMimeType": "application/json", "responseSchema": kept}


# The conversation.


def test_the_system_speaks_apart_wherever_it_spoke():
    body = render(
        said("Be brief.", "developer"), said("Hi"), said("Be kind.", "system"), instructions="Help."
    ).body
    assert body["systemInstruction"] == {
        "parts": [{"text": "Help."}, {"text": "Be brief."}, {"text": "Be kind."}]
    }
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


def test_the_system_shows_no_pictures():
    shown = said([{"type": "input_image", "image_url": PIXEL}], "developer")
    assert refused(shown, said("Hi")) == "input[0].content[0]"


def test_where_nobody_else_spoke_the_system_asks():
    body = render(said("Say hi.", "developer")).body
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Say hi."}]}]}


def test_neighbours_of_one_role_are_one_content():
    told = contents(said("a"), said("b"), answered("c"), answered("d"), said("e"))
    assert [content["role"] for content in told] == ["user", "model", "user"]
    assert told[0]["parts"] == [{"text": "a"}, {"text": "b"}]


def test_empty_text_is_no_part():
    assert contents(said(""), said([{"type": "input_text", "text": ""}]), said("x")) == [
        {"role": "user", "parts": [{"text": "x"}]}
    ]


@pytest.mark.parametrize(
    ("part", "rendered"),
    [
        (
            {"type": "input_image", "image_url": PIXEL, "detail": "low"},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        ),
        (
            {"type": "input_image", "image_url": "data:image/jpg;base64,AAAA"},
            {"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}},
        ),
        (
            {"type": "input_image", "image_url": "https://a.example/b.webp?c=d.png"},
            {"fileData": {"mimeType": "image/webp", "fileUri": "https://a.example/b.webp?c=d.png"}},
        ),
        (
            {"type": "input_file", "file_url": "gs://bucket/b.mp4"},
            {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/b.mp4"}},
        ),
        (
            {"type": "input_file", "file_url": "https://youtu.be/x"},
            {"fileData": {"fileUri": "https://youtu.be/x"}},
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        ),
        (
            {"type": "input_file", "filename": "a.CSV", "file_data": "AAAA"},
            {"inlineData": {"mimeType": "text/csv", "data": "AAAA"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}},
        ),
        ({"type": "refusal", "refusal": "No."}, {"text": "No."}),
    ],
)
def test_each_kind_of_content_has_its_part(part: Json, rendered: Json):
    assert contents(said([part])) == [{"role": "user", "parts": [rendered]}]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_image", "file_id": "file-1"}, "file_id"),
        ({"type": "input_file", "file_id": "file-1"}, "file_id"),
        ({"type": "input_image", "image_url": "data:text/plain;base64,AAAA"}, "image_url"),
        ({"type": "input_file", "filename": "what", "file_data": "AAAA"}, "file_data"),
    ],
)
def test_content_that_cannot_go_is_named(part: Json, param: str):
    assert refused(said([{"type": "input_text", "text": "x"}, part])) == f"input[0].content[1].{param}"


def test_unknown_content_is_named():
    assert refused(said([{"type": "input_smell"}])) == "input[0].content[0]"


def test_both_kinds_that_have_addresses_are_fetched():
    traits = GEMINI_GENERATE_CONTENT.traits(NEW, profiles.GEMINI)
    assert traits.fetches == {"input_image", "input_file"}
    assert not traits.native


@pytest.mark.parametrize("profile", [profiles.GEMINI, profiles.VERTEX])
@pytest.mark.parametrize("model", [NEW, OLD, "gemma-3-4b-it"])
def test_google_opens_what_anybody_may_see_and_no_tenants_files(model: str, profile: GeminiProfile):
    opens = GEMINI_GENERATE_CONTENT.traits(model, profile).opens
    assert "https://www.youtube.com/watch?v=x".startswith(opens)
    assert not "https://generativelanguage.googleapis.com/v1beta/files/x".startswith(opens)


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (NEW, {"input_image", "input_file", "input_audio"}),
        ("gemini-3-pro-image-preview", {"input_image", "input_file"}),
        ("gemini-2.5-flash-preview-tts", set[str]()),
        ("gemma-3-27b-it", {"input_image"}),
        ("gemma-3-1b-it", set[str]()),
    ],
)
def test_what_a_model_does_not_take_is_said_and_refused(model: str, inputs: set[str]):
    assert GEMINI_GENERATE_CONTENT.traits(model, profiles.GEMINI).inputs == inputs
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}
    for part in (sound, {"type": "input_image", "image_url": PIXEL}):
        if part["type"] not in inputs:
            assert refused(said([part]), model=model) == "input[0].content[0]"
        else:
            assert contents(said([part]), model=model)


# Calls and results.


def test_a_call_and_its_result_are_told_one_for_one():
    other = {**CALL, "call_id": "call_2", "name": "sub", "arguments": ""}
    results = [{**RESULT, "call_id": "call_2", "output": "4"}, RESULT]
    told = contents(said("Hi"), CALL, other, *results, model=OLD)
    assert told[1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "call_1", "name": "add", "args": {"a": 1}}},
                {"functionCall": {"id": "call_2", "name": "sub", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "call_1", "name": "add", "response": {"output": "2"}}},
                {"functionResponse": {"id": "call_2", "name": "sub", "response": {"output": "4"}}},
            ],
        },
    ]


@pytest.mark.parametrize("begun", [[CALL, RESULT], [answered("a")]])
def test_a_model_that_was_not_asked_is_given_a_reason(begun: list[Json]):
    first, second, *_ = contents(said("Be kind.", "developer"), *begun, said("x"))
    assert first == {"role": "user", "parts": [{"text": BEGUN_BEFORE}]}
    assert second["role"] == "model"


def test_what_the_user_says_after_results_stands_apart_from_them():
    told = contents(said("Hi"), CALL, RESULT, said("Go on."), model=OLD)
    assert [list(content["parts"][0]) for content in told[2:]] == [["functionResponse"], ["text"]]


def test_a_call_that_was_cut_off_is_told_as_it_stands():
    (call,) = contents(said("Hi"), {**CALL, "arguments": '{"a'}, RESULT, model=OLD)[1]["parts"]
    assert call["functionCall"]["args"] == {"arguments": '{"a'}


def test_the_id_that_the_model_gave_counts():
    told = contents(said("Hi"), CALL, RESULT, origins={"fc_1": {"id": "x9"}}, model=OLD)
    assert told[1]["parts"][0]["functionCall"]["id"] == "x9"
    assert told[2]["parts"][0]["functionResponse"]["id"] == "x9"


SHOWN: list[Json] = [
    {"type": "input_text", "text": "Look:"},
    {"type": "input_image", "image_url": PIXEL},
    {"type": "input_file", "filename": "a.mp3", "file_data": "AAAA"},
]
AUDIO: Json = {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}
IMAGE: Json = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}


def test_a_result_holds_what_media_it_may():
    told = contents(said("Hi"), CALL, {**RESULT, "output": SHOWN})
    (response,) = told[2]["parts"]
    assert response["functionResponse"]["response"] == {"output": "Look:"}
    assert response["functionResponse"]["parts"] == [IMAGE]
    assert told[3] == {"role": "user", "parts": [AUDIO]}


def test_before_gemini_3_media_follow_the_results():
    told = contents(said("Hi"), CALL, {**RESULT, "output": SHOWN[1:]}, said("Well?"), model=OLD)
    (response,) = told[2]["parts"]
    assert response["functionResponse"]["response"] == {"output": "The result follows in the next message."}
    assert told[3] == {"role": "user", "parts": [IMAGE, AUDIO, {"text": "Well?"}]}


def test_a_result_without_its_call_is_named():
    assert refused(said("Hi"), RESULT) == "input[1]"


def test_a_custom_tools_input_is_wrapped():
    call = {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls"}
    result = {"type": "custom_tool_call_output", "call_id": "c", "output": "a"}
    told = contents(said("Hi"), call, result, model=OLD)
    assert told[1]["parts"] == [{"functionCall": {"id": "c", "name": "sh", "args": {"input": "ls"}}}]
    assert told[2]["parts"][0]["functionResponse"]["name"] == "sh"


# What the model wants back.


def test_a_signature_goes_back_on_its_call():
    told = contents(said("Hi"), CALL, RESULT, origins={"fc_1": {"signature": "s"}})
    assert told[1]["parts"][0]["thoughtSignature"] == "s"


def test_a_call_of_another_maker_has_the_documented_placeholder():
    other = {**CALL, "call_id": "call_2"}
    told = contents(said("Hi"), CALL, other, RESULT, {**RESULT, "call_id": "call_2"})
    assert [part.get("thoughtSignature") for part in told[1]["parts"]] == [
        "skip_thought_signature_validator",
        None,
    ]
    assert "thoughtSignature" not in contents(said("Hi"), CALL, RESULT, model=OLD)[1]["parts"][0]


def test_signed_and_unsigned_text_stay_apart():
    origin: Json = {"signed": [[2, 5, "s"], [5, 5, "t"]]}
    told = contents(said("Hi"), answered("abcdefg", id="m"), said("?"), origins={"m": origin})
    assert told[1]["parts"] == [
        {"text": "ab"},
        {"text": "cde", "thoughtSignature": "s"},
        {"text": "", "thoughtSignature": "t"},
        {"text": "fg"},
    ]


REASONING: Json = {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm"}]}


def test_thoughts_go_back_to_their_maker_alone():
    own = contents(said("Hi"), REASONING, answered("a"), origins={"r": {"signed": []}})
    assert own[1]["parts"] == [{"text": "Hm", "thought": True}, {"text": "a"}]
    assert contents(said("Hi"), REASONING, answered("a"))[1]["parts"] == [{"text": "a"}]


def test_a_signature_rides_on_the_reasoning_before_its_item():
    ridden: Json = {"signed": [], "next": ["function_call", {"signature": "s"}]}
    told = contents(said("Hi"), REASONING, CALL, RESULT, origins={"r": ridden})
    assert told[1]["parts"][1]["thoughtSignature"] == "s"


def ran(id: str) -> Json:
    item: Json = {"type": "mcp_call", "id": id, "server_label": "dice", "name": "roll", "arguments": "{}"}
    return {**item, "output": "6", "error": None}


def signatures(content: Json) -> list[Any]:
    return [part.get("thoughtSignature") for part in content["parts"] if "functionCall" in part]


def test_calls_that_this_server_ran_keep_signatures_and_stand_together():
    made: Json = {"mcp_1": {"id": "x1", "signature": "s", "step": 0}, "mcp_2": {"id": "x2", "step": 0}}
    told = contents(said("Hi"), ran("mcp_1"), ran("mcp_2"), origins=made)
    assert [each["role"] for each in told] == ["user", "model", "user"]
    assert signatures(told[1]) == ["s", None]
    assert [part["functionResponse"]["id"] for part in told[2]["parts"]] == ["x1", "x2"]


def test_what_rides_before_calls_that_were_told_late_is_theirs_in_their_order():
    seals: list[Json] = [{"type": "reasoning", "id": id, "summary": []} for id in "ab"]
    ridden: Json = {id: {"signed": [], "next": ["function_call", {"signature": id}]} for id in "ab"}
    asked: Json = {**ran("mcpr_1"), "type": "mcp_approval_request"}
    answer: Json = {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True}
    items = [said("Hi"), *seals, ran("mcp_1"), asked, answer, ran("mcp_2")]
    told = contents(*items, origins=ridden)
    assert [signatures(each) for each in told[1::2]] == [["a"], ["b"]]


def test_what_rides_on_reasoning_after_several_items_is_theirs():
    code: Json = {"type": "code_interpreter_call", "id": "ci", "code": "1", "outputs": []}
    raw: list[Json] = [{"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}]
    brought = [["code_interpreter_call", {"parts": raw}], ["message", {"signed": [[0, 1, "s"]]}]]
    seal: Json = {"type": "reasoning", "id": "r", "summary": []}
    told = contents(said("Hi"), code, answered("a"), seal, origins={"r": {"before": brought}})
    assert told[1]["parts"] == [*raw, {"text": "a", "thoughtSignature": "s"}]


def test_what_rode_for_items_that_the_client_dropped_is_dropped():
    brought = [["message", {"signed": [[0, 1, "s"]]}]]
    seal: Json = {"type": "reasoning", "id": "r", "summary": []}
    told = contents(said("Hi"), CALL, seal, RESULT, model=OLD, origins={"r": {"before": brought}})
    assert told[1]["parts"] == [{"functionCall": {"id": "call_1", "name": "add", "args": {"a": 1}}}]


def test_a_picture_goes_back_with_its_signature():
    image: Json = {"type": "image_generation_call", "id": "ig", "result": "AAAA", "status": "completed"}
    origin: Json = {"mime_type": "image/png", "signature": "s"}
    told = contents(said("Hi"), image, origins={"ig": origin})
    assert told[1]["parts"] == [{**IMAGE, "thoughtSignature": "s"}]


def test_another_makers_search_is_told_in_words():
    search: Json = {"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "x"}}
    assert "Searched the web" in contents(said("Hi"), search)[1]["parts"][0]["text"]
    assert contents(said("Hi"), search, answered("a"), origins={"ws": {"parts": []}})[1]["parts"] == [
        {"text": "a"}
    ]


def test_what_nobody_can_read_is_refused():
    with pytest.raises(UnsupportedError) as caught:
        render(said("Hi"), {"type": "compaction", "id": "c", "encrypted_content": "x"})
    assert caught.value.param == "input[1]"
