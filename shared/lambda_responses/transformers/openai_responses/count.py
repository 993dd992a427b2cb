"""How long a request is, as an upstream of this format counts it.

https://platform.openai.com/docs/api-reference/responses/input-tokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Rendered
from lambda_responses.transformers.openai_responses.request import render_request

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.openai_responses.profile import ResponsesProfile

_COUNTED = (
    *("model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls"),
    *("reasoning", "text", "truncation", "personality"),
)
"""What may be asked about."""


def render_count(turn: Turn, profile: ResponsesProfile) -> Rendered | None:
    """The question; None where nobody counts."""
    if not profile.count_path:
        return None
    body = render_request(turn, profile).body
    return Rendered(profile.count_path, {name: body[name] for name in _COUNTED if name in body})
