"""What the scripted model looks at before it answers: the question, its wishes, the tools, what they said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_responses.transformers.scripted.keywords import Keywords, read_keywords
from lambda_responses.transformers.server_calls import with_plain_calls
from lambda_responses.transformers.tool_names import names_of, tools_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.tool_names import OfferedTool
    from lambda_responses.wire.json import Json

_OUTPUTS = ("function_call_output", "custom_tool_call_output")


@dataclass(frozen=True, slots=True)
class Scene:
    """One turn, as far as it matters."""

    request: Json
    question: str
    """The last user message, without keywords."""
    wishes: Keywords
    tools: Sequence[OfferedTool]
    """Functions and custom tools; namespaces are opened up."""
    others: Sequence[OfferedTool]
    """Tools that run on a provider's servers: nothing that a script can play."""
    step: int
    """How many answers it has given to the question, the next one included."""
    outputs: Sequence[str]
    """What tools have said since the question."""
    input_words: int


def look_at(turn: Turn) -> Scene:
    """The scene of that turn."""
    items = [item for _, item in with_plain_calls(turn.items, turn.origins)]
    asked = max((n for n, item in enumerate(items) if item.get("role") == "user"), default=-1)
    question, wishes = read_keywords("".join(_texts(items[asked])) if asked >= 0 else "")
    offered = names_of(tools_of(turn.request, turn.items))[1]
    said = [str(turn.request.get("instructions") or ""), *(t for item in items for t in _texts(item))]
    return Scene(
        request=turn.request,
        question=question,
        wishes=wishes,
        tools=[each for each in offered if each.tool.get("type") in ("function", "custom")],
        others=[each for each in offered if each.tool.get("type") not in ("function", "custom")],
        step=1 + sum(item.get("role") == "assistant" for item in items[asked + 1 :]),
        outputs=["".join(_texts(item)) for item in items[asked + 1 :] if item.get("type") in _OUTPUTS],
        input_words=sum(len(text.split()) for text in said),
    )


def _texts(item: Json) -> Iterator[str]:
    """Everything in an item that is text."""
    for key in ("content", "output", "arguments", "input"):
        match item.get(key):
            case str(text):
                yield text
            case [*parts]:
                for part in parts:
                    match part:
                        case {"text": str(text)} | {"refusal": str(text)}:
                            yield text
                        case _:
                            pass
            case _:
                pass
