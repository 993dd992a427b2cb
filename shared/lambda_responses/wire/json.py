"""JSON values as the API and its upstreams exchange them."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
"""One JSON object. What comes in is validated by `wire.requests`; what goes out looks like the wire."""

Event: TypeAlias = dict[str, Any]
"""One stream event of the Responses API: `type`, `sequence_number` and the fields of its type."""
