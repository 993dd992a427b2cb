"""Searching the web with chat servers that can: what they are asked, and what a client hears of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambda_responses.transformers.base import Rendered, Turn
from lambda_responses.transformers.chat_completions import CHAT_COMPLETIONS, ChatProfile, profiles
from lambda_responses.wire.errors import InvalidRequestError
from tests.kit import emit, output_of

Json = dict[str, Any]

USER: Json = {"type": "message", "role": "user", "content": "Hi"}
FUNCTION: Json = {"type": "function", "name": "f", "parameters": {}}
PLACE: Json = {"type": "approximate", "country": "DE", "city": "Berlin"}
PREVIEW = "gpt-4o-search-preview"


def render(profile: ChatProfile, model: str, *tools: Json, **request: Any) -> Rendered:
    turn = Turn(model, {"tools": list(tools), **request}, [USER])
    return CHAT_COMPLETIONS.render_request(turn, profile)


def search(**members: Any) -> Json:
    return {"type": "web_search", **members}


@pytest.mark.parametrize(
    ("profile", "model", "tool", "body"),
    [
        (profiles.OPENAI, PREVIEW, search(), {"web_search_options": {}}),
        (
            profiles.OPENAI,
            PREVIEW,
            search(search_context_size="low", user_location=PLACE),
            {
                "web_search_options": {
                    "search_context_size": "low",
                    "user_location": {
                        "type": "approximate",
                        "approximate": {"country": "DE", "city": "Berlin"},
                    },
                }
            },
        ),
        (
            profiles.OPENROUTER,
            "x/y",
            search(filters={"allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}),
            {
                "tools": [
                    {
                        "type": "openrouter:web_search",
                        "parameters": {"allowed_domains": ["a.example"], "excluded_domains": ["b.example"]},
                    }
                ]
            },
        ),
        (profiles.GROQ, "openai/gpt-oss-20b", search(), {"tools": [{"type": "browser_search"}]}),
        (
            profiles.GROQ,
            "groq/compound",
            search(filters={"allowed_domains": ["a.example"]}),
            {"search_settings": {"include_domains": ["a.example"]}},
        ),
        (
            profiles.PERPLEXITY,
            "sonar",
            search(filters={"allowed_domains": ["a.example"]}, search_context_size="high"),
            {
                "search_domain_filter": ["a.example"],
                "web_search_options": {"search_context_size": "high"},
            },
        ),
    ],
)
def test_a_server_that_searches_is_asked_in_its_own_words(
    profile: ChatProfile, model: str, tool: Json, body: Json
) -> None:
    rendered = render(profile, model, tool)
    members = {"tools", "web_search_options", "search_settings", "search_domain_filter"}
    assert {name: value for name, value in rendered.body.items() if name in members} == body
    assert rendered.dropped == ()


def test_one_request_leaves_nothing_behind_for_the_next() -> None:
    render(profiles.OPENAI, PREVIEW, search(search_context_size="low", user_location=PLACE))
    assert render(profiles.OPENAI, PREVIEW, search()).body["web_search_options"] == {}
    render(profiles.ZAI, "glm-5", search(search_context_size="low"))
    assert set(render(profiles.ZAI, "glm-5", search()).body["tools"][0]["web_search"]) == {
        "enable",
        "search_engine",
        "search_result",
    }


def test_functions_and_a_search_stand_side_by_side() -> None:
    rendered = render(profiles.OPENROUTER, "x/y", FUNCTION, search(), parallel_tool_calls=False)
    assert [tool["type"] for tool in rendered.body["tools"]] == ["function", "openrouter:web_search"]
    assert rendered.body["parallel_tool_calls"] is False
    rendered = render(profiles.OPENROUTER, "x/y", search(), parallel_tool_calls=False)
    assert "parallel_tool_calls" not in rendered.body


def test_hints_without_a_place_are_named() -> None:
    tool = search(search_context_size="low", user_location=PLACE, external_web_access=True)
    assert render(profiles.GROQ, "openai/gpt-oss-20b", FUNCTION, tool).dropped == (
        "tools[1].search_context_size",
        "tools[1].user_location.type",
        "tools[1].user_location.country",
        "tools[1].user_location.city",
        "tools[1].external_web_access",
    )


def test_limits_on_sources_are_kept_or_refused() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        render(profiles.OPENAI, PREVIEW, search(filters={"allowed_domains": ["a.example"]}))
    assert refused.value.param == "tools[0].filters.allowed_domains"
    empty = search(filters={"allowed_domains": [], "blocked_domains": None}, user_location=None)
    assert render(profiles.OPENAI, PREVIEW, empty).dropped == ()


@pytest.mark.parametrize("model", ["gpt-4o", "o3"])
def test_a_model_that_cannot_search_is_not_asked_to(model: str) -> None:
    rendered = render(profiles.OPENAI, model, search())
    assert rendered.dropped == ("tools[0]",)
    assert "web_search_options" not in rendered.body
    with pytest.raises(InvalidRequestError) as refused:
        render(profiles.OPENAI, model, search(), tool_choice={"type": "web_search"})
    assert refused.value.param == "tool_choice"


FORCED: Json = {"type": "web_search_preview"}


def test_a_search_can_be_insisted_on_where_the_server_sees_to_it() -> None:
    assert "tool_choice" not in render(profiles.OPENAI, PREVIEW, search(), tool_choice=FORCED).body
    groq = render(profiles.GROQ, "openai/gpt-oss-20b", FUNCTION, search(), tool_choice=FORCED).body
    assert (groq["tools"], groq["tool_choice"]) == ([{"type": "browser_search"}], "required")
    with pytest.raises(InvalidRequestError) as refused:
        render(profiles.OPENROUTER, "x/y", search(), tool_choice=FORCED)
    assert refused.value.param == "tool_choice"


def test_no_search_is_made_where_no_tool_may_be_used() -> None:
    assert render(profiles.PERPLEXITY, "sonar", search(), tool_choice="none").body["disable_search"] is True
    assert "tools" not in render(profiles.OPENROUTER, "x/y", search(), tool_choice="none").body


# Answers.


def heard(*chunks: Json, include: tuple[str, ...] = (), profile: ChatProfile = profiles.GROQ) -> list[Json]:
    decoder = CHAT_COMPLETIONS.decoder(Turn("m", {"include": list(include)}, []), profile)
    deltas = [delta for chunk in chunks for delta in decoder.feed(chunk)]
    return output_of(emit([*deltas, *decoder.end(marked=True)]))


def chunk(finish: str | None = None, **delta: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def executed(kind: str, arguments: Any = None, **members: Any) -> Json:
    return {"index": 0, "type": kind, "arguments": json.dumps(arguments or {}), **members}


FOUND = {"results": [{"title": "A", "url": "https://a.example"}, {"url": "https://a.example"}]}


def test_a_tool_that_ran_is_told_once_and_before_what_was_said_after_it() -> None:
    begun, done = executed("search", {"query": "q"}), executed("search", {"query": "q"}, output="x")
    output = heard(
        chunk(reasoning="Hm"),
        chunk(executed_tools=[begun]),
        chunk(executed_tools=[done]),
        chunk(executed_tools=[done]),
        chunk("stop", content="A."),
    )
    assert [item["type"] for item in output] == ["reasoning", "web_search_call", "message"]
    assert output[1]["action"] == {"type": "search", "query": "q", "queries": ["q"]}
    assert output[1]["status"] == "completed"


def test_sources_are_shown_to_who_asks_for_them() -> None:
    done = executed("browser_search", {"query": "q"}, output="x", search_results=FOUND)
    output = heard(
        chunk("stop", executed_tools=[done], content="A."), include=("web_search_call.action.sources",)
    )
    assert output[0]["action"]["sources"] == [{"type": "url", "url": "https://a.example"}]


@pytest.mark.parametrize(
    ("tool", "action"),
    [
        (
            executed("visit", {"url": "https://a.example"}, output=""),
            {"type": "open_page", "url": "https://a.example"},
        ),
        (executed("browser.open", {"cursor": 0}, output=""), {"type": "open_page"}),
        (
            executed("browser.find", {"pattern": "p"}, output="", search_results=FOUND),
            {"type": "find_in_page", "pattern": "p", "url": "https://a.example"},
        ),
        ({"type": "search", "arguments": "no {json", "output": ""}, {"type": "search"}),
    ],
)
def test_pages_are_opened_and_searched_too(tool: Json, action: Json) -> None:
    assert heard(chunk("stop", executed_tools=[tool], content="A."))[0]["action"] == action


def test_code_that_ran_is_no_search() -> None:
    output = heard(chunk("stop", executed_tools=[executed("python", output="1")], content="A."))
    assert [item["type"] for item in output] == ["message"]


def test_sources_beside_an_answer_are_of_a_search_before_it() -> None:
    sources = {"search_results": [{"url": "https://a.example", "title": "A"}]}
    output = heard(
        {**chunk(content="A"), **sources},
        {**chunk("stop", content=" [1]"), **sources},
        profile=profiles.PERPLEXITY,
    )
    assert [item["type"] for item in output] == ["web_search_call", "message"]
    (annotation,) = output[1]["content"][0]["annotations"]
    assert (annotation["start_index"], annotation["end_index"]) == (2, 5)


def test_a_search_of_which_only_the_end_tells_is_told_at_the_end() -> None:
    counted = {
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "total_tokens": 2,
        "server_tool_use_details": {"web_search_requests": 1},
    }
    output = heard(
        chunk("stop", content="A."), {"choices": [], "usage": counted}, profile=profiles.OPENROUTER
    )
    assert [item["type"] for item in output] == ["message", "web_search_call"]
    cited = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    output = heard(chunk(content="A."), chunk("stop", annotations=[cited]), profile=profiles.OPENAI)
    assert [item["type"] for item in output] == ["message", "web_search_call"]


def test_addresses_under_another_name_are_sources_too() -> None:
    found = [{"link": "https://a.example", "title": "A"}, "nonsense", 5, {}]
    output = heard({**chunk("stop", content="A."), "web_search": found}, profile=profiles.ZAI)
    assert [item["type"] for item in output] == ["web_search_call", "message"]
    assert output[1]["content"][0]["annotations"][0]["url"] == "https://a.example"
