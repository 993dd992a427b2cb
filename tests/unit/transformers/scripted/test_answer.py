"""What the scripted model says to what, word by word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_responses.stream.deltas import (
    BlockEnded,
    Failed,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.transformers.base import Turn, UpstreamFailure
from lambda_responses.transformers.scripted import SCRIPTED
from lambda_responses.transformers.scripted.answer import FAULTS
from lambda_responses.transformers.scripted.keywords import (
    LONGEST_WAIT_MS,
    MOST_CALLS,
    MOST_STEPS,
    MOST_WORDS,
)
from lambda_responses.transformers.scripted.script import Cut, Script, Wait
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.usage import usage
from tests.kit import emit, output_of

Json = dict[str, Any]

PLACE = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
WEATHER = {"type": "function", "name": "get_weather", "parameters": PLACE}
CLOCK = {"type": "function", "name": "currentTime", "parameters": {"type": "object", "properties": {}}}
BILLING = {"type": "function", "name": "transfer_to_billing_agent", "parameters": {"type": "object"}}
POEM = {"type": "custom", "name": "write_poem"}
MCP = {
    "type": "namespace",
    "name": "mcp__dice",
    "tools": [{"type": "function", "name": "roll", "parameters": {}}],
}
HOSTED = {"type": "web_search"}


def user(text: str) -> Json:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def output(text: Any, kind: str = "function_call_output") -> Json:
    return {"type": kind, "call_id": "c", "output": text}


def rendered(*items: Json | str, **request: Any) -> Any:
    context = [user(item) if isinstance(item, str) else item for item in items]
    return SCRIPTED.render_request(Turn("echo", request, context), None)


def script(*items: Json | str, **request: Any) -> Script:
    return rendered(*items, **request).body["script"]


def output_for(*items: Json | str, **request: Any) -> list[Json]:
    """The items that a client gets, without what only identifies them."""
    deltas = [step for step in script(*items, **request).steps if not isinstance(step, Wait | Cut)]
    return [
        {key: value for key, value in item.items() if key not in ("id", "status", "call_id")}
        for item in output_of(emit(deltas))
    ]


def text_for(*items: Json | str, **request: Any) -> str:
    message = output_for(*items, **request)[-1]
    return message["content"][0]["text"]


def calls_for(*items: Json | str, **request: Any) -> list[tuple[str, str]]:
    calls = output_for(*items, **request)
    return [(call.get("name", ""), call.get("arguments", call.get("input", ""))) for call in calls]


# Text.


def test_it_says_what_it_was_told_in_several_pieces():
    steps = script("Hello, dear  world!\n").steps
    assert steps == (
        Text("answer", "Hello,"),
        Text("answer", " dear"),
        Text("answer", "  world!"),
        Usage(usage(3, 3)),
        Stopped("end"),
    )


def test_the_last_user_message_counts():
    assistant = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "no"}]}
    assert text_for("first", assistant, "second", {"type": "reasoning", "summary": []}) == "second"
    assert text_for({"role": "user", "content": "a string"}) == "a string"


@pytest.mark.parametrize(
    "items", [[], [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]]
)
def test_nothing_is_answered_too(items: list[Json]):
    assert text_for(*items) == "You said nothing."


def test_it_counts_words():
    told = script("one two", {"role": "assistant", "content": "three"}, instructions="four five").steps
    assert Usage(usage(5, 2)) in told


def test_a_schema_is_obeyed():
    format = {"type": "json_schema", "name": "place", "schema": PLACE}
    assert json.loads(text_for("where?", text={"format": format})) == {"location": "location"}
    assert json.loads(text_for("where?", output("x"), text={"format": format})) == {"location": "location"}


def test_a_json_object_is_one():
    assert json.loads(text_for("go", text={"format": {"type": "json_object"}})) == {"ok": True}


def test_it_refuses_by_request():
    assert output_for("[[refuse]] please")[0]["content"] == [
        {"type": "refusal", "refusal": "I'm sorry, I cannot help with that."}
    ]


def test_it_says_as_many_words_as_wanted():
    assert len(text_for("[[words:500]]").split()) == 500
    assert len(script(f"[[words:{MOST_WORDS * 10}]]").steps) == MOST_WORDS + 2


def test_it_takes_as_many_steps_as_wanted_and_says_which_one_it_is_at():
    context: list[Any] = ["go [[steps:3]]"]
    for said, stop in (("Step 1: go", "pause"), ("Step 2: go", "pause"), ("Step 3: go", "end")):
        assert text_for(*context) == said
        assert script(*context).steps[-1] == Stopped(stop)
        context.append({"type": "message", "role": "assistant", "content": said})
    assert script(f"[[steps:{MOST_STEPS * 10}]]").steps[-1] == Stopped("pause")
    assert script("[[steps:0]]").steps[-1] == Stopped("end")


def test_a_call_ends_the_steps():
    assert script("[[steps:3]] [[call:roll]]", tools=[MCP]).steps[-1] == Stopped("tool_calls")


def test_it_stops_at_the_limit():
    steps = script("one two three four", max_output_tokens=2).steps
    assert steps[:2] == (Text("answer", "one"), Text("answer", " two"))
    assert steps[2:] == (Usage(usage(4, 2)), Stopped("max_output_tokens"))


# Reasoning.


@pytest.mark.parametrize(
    ("prompt", "request_", "reasons"),
    [
        ("hi", {}, False),
        ("hi", {"reasoning": {"effort": None}}, False),
        ("hi", {"reasoning": {"effort": "none"}}, False),
        ("hi", {"reasoning": {"effort": "low"}}, True),
        ("hi", {"reasoning": {"summary": "auto"}}, True),
        ("hi", {"include": ["reasoning.encrypted_content"]}, True),
        ("hi [[reason]]", {}, True),
    ],
)
def test_it_reasons_where_it_is_asked_to(prompt: str, request_: Json, reasons: bool):
    items = output_for(prompt, **request_)
    assert [item["type"] for item in items] == (["reasoning", "message"] if reasons else ["message"])
    assert text_for(prompt, **request_) == "hi"


def test_it_seals_something_of_its_reasoning():
    (opaque,) = [step for step in script("hi [[reason]]").steps if isinstance(step, Opaque)]
    assert opaque.block == "reasoning"
    assert opaque.data["encrypted_content"].startswith("scripted.")
    assert "encrypted_content" not in output_for("hi", reasoning={"effort": "low"})[0]


def test_a_summary_is_one():
    item = output_for("hi", reasoning={"summary": "auto"})[0]
    assert item["summary"] == [{"type": "summary_text", "text": "The question has 1 words."}]
    assert output_for("hi [[reason]]")[0]["summary"] == []


def test_words_of_reasoning_are_counted_apart():
    assert Usage(usage(2, 6, reasoning_tokens=5)) in script("hi [[reason]]").steps


# Tools.


def test_a_question_that_fits_calls_the_tool():
    assert script("What's the weather in Paris?", tools=[WEATHER]).steps == (
        ToolCall(0, "", "get_weather"),
        ToolArguments(0, '{"location":'),
        ToolArguments(0, ' "location"}'),
        BlockEnded(0),
        Usage(usage(5, 2)),
        Stopped("tool_calls"),
    )


@pytest.mark.parametrize(
    ("question", "called"),
    [
        ("What TIME is it?", ["currentTime"]),
        ("I have a billing question", ["transfer_to_billing_agent"]),
        ("get me a tool to call", []),
        ("a poem, please", ["write_poem"]),
        ("roll!", ["roll"]),
        ("whether or not", []),
        ("hello", []),
    ],
)
def test_the_telling_words_of_a_name_decide(question: str, called: list[str]):
    items = output_for(question, tools=[WEATHER, CLOCK, BILLING, POEM, MCP, HOSTED])
    assert [item["name"] for item in items if "name" in item] == called


def test_a_tools_result_is_quoted():
    call = {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"}
    assert text_for("weather?", call, output("sunny"), tools=[WEATHER]) == "The tool says: sunny"
    parts = [{"type": "input_text", "text": "rain"}, {"type": "input_image", "image_url": "x"}]
    both = (output("sunny"), output(parts, "custom_tool_call_output"))
    assert text_for("weather?", *both, tools=[WEATHER]) == "The tool says: sunny; rain"


def test_an_old_result_is_not_quoted_again():
    assert text_for("weather?", output("sunny"), "thanks", tools=[WEATHER]) == "thanks"


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("required", ["get_weather"]),
        ({"type": "function", "name": "currentTime"}, ["currentTime"]),
        ({"type": "custom", "name": "write_poem"}, ["write_poem"]),
        ({"type": "function", "name": "roll"}, ["roll"]),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "custom", "name": "write_poem"}],
            },
            ["write_poem"],
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "roll"}]}, []),
        ("none", []),
        ("auto", []),
        (None, []),
    ],
)
@pytest.mark.parametrize("after", [(), (output("done"),)])
def test_a_forced_tool_is_called(choice: Any, called: list[str], after: tuple[Json, ...]):
    items = output_for("hello", *after, tools=[WEATHER, CLOCK, POEM, MCP], tool_choice=choice)
    assert [item["name"] for item in items if "name" in item] == called


def test_a_required_choice_takes_what_fits():
    items = output_for("What time is it?", tools=[WEATHER, CLOCK], tool_choice="required")
    assert [item["name"] for item in items] == ["currentTime"]


def test_nothing_is_called_where_nothing_may_be():
    assert text_for("weather?", tools=[WEATHER], tool_choice="none") == "weather?"


@pytest.mark.parametrize(
    "choice", ["required", {"type": "web_search"}, {"type": "function", "name": "nobody"}]
)
def test_a_tool_that_no_script_can_play_is_refused_where_it_is_forced(choice: Any):
    with pytest.raises(InvalidRequestError) as raised:
        script("hi", tools=[HOSTED], tool_choice=choice)
    assert raised.value.param == "tool_choice"


def test_a_tool_that_no_script_can_play_is_left_out_and_named():
    assert rendered("hi", tools=[WEATHER, HOSTED]).dropped == ("tools[1]",)


def test_calls_are_made_by_keyword():
    assert calls_for("go [[call:get_weather]]", tools=[CLOCK, WEATHER]) == [
        ("get_weather", '{"location": "location"}')
    ]
    assert calls_for("go [[call:write_poem]]", tools=[POEM]) == [("write_poem", "go")]
    assert text_for("go [[call:nobody]]", tools=[WEATHER]) == "go"


def test_calls_run_in_parallel_unless_they_may_not():
    tools = [WEATHER, CLOCK]
    assert calls_for("go [[calls:3]]", tools=tools) == [
        ("get_weather", '{"location": "location"}'),
        ("currentTime", "{}"),
        ("get_weather", '{"location": "location"}'),
    ]
    assert len(calls_for("go [[calls:3]]", tools=tools, parallel_tool_calls=False)) == 1
    assert len(calls_for("go [[calls:99]]", tools=tools)) == MOST_CALLS


def rounds(prompt: str, *, most: int = 9, **request: Any) -> list[list[tuple[str, str]]]:
    """The calls of a whole turn, round by round, each answered by `ok`."""
    told: list[list[tuple[str, str]]] = []
    answers: list[Json] = []
    while len(told) < most and (calls := [c for c in calls_for(prompt, *answers, **request) if c[0]]):
        told.append(calls)
        answers += [output("ok")] * len(calls)
    return told


def test_calls_have_the_arguments_that_they_are_given():
    prompt = 'go [[call:get_weather {"location": "]] [[\\n", "days": [[1]]}]] now'
    assert rounds(prompt, tools=[WEATHER]) == [[("get_weather", '{"location": "]] [[\\n", "days": [[1]]}')]]
    assert text_for(prompt, output("ok"), tools=[WEATHER]) == "The tool says: ok"
    broken = "go [[call:roll {no}]]"
    assert text_for(broken, tools=[WEATHER]) == broken
    assert calls_for('[[call:write_poem {"raw": 1}]]', tools=[POEM]) == [("write_poem", '{"raw": 1}')]


def test_calls_are_made_in_rounds():
    prompt = 'go [[call:currentTime]] [[call:get_weather {"n": $n}]] [[then]] [[call:get_weather {"n": $n}]]'
    weather = ("get_weather", '{"n": 2}'), ("get_weather", '{"n": 3}')
    tools = [WEATHER, CLOCK]
    assert rounds(prompt, tools=tools) == [[("currentTime", "{}"), weather[0]], [weather[1]]]
    alone = rounds(prompt, tools=tools, parallel_tool_calls=False)
    assert alone == [[("currentTime", "{}")], [weather[0]], [weather[1]]]


def test_a_round_whose_tools_are_not_there_is_passed_over():
    prompt = "go [[call:nobody]] [[then]] [[call:currentTime]]"
    assert rounds(prompt, tools=[CLOCK]) == [[("currentTime", "{}")]]


def test_rounds_are_repeated():
    prompt = 'go [[call:currentTime {"n": $n}]] [[rounds:3]]'
    assert rounds(prompt, tools=[CLOCK]) == [[("currentTime", f'{{"n": {n}}}')] for n in (1, 2, 3)]
    assert len(rounds("[[call:currentTime]] [[rounds:99]]", tools=[CLOCK])) == 9
    assert rounds("[[call:currentTime]] [[rounds:2]]", tools=[CLOCK], tool_choice="none") == []


def test_calls_that_a_server_ran_are_answered():
    ran = {"type": "mcp_call", "id": "m", "server_label": "dice", "name": "roll", "arguments": "{}"}
    roll = {"type": "function", "name": "dice__roll"}
    prompt = "[[call:dice__roll]] [[then]] [[call:dice__roll]]"
    answered = {**ran, "output": "6", "error": None}
    assert calls_for(prompt, answered, tools=[roll]) == [("dice__roll", "{}")]
    failed = {**ran, "id": "n", "output": None, "error": {"type": "http_error", "code": 502, "message": "x"}}
    assert text_for(prompt, answered, failed, tools=[roll]) == "The tool says: 6; Error: HTTP 502: x"


def test_a_tool_of_a_namespace_is_called_in_it():
    assert [s for s in script("roll", tools=[MCP]).steps if isinstance(s, ToolCall)] == [
        ToolCall(0, "", "roll", "function_call", "mcp__dice")
    ]


# A coding agent.

SHELL = {"type": "function", "name": "exec_command", "parameters": {"type": "object"}}
STDIN = {"type": "function", "name": "write_stdin", "parameters": {"type": "object"}}
PATCH_TOOL = {"type": "custom", "name": "apply_patch"}
JAVASCRIPT = {
    "type": "additional_tools",
    "role": "developer",
    "tools": [{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}],
}
WISH = "Create a file docs/hello.txt containing 'Good day'."
PATCH = "*** Begin Patch\n*** Add File: docs/hello.txt\n+Good day\n*** End Patch\n"


def acts(*before: Json, tools: list[Json], wish: str = WISH) -> list[list[tuple[str, str]]]:
    """The calls of a whole turn, step by step, and at its end the text."""
    results = [output("ok"), output("ok")]
    steps = [calls_for(*before, wish, *results[:n], tools=tools) for n in range(2)]
    return [*steps, [("", text_for(*before, wish, *results, tools=tools))]]


def test_it_codes_with_a_shell_alone():
    assert acts(tools=[STDIN, SHELL]) == [
        [("exec_command", '{"cmd": "ls"}')],
        [("exec_command", json.dumps({"cmd": f"apply_patch <<'EOF'\n{PATCH}EOF\n"}))],
        [("", "The tool says: ok; ok")],
    ]


def test_it_codes_with_a_patch_tool():
    assert acts(tools=[SHELL, PATCH_TOOL]) == [
        [("exec_command", '{"cmd": "ls"}')],
        [("apply_patch", PATCH)],
        [("", "The tool says: ok; ok")],
    ]


def test_it_codes_in_javascript():
    assert acts(JAVASCRIPT, tools=[]) == [
        [("exec", 'text(await tools.exec_command({"cmd": "ls"}));\n')],
        [("exec", f"text(await tools.apply_patch({json.dumps(PATCH)}));\n")],
        [("", "The tool says: ok; ok")],
    ]
    call = next(s for s in script(JAVASCRIPT, WISH).steps if isinstance(s, ToolCall))
    assert (call.kind, call.namespace) == ("custom_tool_call", "functions")


@pytest.mark.parametrize(
    ("shell", "arguments"),
    [("shell", {"command": ["bash", "-lc", "ls"]}), ("shell_command", {"command": "ls"})],
)
def test_it_knows_older_shells(shell: str, arguments: Json):
    tools = [{"type": "function", "name": shell, "parameters": {}}]
    assert calls_for("[[codex]]", tools=tools) == [(shell, json.dumps(arguments))]


def test_a_coding_agents_tools_are_not_called_by_chance():
    assert text_for("Please execute the command to write stdin", tools=[SHELL, STDIN]).startswith("Please")


def test_a_keyword_makes_it_code_without_a_file():
    assert "hello.txt" in acts(tools=[SHELL], wish="[[codex]]")[1][0][1]


# Faults and waits.


def test_a_status_is_answered_by_request():
    failure = script("[[fault:429,7]]").failure
    assert isinstance(failure, UpstreamFailure)
    assert (failure.status, failure.headers["retry-after"]) == (429, "7")
    assert SCRIPTED.map_error(failure).code == "rate_limit_exceeded"
    assert script("[[fault:500]]").failure == UpstreamFailure(
        500,
        {"content-type": "application/json"},
        json.dumps(
            {"error": {"message": "Status 500, by request.", "type": None, "param": None, "code": None}}
        ),
    )


def test_the_connection_breaks_half_way():
    assert script("a b c d [[fault:cut]]").steps == (Text("answer", "a"), Text("answer", " b"), Cut())


def test_a_stream_ends_without_a_reason():
    assert script("a b [[fault:no_stop]]").steps == (Text("answer", "a"),)


@pytest.mark.parametrize("code", FAULTS)
def test_it_fails_half_way_with_a_code(code: str):
    *said, failed = script(f"a b [[fault:{code}]]").steps
    assert said == [Text("answer", "a")]
    assert isinstance(failed, Failed)
    assert failed.error.code == code


def test_codex_knows_every_code():
    assert FAULTS.keys() == {
        "rate_limit_exceeded",
        "server_error",
        "context_length_exceeded",
        "insufficient_quota",
        "server_is_overloaded",
    }


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_it_ends_incomplete_half_way(reason: str):
    assert script(f"a b [[fault:{reason}]]").steps == (
        Text("answer", "a"),
        Usage(usage(3, 2)),
        Stopped(reason),
    )


def test_a_fault_that_nobody_knows_is_the_requests():
    with pytest.raises(InvalidRequestError) as raised:
        script("[[fault:flood]]")
    assert raised.value.param == "input"


def test_it_waits_by_request():
    assert script("a b [[slow:200]] [[pause:50]]").steps[:4] == (
        Wait(200),
        Text("answer", "a"),
        Wait(50),
        Text("answer", " b"),
    )
    assert script(f"a [[slow:{LONGEST_WAIT_MS * 9}]]").steps[0] == Wait(LONGEST_WAIT_MS)


@pytest.mark.parametrize(
    "text", ["[[wiki link]]", "[[words:many]]", "[[fault]]", "[[]]", "[[slow:-1]]", "a [[b]] c"]
)
def test_brackets_that_mean_nothing_are_text(text: str):
    assert text_for(text) == text


def test_old_wishes_are_not_heard_again():
    assert text_for("[[refuse]]", {"role": "assistant", "content": "[[refuse]]"}, "go on") == "go on"


# Properties.

KEYWORDS = st.sampled_from(
    [
        "[[refuse]]",
        "[[reason]]",
        "[[codex]]",
        "[[plain]]",
        "[[calls:2]]",
        "[[words:7]]",
        "[[pause:1]]",
        "weather",
        "poem",
    ]
    + [f"[[fault:{fault}]]" for fault in ("cut", "no_stop", "content_filter", *FAULTS)]
)
PROMPTS = st.builds(lambda words: " ".join(words), st.lists(KEYWORDS | st.text(max_size=8), max_size=5))
TOOLS = st.lists(st.sampled_from([WEATHER, CLOCK, BILLING, POEM, MCP, HOSTED, SHELL, PATCH_TOOL]), max_size=4)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "tools": TOOLS,
        "tool_choice": st.sampled_from(
            ["auto", "none", "required", {"type": "function", "name": "get_weather"}]
        ),
        "reasoning": st.sampled_from([None, {}, {"effort": "low"}, {"summary": "auto"}]),
        "include": st.sampled_from([None, [], ["reasoning.encrypted_content"]]),
        "max_output_tokens": st.none() | st.integers(1, 9),
        "parallel_tool_calls": st.booleans(),
        "text": st.sampled_from(
            [None, {}, {"format": {"type": "text"}}, {"format": {"type": "json_object"}}]
        ),
        "instructions": st.none() | st.text(max_size=9),
    },
)


@given(PROMPTS, REQUESTS, st.lists(st.text(max_size=9), max_size=3))
def test_any_request_gets_a_legal_answer_and_always_the_same(prompt: str, request_: Json, results: list[str]):
    items = [prompt, *map(output, results)]
    try:
        told = script(*items, **request_)
    except InvalidRequestError as error:
        assert error.param in ("tool_choice", "input")  # noqa: PT017 (both ends are right)
        return
    deltas = [step for step in told.steps if not isinstance(step, Wait | Cut)]
    said = output_of(emit(deltas))  # checked against the grammar
    assert repr(told) == repr(script(*items, **request_))
    words = [d for d in deltas if isinstance(d, Text | Refusal | Reasoning | ToolArguments)]
    limit = request_.get("max_output_tokens")
    assert limit is None or len(words) <= limit
    for item in said:
        if item["type"] == "function_call" and item["status"] == "completed":
            assert isinstance(json.loads(item["arguments"]), dict)


@given(st.text(alphabet=st.characters(exclude_characters="["), max_size=40))
def test_text_comes_back_whole(text: str):
    said = "".join(step.text for step in script(text).steps if isinstance(step, Text))
    assert said == (text.strip() or "You said nothing.")
