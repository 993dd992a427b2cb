"""The context as messages: user and assistant by turns, results of tools first in the user's.

https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages says where system text
may stand: after a user message, before an assistant's or at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from lambda_responses.transformers.anthropic_messages.assistant import (
    THINKING,
    AssistantBlocks,
    usable_id,
    without_unanswered,
)
from lambda_responses.transformers.anthropic_messages.content import (
    render_content,
    render_text,
    texts_of,
    unkept_details,
)
from lambda_responses.transformers.anthropic_messages.replay import is_kept
from lambda_responses.transformers.passages import passages
from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.transformers.anthropic_messages.plan import Plan
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.passages import Passage
    from lambda_responses.wire.json import Json

BEGUN_BEFORE = "[The conversation begins with the assistant.]"
"""What stands before an assistant's message that nothing precedes: a user must speak first."""
GOES_ON = "[The conversation goes on with the assistant.]"
"""What stands after an assistant's message that nothing follows, where the user must have the last word."""


@dataclass(slots=True)
class Conversation:
    """The system prompt and the messages; and what of the last turn the request depends on."""

    system: list[Json] = field(default_factory=list["Json"])
    messages: list[Json] = field(default_factory=list["Json"])
    container: str | None = None
    """The machine on which the programs of a turn ran that is still going on."""
    dropped: list[str] = field(default_factory=list[str])
    """Items that do not stand where they came, and what their parts asked for in vain, by their paths."""

    @property
    def is_paused(self) -> bool:
        """Whether the assistant has the last word, at a hosted tool: there it goes on as it was."""
        if not self.messages or self.messages[-1]["role"] != "assistant":
            return False
        blocks: list[Json] = self.messages[-1]["content"]
        return blocks[-1]["type"] != "text" or without_unanswered(blocks) != blocks

    @property
    def calls_without_thought(self) -> bool:
        """Whether the turn that is going on began with something else than a thought."""
        first: Json | None = None
        for said, answered in zip(self.messages[-2::-2], self.messages[::-2], strict=False):
            if answered["content"][0]["type"] != "tool_result":
                break
            first = said["content"][0]
        return first is not None and first["type"] not in THINKING


def render_conversation(turn: Turn, plan: Plan) -> Conversation:
    """All that was said; what the plan has to say in words is added to the system prompt.

    Raises `InvalidRequestError`, naming the item, for what cannot be carried, for a result without its call,
    for a call without its result, and for a context in which nobody said anything.
    """
    writing = _Writing(turn, plan)
    for text in (turn.request.get("instructions") or "", plan.answer.advice):
        writing.told.system += render_text(text)
    for passage in passages(turn.items, turn.origins, keep=partial(is_kept, origins=turn.origins)):
        writing.add(passage)
    return writing.end()


class _Writing:
    def __init__(self, turn: Turn, plan: Plan) -> None:
        self.told = Conversation()
        self._profile = plan.profile
        self._ends_with_user = plan.ends_with_user
        self._assistant = AssistantBlocks(plan.offer.names, turn.origins, thinks=plan.profile.thinks)
        self._waiting: list[tuple[int, Json]] = []
        """System text since the last message, each with its item's place, until a place is found for it."""

    def add(self, passage: Passage) -> None:
        """Take what somebody said."""
        if passage.role == "assistant":
            self._add_assistant(passage)
            return
        for index, item in passage.items:
            at = f"input[{index}].content"
            if passage.role == "user":
                self._say("user", self._render_content(item.get("content"), at))
            else:
                for text in texts_of(item.get("content"), at=at):
                    self._waiting += ((index, block) for block in render_text(text))

    def end(self) -> Conversation:
        """The whole, ended by what somebody else than the assistant said where the model asks for that."""
        if self._last_role() == "user":
            self._place_system_text()
        waiting, self._waiting = self._waiting, []
        self._say("user", [block for _, block in waiting])
        if not self.told.messages:
            raise InvalidRequestError("The input says nothing.", param="input")
        if self._last_role() == "assistant" and not self.told.is_paused:
            self._end_after_assistant()
        return self.told

    def _end_after_assistant(self) -> None:
        """Words to go on from must not end in white space."""
        if self._ends_with_user:
            self._say("user", render_text(GOES_ON))
            return
        blocks: list[Json] = self.told.messages[-1]["content"]
        blocks[-1] = {**blocks[-1], "text": blocks[-1]["text"].rstrip()}

    def _render_content(self, content: str | list[Json] | None, at: str) -> list[Json]:
        blocks = render_content(content, self._profile, at=at)
        self.told.dropped += unkept_details(content, at=at)
        return blocks

    def _add_assistant(self, passage: Passage) -> None:
        blocks = self._assistant.render(item for _, item in passage.items)
        if blocks:
            if not self.told.messages:
                self._say("user", render_text(BEGUN_BEFORE))
            if self._last_role() == "user":
                self._place_system_text()
            self._say("assistant", blocks)
            self.told.container = self._assistant.container
        self._say("user", [self._render_result(index, result) for index, result in passage.results])

    def _render_result(self, index: int, result: Json) -> Json:
        content = self._render_content(result.get("output"), f"input[{index}].output")
        rendered: Json = {"type": "tool_result", "tool_use_id": usable_id(str(result["call_id"]))}
        if content:
            rendered["content"] = result["output"] if isinstance(result["output"], str) else content
        if result.get("status") == "incomplete":
            rendered["is_error"] = True
        return rendered

    def _say(self, role: str, blocks: Sequence[Json]) -> None:
        if not blocks:
            return
        messages = self.told.messages
        if not messages:
            self._place_system_text()
        elif role == "user" and self._last_role() == "assistant" and blocks[0]["type"] != "tool_result":
            self._leave_assistant()
        if self._last_role() == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": list(blocks)})

    def _leave_assistant(self) -> None:
        """A turn is over once the user speaks: a call that it left unanswered would be refused."""
        message = self.told.messages[-1]
        message["content"] = without_unanswered(message["content"])
        self.told.container = None
        if not message["content"]:
            self.told.messages.pop()

    def _place_system_text(self) -> None:
        """Where it came, if the model takes it there; else in the system prompt."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        blocks = [block for _, block in waiting]
        if self._profile.system_messages and self.told.messages:
            self.told.messages.append({"role": "system", "content": blocks})
            return
        self.told.system += blocks
        if self.told.messages:
            self.told.dropped += dict.fromkeys(f"input[{index}]" for index, _ in waiting)

    def _last_role(self) -> str:
        return self.told.messages[-1]["role"] if self.told.messages else ""
