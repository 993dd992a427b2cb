"""Turns of models that no one has met: deltas in any order, for Hypothesis to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from hypothesis import strategies as st

from lambda_responses.stream.deltas import (
    Annotation,
    BlockEnded,
    Delta,
    Envelope,
    Failed,
    ItemEvent,
    ItemOpened,
    Opaque,
    Reasoning,
    Refusal,
    Stopped,
    StopReason,
    Text,
    ToolArguments,
    ToolCall,
    Usage,
)
from lambda_responses.wire.errors import OverloadedError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Json = dict[str, Any]

BLOCKS = st.integers(0, 3)
PARTS = st.integers(0, 2)
TEXTS = st.text(max_size=3)
CALL_IDS = st.sampled_from(["", "call_a", "call_b", "x" * 70])
STATUSES = st.sampled_from(["in_progress", "completed", "incomplete", "odd", None])
LOGPROBS = st.lists(st.builds(lambda token: {"token": token, "logprob": -1.0}, TEXTS), max_size=2)
CITATIONS = st.builds(
    lambda start, length: {"type": "url_citation", "start_index": start, "end_index": start + length},
    *[st.integers(0, 9), st.integers(0, 9)],
)


def parts(*kinds: str) -> SearchStrategy[Any]:
    """The parts of a finished item, or something else in their place."""
    part = st.builds(
        lambda kind, text, citations: {"type": kind, "text": text, "refusal": text, "annotations": citations},
        *[st.sampled_from(kinds), TEXTS, st.lists(CITATIONS, max_size=2) | st.none()],
    )
    return st.lists(part | st.just({"type": "odd"}), max_size=3) | st.none() | st.just("odd")


def some(**members: SearchStrategy[Any]) -> SearchStrategy[Json]:
    """An object with some of these members."""
    return st.fixed_dictionaries({}, optional={**members, "status": STATUSES, "id": st.just("theirs")})


MEMBERS: dict[str, SearchStrategy[Json]] = {
    "message": some(content=parts("output_text", "refusal"), phase=st.just("commentary")),
    "reasoning": some(
        summary=parts("summary_text"), content=parts("reasoning_text"), encrypted_content=st.just("s")
    ),
    "function_call": some(
        arguments=st.sampled_from(['{"a":1}', "{", "", None]), call_id=CALL_IDS | st.none()
    ),
    "custom_tool_call": some(input=TEXTS, call_id=CALL_IDS),
    "web_search_call": some(action=st.just({"type": "search"})),
    "mcp_list_tools": some(tools=st.just([])),
}

ITEMS_SAID = st.sampled_from(list(MEMBERS)).flatmap(
    lambda kind: MEMBERS[kind].map(lambda members: {**members, "type": kind})
)
SEARCHING: Json = {"type": "response.web_search_call.searching", "item_id": "theirs", "output_index": 9}

IMPLIED: SearchStrategy[Delta] = st.one_of(
    st.builds(Text, BLOCKS, TEXTS, LOGPROBS, PARTS),
    st.builds(Text, BLOCKS, TEXTS),
    st.builds(Refusal, BLOCKS, TEXTS, PARTS),
    st.builds(Reasoning, BLOCKS, TEXTS, st.booleans(), PARTS),
    st.builds(ToolCall, BLOCKS, CALL_IDS, TEXTS, st.sampled_from(["function_call", "custom_tool_call"])),
    st.builds(ToolArguments, BLOCKS, st.sampled_from(["", "{", "}", '"a":', "1", "{}"])),
    st.builds(Annotation, BLOCKS, CITATIONS, PARTS),
    st.builds(Opaque, BLOCKS, st.just({"signature": "secret"})),
    st.builds(BlockEnded, BLOCKS),
)
ASIDE: SearchStrategy[Delta] = st.one_of(
    st.builds(Envelope, some(model=TEXTS, output=st.just([]))),
    st.builds(Usage, st.builds(lambda n: {"total_tokens": n}, st.integers(0, 9))),
)
NATIVE: SearchStrategy[Delta] = st.one_of(
    st.builds(ItemOpened, BLOCKS, ITEMS_SAID),
    st.builds(ItemEvent, BLOCKS, st.just(SEARCHING)),
    st.builds(BlockEnded, BLOCKS, ITEMS_SAID),
)
END: SearchStrategy[Delta] = st.one_of(
    st.builds(Stopped, st.sampled_from(get_args(StopReason))),
    st.just(Failed(OverloadedError("No room."))),
)
ENDS = st.lists(END, max_size=2)

STEP = object()
"""Stands for the end of an upstream step."""


def turns(*said: SearchStrategy[Any]) -> SearchStrategy[list[Any]]:
    return st.builds(lambda body, end: [*body, *end], st.lists(st.one_of(*said), max_size=15), ENDS)


IMPLIED_TURNS = turns(IMPLIED)
TURNS = turns(IMPLIED, NATIVE, ASIDE, END, st.just(STEP))
