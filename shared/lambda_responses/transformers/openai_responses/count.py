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

_OF_ANSWERS = frozenset({"store", "stream", "include"})
"""What belongs to every request for an answer, and to none for a count."""


def render_count(turn: Turn, profile: ResponsesProfile) -> Rendered | None:
    """The client's own question, which the upstream judges; None where nobody counts."""
    if not profile.count_path:
        return None
    body = render_request(turn, profile).body
    asked = {name: value for name, value in body.items() if name not in _OF_ANSWERS}
    unknown = {name: turn.request[name] for name in _OF_ANSWERS if name in turn.request}
    return Rendered(profile.count_path, asked | unknown)
