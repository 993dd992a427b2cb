"""What a credential may do, in the names of OpenAI's own key permissions."""

from __future__ import annotations

RESPONSES_READ = "api.responses.read"
RESPONSES_WRITE = "api.responses.write"
MODELS_READ = "api.model.read"

SCOPES = frozenset({RESPONSES_READ, RESPONSES_WRITE, MODELS_READ})
"""All that there are. A key that was made for none in particular has them all."""


def scope_of(method: str, path: str) -> str:
    """What a request asks for, by its method and its route's path (`/v1/responses/{response_id}`)."""
    if path.removeprefix("/v1").startswith("/models"):
        return MODELS_READ
    return RESPONSES_READ if method in ("GET", "HEAD") else RESPONSES_WRITE
