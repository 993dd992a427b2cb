"""What a request may say of being answered in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambda_responses.wire.errors import InvalidRequestError

if TYPE_CHECKING:
    from lambda_responses.wire.json import Json

STANDARD_TIERS = ("auto", "default")


def check_background(request: Json) -> None:
    """Raises `InvalidRequestError` for a completion window where there is none to be had.

    Who allows a window waits for the whole response, and pays the standard price. Here every response is
    begun as soon as somebody is free for it, which is within any window.
    """
    options: Json = request.get("background_options") or {}
    window = options.get("completion_window", "soonest")
    if window == "soonest":
        return
    tier = request.get("service_tier", "auto")
    if not request.get("background") or request.get("stream") or tier not in STANDARD_TIERS:
        message = (
            f"The completion window '{window}' is for background responses that are not streamed, in the"
            " standard service tier."
        )
        raise InvalidRequestError(message, param="background_options.completion_window")
