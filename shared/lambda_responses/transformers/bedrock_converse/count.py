"""How long a request is, as Bedrock counts it.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lambda_responses.transformers.base import Rendered, count_in
from lambda_responses.transformers.bedrock_converse.request import render_request
from lambda_responses.transformers.bedrock_ids import without_region

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.wire.json import Json

_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")
"""What may be asked about."""


def render_count(turn: Turn, profile: ConverseProfile) -> Rendered | None:
    """The question; None where nobody counts."""
    count_path = profile.for_model(turn.model).count_path
    if not count_path:
        return None
    request = render_request(turn, profile).body
    body = {name: request[name] for name in _COUNTED if name in request}
    path = count_path.format(model=quote(without_region(turn.model), safe=""))
    return Rendered(path, {"input": {"converse": body}})


def read_count(body: Json) -> int:
    """The tokens. Raises ValueError."""
    return count_in(body, "inputTokens")
