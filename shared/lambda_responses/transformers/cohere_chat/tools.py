"""Tools as Cohere takes them: functions alone, of which any or none, but no certain one, may be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.tool_choice import describe, parameters_of

if TYPE_CHECKING:
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.transformers.tool_names import OfferedTool
    from lambda_responses.wire.json import Json

_CHOICES = {"none": "NONE", "required": "REQUIRED"}


def render_tools(offer: Offer) -> Json:
    """`tools`, `tool_choice` and `strict_tools`; nothing without tools.

    One tool that must be called is the only one offered, and some tool must be called. Where some tools
    cannot be strict, none is: those that should be are named in the offer's `dropped`.
    """
    if not offer.functions:
        return {}
    body: Json = {"tools": [_render_tool(tool) for tool in offer.functions]}
    if offer.mode in _CHOICES:
        body["tool_choice"] = _CHOICES[offer.mode]
    if all(_keeps_to_its_schema(tool) for tool in offer.functions):
        body["strict_tools"] = True
    else:
        offer.dropped += [f"{tool.path}.strict" for tool in offer.functions if tool.tool.get("strict")]
    return body


def _render_tool(offered: OfferedTool) -> Json:
    function: Json = {"name": offered.flat}
    if description := describe(offered):
        function["description"] = description
    function["parameters"] = parameters_of(offered)
    return {"type": "function", "function": function}


def _keeps_to_its_schema(offered: OfferedTool) -> bool:
    """Whether arguments must fit the schema: one switch for all tools, refused where one requires nothing."""
    required: Any = parameters_of(offered).get("required")
    return bool(required) and (offered.tool["type"] == "custom" or bool(offered.tool.get("strict")))
