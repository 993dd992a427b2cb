"""The API's JSON, read by attributes."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from lambda_responses import ItemPage, JsonObject, Response, mock_responses_api_response

MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "4", "annotations": []}]}
DATA = {
    "object": "response",
    "id": "resp_1",
    "status": "completed",
    "output": [{"type": "reasoning", "summary": []}, MESSAGE, MESSAGE],
    "usage": {"input_tokens": 3},
    "error": None,
}


def test_members_are_read_as_attributes_and_by_name():
    answer = Response(DATA)
    assert answer.usage.input_tokens == answer["usage"]["input_tokens"] == 3
    assert answer.output[1].content[0].text == "4"
    assert answer.error is None
    assert answer.get("usage").input_tokens == 3
    assert answer.get("nothing", 7) == 7
    assert "usage" in answer
    assert "nothing" not in answer


def test_what_is_not_there_is_told_apart_from_what_is_null():
    answer = Response(DATA)
    assert not hasattr(answer, "delta")
    with pytest.raises(AttributeError, match="delta"):
        _ = answer.delta
    with pytest.raises(KeyError):
        _ = answer["delta"]


def test_nothing_can_be_set():
    answer = Response(DATA)
    with pytest.raises(AttributeError):
        answer.id = "resp_2"
    with pytest.raises(AttributeError):
        del answer.id


def test_a_member_named_as_a_method_of_dicts_is_still_read():
    assert JsonObject({"keys": ["CTRL"], "values": [1]}).keys == ["CTRL"]


def test_a_dump_is_plain_and_the_callers_own():
    answer = Response(DATA)
    dumped = answer.model_dump()
    dumped["output"].clear()
    assert len(answer.output) == 3
    assert "error" not in answer.model_dump(exclude_none=True)
    assert json.loads(answer.model_dump_json()) == json.loads(answer.model_dump_json(indent=2)) == DATA
    assert dict(answer)["usage"].input_tokens == 3


def test_the_text_of_an_answer_is_all_of_its_messages():
    assert Response(DATA).output_text == "44"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_an_answer_can_be_copied(copied):
    answer = copied(Response(DATA, target="scripted/echo", dropped=["seed"]))
    assert answer == Response(DATA)
    assert (answer.target, answer.dropped) == ("scripted/echo", ("seed",))
    assert answer.bound is None


def test_a_bound_is_known_of_responses_that_were_read_too():
    assert Response({**DATA, "bound": "max_steps"}).bound == "max_steps"
    assert Response(DATA, bound="max_steps").bound == "max_steps"


def message(text: str, status: str) -> dict[str, object]:
    return {"type": "message", "status": status, "content": [{"type": "output_text", "text": text}]}


CUT, WHOLE = message('{"n": ', "incomplete"), message('{"n": 1}', "completed")


@pytest.mark.parametrize("output", [[CUT, WHOLE], [CUT, CUT, WHOLE], [WHOLE, CUT]])
def test_a_message_that_was_cut_and_said_anew_does_not_count(output: list[object]):
    answer = Response({"status": "completed", "output": output}, json.loads)
    assert (answer.output_text, answer.output_parsed) == ('{"n": 1}', {"n": 1})
    assert len(answer.output) == len(output)


def test_of_an_answer_that_ends_in_the_middle_the_last_message_counts():
    assert Response({"status": "incomplete", "output": [CUT, {**CUT}]}).output_text == '{"n": '
    assert Response({"status": "completed", "output": [CUT]}, json.loads).output_parsed is None


def test_a_page_is_a_dict_whose_items_have_attributes_besides():
    page = ItemPage(data=[MESSAGE], has_more=False, first_id="a", last_id="b")
    assert json.loads(json.dumps(page))["data"] == [MESSAGE]
    assert page["data"][0]["content"][0]["text"] == page.data[0].content[0].text == "4"
    assert (page.has_more, page.first_id, page.last_id) == (False, "a", "b")


def test_a_mocked_answer_says_what_it_is_given():
    assert mock_responses_api_response("Hi.").output_text == "Hi."
