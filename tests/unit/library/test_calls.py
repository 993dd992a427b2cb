"""What the functions take and give."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import lambda_responses
from lambda_responses import (
    APIError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    Timeout,
    UnsupportedParamsError,
    acancel_responses,
    acount_input_tokens,
    adelete_responses,
    aget_responses,
    alist_input_items,
    aresponses,
    cancel_responses,
    compact_responses,
    configure,
    count_input_tokens,
    delete_responses,
    export_thread,
    get_responses,
    list_input_items,
    list_thread,
    responses,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

ECHO = "scripted/echo"
ROUTE = "extra_headers extra_query extra_body timeout"
CREATE = (
    "input model include instructions max_output_tokens prompt metadata parallel_tool_calls"
    " previous_response_id reasoning store background stream temperature text text_format tool_choice tools"
    f" top_p truncation user service_tier safety_identifier {ROUTE}"
)
STORED = f"response_id {ROUTE} custom_llm_provider"
LITELLM = {
    "responses": f"{CREATE} allowed_openai_params custom_llm_provider",
    "aresponses": f"{CREATE} custom_llm_provider",
    "get_responses": f"{STORED} stream starting_after",
    "delete_responses": STORED,
    "cancel_responses": f"{STORED} litellm_metadata",
    "compact_responses": f"input model instructions previous_response_id {ROUTE} custom_llm_provider",
    "list_input_items": (
        "response_id after before include limit order extra_headers timeout custom_llm_provider"
    ),
}
"""The parameters of LiteLLM 1.109.1, in their order."""


@pytest.mark.parametrize("name", LITELLM)
@pytest.mark.parametrize("twin", ["", "a"])
def test_parameters_are_litellms_in_their_order(name: str, twin: str):
    function = getattr(lambda_responses, name if name.startswith("a") else twin + name)
    given = inspect.signature(function).parameters
    wanted = LITELLM.get(twin + name, LITELLM[name]).split()
    assert [*given] == [*wanted, "kwargs"]
    defaults = {"limit": 20, "order": "desc"}
    for each in given.values():
        if each.name not in ("input", "model", "response_id", "kwargs"):
            assert each.default == defaults.get(each.name)


def test_every_export_can_be_had():
    assert all(getattr(lambda_responses, name) is not None for name in lambda_responses.__all__)
    assert set(lambda_responses.__all__) <= set(dir(lambda_responses))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lambda_responses.nothing


def test_input_and_model_may_be_given_by_place():
    assert responses("Hello.", ECHO).output_text == "Hello."


def test_what_came_out_goes_in_again():
    first = responses("Hello.", ECHO)
    again = responses([*first.output, {"role": "user", "content": "More."}], ECHO, store=False)
    assert again.output_text == "More."


def test_objects_of_other_packages_go_in():
    class Said(BaseModel):
        role: str
        content: str
        status: str | None = None

    assert responses([Said(role="user", content="Hello.")], ECHO).output_text == "Hello."


def test_what_cannot_be_written_as_json_is_a_type_error():
    with pytest.raises(TypeError, match="object"):
        responses([object()], ECHO)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_no_word_for_is_a_bad_request(number: float):
    with pytest.raises(BadRequestError):
        responses("Hello.", ECHO, temperature=number)


@pytest.mark.parametrize(
    "call",
    [get_responses, delete_responses, cancel_responses, list_input_items, list_thread, export_thread],
)
def test_what_is_no_id_is_told_in_a_sentence(call: Callable[[Any], Any]):
    with pytest.raises(TypeError, match="response_id is a string, not NoneType"):
        _ = [*call(None)]


@pytest.mark.parametrize(
    "option",
    [
        {"max_retries": "a"},
        {"num_retries": 1.5},
        {"extra_headers": "a: b"},
        {"extra_query": 5},
        {"extra_body": [1]},
        {"litellm_metadata": "a"},
    ],
)
def test_an_option_of_another_type_is_told_by_its_name(option: dict[str, Any]):
    with pytest.raises(TypeError, match=next(iter(option))):
        responses("Hello.", ECHO, **option)


def test_the_callers_own_objects_stay_as_they_are():
    items = [{"role": "user", "content": "Hello."}]
    responses(items, ECHO)
    assert items == [{"role": "user", "content": "Hello."}]


async def test_both_kinds_of_function_share_what_is_stored():
    made = await aresponses("Hello.", ECHO)
    assert get_responses(made.id) == await aget_responses(made.id) == made
    assert list_input_items(made.id) == await alist_input_items(made.id)
    assert [event.type for event in get_responses(made.id, stream=True)] == [
        event.type async for event in await aget_responses(made.id, stream=True)
    ]
    with pytest.raises(BadRequestError, match="synchronous"):
        cancel_responses(made.id)
    with pytest.raises(BadRequestError, match="synchronous"):
        await acancel_responses(made.id)
    assert (await adelete_responses(made.id)).deleted
    with pytest.raises(NotFoundError) as gone:
        delete_responses(made.id)
    assert (gone.value.status_code, gone.value.type) == (404, "invalid_request_error")


async def test_a_blocking_call_works_where_a_loop_runs():
    assert responses("Hello.", ECHO).output_text == "Hello."
    assert [*responses("Hello.", ECHO, stream=True)][-1].response.output_text == "Hello."


async def test_counting_has_both_kinds():
    one, other = count_input_tokens("Hello.", ECHO), await acount_input_tokens("Hello.", ECHO)
    assert one == other
    assert (one.object, one.counter, one.target) == ("response.input_tokens", "tokenizer", ECHO)


def test_a_compacted_context_is_input():
    first = responses("My name is Ada.", ECHO)
    short = compact_responses(None, ECHO, previous_response_id=first.id)
    assert short.output[-1].type == "compaction"
    assert responses([*short.output, {"role": "user", "content": "Go on."}], ECHO).output_text == "Go on."


def test_a_provider_that_is_named_wins_over_the_models_name():
    assert responses("Hello.", "openai/anything", custom_llm_provider="scripted").target.startswith(
        "scripted/"
    )


def test_what_is_for_litellm_alone_changes_nothing():
    answer = responses("Hello.", ECHO, drop_params=True, litellm_call_id="1", caching=False, tags=["a"])
    assert answer.output_text == "Hello."


def test_a_setting_that_nobody_knows_is_refused():
    with pytest.raises(BadRequestError) as error:
        responses("Hello.", ECHO, temprature=1)
    assert error.value.code == "unknown_parameter"
    with pytest.raises(TypeError, match="temprature"):
        get_responses("resp_1", temprature=1)


def test_the_body_takes_what_is_extra():
    assert responses("Hello.", ECHO, extra_body={"metadata": {"a": "b"}}).metadata.a == "b"


def test_a_mocked_answer_asks_nobody():
    answer = responses("Hello.", "openai/gpt-5", mock_response="Four words are here.")
    assert answer.output_text == "Four words are here."
    deltas = [e.delta for e in responses("x", "gpt-5", mock_response="a b", stream=True) if "delta" in e]
    assert deltas == ["a", " b"]


@pytest.mark.parametrize(
    ("prompt", "kind", "status"),
    [
        ("[[fault:429,3]]", RateLimitError, 429),
        ("[[fault:server_error]]", InternalServerError, 500),
        ("[[fault:cut]]", InternalServerError, 500),
    ],
)
def test_faults_have_the_names_that_programs_know(prompt: str, kind: type[APIError], status: int):
    with pytest.raises(kind) as error:
        responses(prompt, ECHO)
    assert error.value.status_code == status


def test_a_page_is_judged_as_its_route_judges_it():
    made = responses("Hello.", ECHO)
    with pytest.raises(BadRequestError) as error:
        list_input_items(made.id, limit=1000)
    assert error.value.param == "limit"
    with pytest.raises(UnsupportedParamsError):
        list_input_items(made.id, before="msg_1")


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_waits_no_longer_than_it_is_told(stream: bool):
    with pytest.raises(Timeout) as error:
        list(responses("x [[slow:60000]]", ECHO, stream=stream, timeout=0.05))
    assert error.value.status_code == 408


def test_settings_that_cannot_be_used_are_told_in_one_sentence():
    configure({"RESPONSES_NO_SUCH_THING": "1"})
    with pytest.raises(lambda_responses.SettingsError, match="RESPONSES_NO_SUCH_THING"):
        responses("Hello.", ECHO)


def test_tenants_do_not_see_each_other(tmp_path: Any):
    store = {"RESPONSES_STORE": f"sqlite:///{tmp_path}/responses.db"}
    configure(store, tenant="one")
    made = responses("Hello.", ECHO)
    configure(store, tenant="two")
    with pytest.raises(NotFoundError):
        get_responses(made.id)
    configure(store, tenant="one")
    assert get_responses(made.id) == made
