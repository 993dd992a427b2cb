"""What a turn's tools and choice come to, for formats that host some tools and for those that host none."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.transformers.base import Turn
from lambda_responses.transformers.tool_choice import Offer, describe, parameters_of, read_offer
from lambda_responses.wire.errors import InvalidRequestError

Json = dict[str, Any]

F: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}, "description": "F."}
G: Json = {"type": "custom", "name": "g", "description": "G."}
SPACE: Json = {"type": "namespace", "name": "n", "tools": [{**F, "description": "Another."}]}
SEARCH: Json = {"type": "web_search_preview"}
FILES: Json = {"type": "file_search", "vector_store_ids": ["v"]}


def offer(*tools: Json, choice: Any = None, hosts: tuple[str, ...] = (), items: Any = ()) -> Offer:
    request = {"tools": list(tools), "tool_choice": choice}
    return read_offer(Turn("m", request, list(items)), hosts=hosts)


def names(found: Offer) -> list[str]:
    return [tool.flat for tool in found.functions]


def kinds(found: Offer) -> list[str]:
    return [tool.tool["type"] for tool in found.hosted]


def test_a_tool_that_nobody_hosts_is_left_out_and_named() -> None:
    found = offer(F, SEARCH, FILES, hosts=("web_search",))
    assert names(found) == ["f"]
    assert kinds(found) == ["web_search_preview"]
    assert found.dropped == ["tools[2]"]
    assert (found.mode, found.named, found.narrowed) == ("auto", None, False)


def test_tools_that_arrive_in_the_input_are_offered_too() -> None:
    item = {"type": "additional_tools", "tools": [F]}
    assert [tool.path for tool in offer(G, items=[item]).functions] == ["tools[0]", "input[0].tools[0]"]


def test_a_server_of_tools_is_no_tool_of_an_upstream() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        offer(F, {"type": "mcp", "server_label": "s"})
    assert refused.value.param == "tools[1]"


@pytest.mark.parametrize(
    ("choice", "mode", "functions", "hosted", "named"),
    [
        (None, "auto", ["f", "g", "n__f"], 1, None),
        ("auto", "auto", ["f", "g", "n__f"], 1, None),
        ("none", "none", ["f", "g", "n__f"], 1, None),
        ("required", "required", ["f", "g", "n__f"], 1, None),
        ({"type": "function", "name": "f"}, "required", ["f"], 0, "f"),
        ({"type": "function", "name": "f", "namespace": "n"}, "required", ["n__f"], 0, "n__f"),
        ({"type": "custom", "name": "g"}, "required", ["g"], 0, "g"),
        ({"type": "web_search"}, "required", [], 1, ""),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            "auto",
            ["f"],
            0,
            None,
        ),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": "g"}, SEARCH]},
            "required",
            ["g"],
            1,
            None,
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, "auto", [], 0, None),
    ],
)
def test_a_choice_says_which_tools_may_be_used(
    choice: Any, mode: str, functions: list[str], hosted: int, named: str | None
) -> None:
    found = offer(F, G, SPACE, SEARCH, choice=choice, hosts=("web_search",))
    assert (found.mode, names(found), len(found.hosted)) == (mode, functions, hosted)
    assert (found.named.flat if found.named else None) == named
    assert found.narrowed == (len(functions) + hosted < 4)


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "name": "unknown"},
        {"type": "function", "name": "f", "namespace": "other"},
        {"type": "file_search"},
        {"type": "computer_use"},
        "perhaps",
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused(choice: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        offer(F, FILES, choice=choice, hosts=("web_search",))
    assert refused.value.param == "tool_choice"


@pytest.mark.parametrize(
    "choice",
    ["required", {"type": "allowed_tools", "mode": "required", "tools": [FILES]}],
)
def test_nothing_to_use_where_something_must_be_used_is_refused(choice: Any) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        offer(FILES, choice=choice)
    assert refused.value.param == "tool_choice"


def test_a_name_alone_means_the_tool_outside_of_namespaces_before_one_inside() -> None:
    choice = {"type": "function", "name": "f"}
    assert names(offer(SPACE, F, choice=choice)) == ["f"]
    assert names(offer(SPACE, choice=choice)) == ["n__f"]


def test_a_custom_tool_is_described_as_a_function_of_one_string() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
    found = offer(F, {**G, "format": grammar}, {"type": "function", "name": "h"})
    assert [describe(tool).partition("\n")[0] for tool in found.functions] == ["F.", "G.", ""]
    assert "start: X" in describe(found.functions[1])
    assert list(parameters_of(found.functions[1])["properties"]) == ["input"]
    assert parameters_of(found.functions[2]) == {"type": "object", "properties": {}}
