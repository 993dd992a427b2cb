"""Filters of tools, as requests and operators write them."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_responses.tools.filters import ToolFilter, read_filter
from lambda_responses.tools.servers.server import ListedTool

READS = ListedTool("look", annotations={"readOnlyHint": True})
WRITES = ListedTool("roll", annotations={"readOnlyHint": False})
SILENT = ListedTool("wait")
CONTRADICTS = ListedTool("wipe", annotations={"readOnlyHint": True, "destructiveHint": True})


@pytest.mark.parametrize(
    ("value", "passing"),
    [
        ([], []),
        (["roll"], [WRITES]),
        ({}, [READS, WRITES, SILENT]),
        ({"tool_names": None, "read_only": None}, [READS, WRITES, SILENT]),
        ({"tool_names": []}, []),
        ({"tool_names": ["look", "wait"]}, [READS, SILENT]),
        ({"read_only": True}, [READS]),
        ({"read_only": False}, [WRITES, SILENT]),
        ({"tool_names": ["look", "wait"], "read_only": True}, [READS]),
    ],
)
def test_a_tool_passes_that_is_all_of_what_is_asked_for(value: Any, passing: list[ListedTool]) -> None:
    assert [tool for tool in (READS, WRITES, SILENT) if read_filter(value).passes(tool)] == passing


def test_a_tool_that_says_that_it_destroys_too_does_not_only_read() -> None:
    assert not read_filter({"read_only": True}).passes(CONTRADICTS)
    assert read_filter({"read_only": False}).passes(CONTRADICTS)


@pytest.mark.parametrize("hint", ["true", 1, None, []])
def test_only_a_plain_yes_says_that_a_tool_only_reads(hint: Any) -> None:
    tool = ListedTool("look", annotations={"readOnlyHint": hint})
    assert not ToolFilter(read_only=True).passes(tool)


def test_a_named_servers_tools_may_be_called_as_litellm_calls_them() -> None:
    given = read_filter(["dice-roll", "look"], server="dice")
    assert given.passes(WRITES)
    assert given.passes(READS)
    assert given.passes(ListedTool("dice-roll"))
    assert not read_filter(["dice-roll"], server="other").passes(WRITES)
