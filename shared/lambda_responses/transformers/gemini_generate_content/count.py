"""How long a request is, as Google counts it.

https://ai.google.dev/api/tokens and
https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/projects.locations.publishers.models/countTokens
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.transformers.base import Rendered, count_in
from lambda_responses.transformers.gemini_generate_content.request import path_of, render_request

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.wire.json import Json

_COUNTED = ("contents", "systemInstruction", "tools", "generationConfig")
"""What may be asked about, with the choice of a tool where a whole request is."""


def render_count(turn: Turn, profile: GeminiProfile) -> Rendered:
    """The question."""
    request = render_request(turn, profile).body
    body = {name: request[name] for name in _COUNTED if name in request}
    path = path_of(turn.model, profile.count_path)
    if profile.counts_whole_requests:
        if "toolConfig" in request:
            body["toolConfig"] = request["toolConfig"]
        model = path.rpartition("/")[2].partition(":")[0]
        body = {"generateContentRequest": {"model": f"models/{model}", **body}}
    return Rendered(path, body)


def read_count(body: Json) -> int:
    """The tokens. Raises ValueError."""
    return count_in(body, "totalTokens")
