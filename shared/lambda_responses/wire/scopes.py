"""What a credential may do, in the names of OpenAI's own key permissions."""

from __future__ import annotations

RESPONSES_READ = "api.responses.read"
RESPONSES_WRITE = "api.responses.write"
MODELS_READ = "api.model.read"
WEBHOOKS_READ = "api.webhooks.read"
WEBHOOKS_WRITE = "api.webhooks.write"

SCOPES = frozenset({RESPONSES_READ, RESPONSES_WRITE, MODELS_READ, WEBHOOKS_READ, WEBHOOKS_WRITE})
"""All that there are. A key that was made for none in particular has them all."""


def scope_of(method: str, path: str) -> str:
    """What a request asks for, by its method and its route's path (`/v1/responses/{response_id}`)."""
    reads = method in ("GET", "HEAD")
    match path.removeprefix("/v1").split("/"):
        case ["", "models", *_]:
            return MODELS_READ
        case ["", "webhook_endpoints" | "webhook_event_types", *_]:
            return WEBHOOKS_READ if reads else WEBHOOKS_WRITE
        case _:
            return RESPONSES_READ if reads else RESPONSES_WRITE
