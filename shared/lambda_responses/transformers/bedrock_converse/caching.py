"""Where a prompt is cached: `cachePoint`, of which a request may hold four.

A client's own breakpoints stand where it put them. Where it asks for caching without them, by a key or by
the mode `implicit`, points stand after what does not change: the tools, the system's words, the last user
message. https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.bedrock_converse.content import cache_point, kind_of

if TYPE_CHECKING:
    from lambda_responses.transformers.bedrock_converse.profile import ConverseProfile
    from lambda_responses.wire.json import Json

MOST_POINTS = 4

CACHE_SETTINGS = ("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")

_CANNOT_PRECEDE = ("document", "video")
"""Blocks after which a cache point is refused."""


def place_cache_points(body: Json, request: Json, profile: ConverseProfile) -> list[str]:
    """Put the points into the body. Returns the settings that have no place, because nothing is cached."""
    asked = [name for name in CACHE_SETTINGS if request.get(name)]
    if not profile.cache_places:
        return asked
    explicit = _limit_explicit(body)
    options: Json = request.get("prompt_cache_options") or {}
    if not asked or options.get("mode") == "explicit":
        return []
    long = request.get("prompt_cache_retention") == "24h" or bool(options.get("ttl"))
    point = cache_point(profile, long=long)
    config: Json = body.get("toolConfig") or {}
    places: list[tuple[str, Any]] = [
        ("messages", _last_user_content(body)),
        ("system", body.get("system")),
        ("tools", config.get("tools")),
    ]
    for name, blocks in places:
        if name in profile.cache_places and blocks and explicit < MOST_POINTS:
            explicit += _insert(blocks, point, len(blocks))
    return []


def _limit_explicit(body: Json) -> int:
    """Keep the latest of the client's own points, each where it may stand; how many there are."""
    kept = 0
    for message in reversed(body["messages"]):
        blocks: list[Json] = message["content"]
        for at in [at for at, block in enumerate(blocks) if "cachePoint" in block][::-1]:
            point = blocks.pop(at)
            kept += _insert(blocks, point, at) if kept < MOST_POINTS else 0
    return kept


def _last_user_content(body: Json) -> list[Json] | None:
    return next((m["content"] for m in reversed(body["messages"]) if m["role"] == "user"), None)


def _insert(blocks: list[Json], point: Json, at: int) -> int:
    """Put the point there, or before what it must not follow; not where another one stands already."""
    while at and kind_of(blocks[at - 1]) in _CANNOT_PRECEDE:
        at -= 1
    if at == 0 or "cachePoint" in blocks[at - 1]:
        return 0
    blocks.insert(at, point)
    return 1
