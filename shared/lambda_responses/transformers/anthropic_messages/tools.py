"""Tools and the choice among them. https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.anthropic_messages.input_schema import render_input_schema
from lambda_responses.transformers.anthropic_messages.native_schema import fit
from lambda_responses.transformers.tool_choice import describe, hosted_kind, parameters_of
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.anthropic_messages.profile import MessagesProfile
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.transformers.tool_names import OfferedTool
    from lambda_responses.wire.json import Json


class RenderedTools:
    """The tools of a request, and what of them was left out."""

    def __init__(self, offer: Offer, request: Json, profile: MessagesProfile) -> None:
        self.dropped = list(offer.dropped)
        self.container: str | None = None
        """The machine on which programs shall run, where the request names one."""
        self._strict_left = profile.strict_tools
        self.tools = [self._render_function(tool) for tool in offer.functions]
        for tool in offer.hosted:
            self.tools.append(self._render_hosted(tool, request, profile))

    def _render_function(self, offered: OfferedTool) -> Json:
        parameters = parameters_of(offered)
        rendered: Json = {"name": offered.flat}
        if description := describe(offered):
            rendered["description"] = description
        strict = self._strictly(offered, parameters)
        rendered["input_schema"] = strict or render_input_schema(parameters)
        if strict is not None:
            rendered["strict"] = True
        return rendered

    def _strictly(self, offered: OfferedTool, parameters: Json) -> Json | None:
        """The parameters as they can be held to, where that was asked for."""
        if not offered.tool.get("strict"):
            return None
        fitted = fit(parameters) if self._strict_left else None
        if fitted is None:
            self.dropped.append(f"{offered.path}.strict")
            return None
        self._strict_left -= 1
        return fitted

    def _render_hosted(self, offered: OfferedTool, request: Json, profile: MessagesProfile) -> Json:
        kind = hosted_kind(offered.tool)
        rendered: Json = dict(profile.hosted[kind])
        if kind == "web_search":
            rendered |= self._search_settings(offered, request)
        elif kind == "code_interpreter":
            self._read_container(offered)
        return rendered

    def _search_settings(self, offered: OfferedTool, request: Json) -> Json:
        tool = offered.tool
        settings: Json = {}
        filters: Json = tool.get("filters") or {}
        for name in ("allowed_domains", "blocked_domains"):
            if filters.get(name):
                settings[name] = filters[name]
        place: Json = tool.get("user_location") or {}
        known = {name: place[name] for name in ("city", "country", "region", "timezone") if place.get(name)}
        if known:
            settings["user_location"] = {"type": "approximate", **known}
        if request.get("max_tool_calls"):
            settings["max_uses"] = request["max_tool_calls"]
        if tool.get("search_context_size") not in (None, "medium"):
            self.dropped.append(f"{offered.path}.search_context_size")
        return settings

    def _read_container(self, offered: OfferedTool) -> None:
        match offered.tool.get("container"):
            case str(id):
                self.container = id
            case {"file_ids": [_, *_]}:
                raise UnsupportedError(
                    "This model's provider has other files than these.",
                    param=f"{offered.path}.container.file_ids",
                )
            case _:
                pass


def render_choice(offer: Offer, request: Json, answer: Json | None) -> Json | None:
    """`tool_choice`; None leaves it to the model. `answer` is the tool that stands for the answer, if any."""
    one_at_a_time = {"disable_parallel_tool_use": True} if request.get("parallel_tool_calls") is False else {}
    tools = bool(offer.functions or offer.hosted)
    if answer is not None:
        only = offer.mode == "none" or not tools
        return _named(answer["name"]) if only else {"type": "any", **one_at_a_time}
    if not tools:
        return None
    match offer.mode:
        case "none":
            return {"type": "none"}
        case "required" if offer.named is not None:
            return {**_named(_name_of(offer.named)), **one_at_a_time}
        case "required":
            return {"type": "any", **one_at_a_time}
        case "auto":
            return {"type": "auto", **one_at_a_time} if one_at_a_time else None


def _name_of(offered: OfferedTool) -> str:
    return offered.flat or _HOSTED_NAMES[hosted_kind(offered.tool)]


def _named(name: str) -> dict[str, Any]:
    return {"type": "tool", "name": name}


_HOSTED_NAMES = {"web_search": "web_search", "code_interpreter": "code_execution"}
