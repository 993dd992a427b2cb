"""How long a request is, as Anthropic and the clouds that host its models count it.

https://platform.claude.com/docs/en/api/messages/count_tokens
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from lambda_responses.transformers.anthropic_messages.request import render_request
from lambda_responses.transformers.base import count_in
from lambda_responses.transformers.bedrock_ids import without_region
from lambda_responses.wire.json import to_bytes

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.transformers.base import Rendered, Turn
    from lambda_responses.wire.json import Json

_COUNTED = (
    "anthropic_version",
    "model",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
)
"""What may be asked about."""


def render_count(turn: Turn, profile: MessagesProfile) -> Rendered | None:
    """The question; None where nobody counts."""
    if not profile.count_path:
        return None
    rendered = render_request(turn, profile)
    body = {name: rendered.body[name] for name in _COUNTED if name in rendered.body}
    match profile.counts:
        case "named":
            body["model"] = turn.model
        case "invoke":
            request = b64encode(to_bytes(rendered.body)).decode()
            body = {"input": {"invokeModel": {"body": request}}}
        case _:
            pass
    path = profile.count_path.replace("{model}", quote(without_region(turn.model), safe=""))
    return replace(rendered, path=path, body=body, dropped=())


def read_count(body: Json) -> int:
    """The tokens; Bedrock's name for them differs. Raises ValueError."""
    return count_in(body, "inputTokens" if "inputTokens" in body else "input_tokens")
