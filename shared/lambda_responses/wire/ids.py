"""Ids in OpenAI's look that say where their object lies.

    resp_ + 8 hex (seconds since 1970) + 24 hex (thread) + 16 hex (random)       53 characters
    msg_, fc_, rs_, … + 24 hex (thread) + 16 hex (response) + 4 hex (index) + 4 hex (random)
    conv_ + 48 hex (random)                                                      53 characters
    whe_ + 12 hex (milliseconds since 1970) + 36 hex (random)                    52 characters

An id names its thread, so any operation can address the store without a search. It names no provider
and no tenant: those come from the record and from the credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Callable

    Entropy = Callable[[int], str]
    """Gives that many random hexadecimal digits."""

ResponseId = NewType("ResponseId", str)
ItemId = NewType("ItemId", str)
ThreadKey = NewType("ThreadKey", str)
ConversationId = NewType("ConversationId", str)
ConversationKey = NewType("ConversationKey", str)

ITEM_PREFIXES: dict[str, str] = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "image_generation_call": "ig",
    "computer_call": "cu",
    "computer_call_output": "cuo",
    "local_shell_call": "lsh",
    "local_shell_call_output": "lsho",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "mcp_list_tools": "mcpl",
    "mcp_call": "mcp",
    "mcp_approval_request": "mcpr",
    "mcp_approval_response": "mcpa",
    "compaction": "cmp",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
    "additional_tools": "at",
    "program": "prog",
    "program_output": "progo",
    "configuration_update": "cfg",
}

_RESPONSE_ID = re.compile(r"resp_[0-9a-f]{8}([0-9a-f]{24})([0-9a-f]{16})")
_ITEM_ID = re.compile(r"[a-z]{1,8}_([0-9a-f]{24})([0-9a-f]{16})[0-9a-f]{8}")
_CONVERSATION_ID = re.compile(r"conv_([0-9a-f]{48})")
_WEBHOOK_ENDPOINT_ID = re.compile(r"whe_[0-9a-f]{48}")


def new_response_id(*, epoch: int, thread: ThreadKey | None, entropy: Entropy) -> ResponseId:
    """A fresh id in that thread, or in a new one."""
    return ResponseId(f"resp_{epoch & 0xFFFFFFFF:08x}{thread or entropy(24)}{entropy(16)}")


def asked_at(response_id: str) -> int:
    """When a response was asked for, in seconds since 1970, as its id says."""
    return int(response_id[5:13], 16)


def new_conversation_id(entropy: Entropy) -> ConversationId:
    """A fresh id."""
    return ConversationId(f"conv_{entropy(48)}")


def conversation_key_of(id: str) -> ConversationKey | None:
    """What the store knows a conversation by; None for ids that are not ours."""
    match = _CONVERSATION_ID.fullmatch(id)
    return ConversationKey(match[1]) if match else None


def new_webhook_endpoint_id(*, epoch: float, entropy: Entropy) -> str:
    """A fresh id, after those of all endpoints that were there before."""
    return f"whe_{int(epoch * 1000) & 0xFFFFFFFFFFFF:012x}{entropy(36)}"


def is_webhook_endpoint_id(id: str) -> bool:
    """Whether an id is one of ours."""
    return _WEBHOOK_ENDPOINT_ID.fullmatch(id) is not None


def thread_of(id: str) -> ThreadKey | None:
    """The thread that a response or item id names; None for ids that are not ours."""
    match = _RESPONSE_ID.fullmatch(id) or _ITEM_ID.fullmatch(id)
    return ThreadKey(match[1]) if match else None


def own_part_of(id: str) -> str | None:
    """The 16 digits that tell responses of one thread apart; an item's name its response."""
    match = _RESPONSE_ID.fullmatch(id) or _ITEM_ID.fullmatch(id)
    return match[2] if match else None


@dataclass(slots=True)
class ItemIds:
    """Mints the ids of one response's items, input and output alike, and call ids where a model gave none."""

    response_id: ResponseId
    entropy: Entropy
    issued: int = 0

    def next(self, item_type: str) -> ItemId:
        """A new id for an item of that type; unknown types get `item_`."""
        thread, own = thread_of(self.response_id), own_part_of(self.response_id)
        index = self.issued
        self.issued += 1
        prefix = ITEM_PREFIXES.get(item_type, "item")
        return ItemId(f"{prefix}_{thread}{own}{index & 0xFFFF:04x}{self.entropy(4)}")

    def next_call_id(self) -> str:
        """A `call_id` for a call that came without a usable one."""
        return f"call_{self.entropy(24)}"
