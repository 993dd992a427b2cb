"""Tools and the choice among them. https://ai.google.dev/api/caching#Tool"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambda_responses.transformers.gemini_generate_content.answer_format import AnswerFormat, plan_answer
from lambda_responses.transformers.gemini_generate_content.schemas import plain_schema, subset_schema
from lambda_responses.transformers.tool_choice import describe, hosted_kind, parameters_of, read_offer
from lambda_responses.wire.errors import UnsupportedError

if TYPE_CHECKING:
    from lambda_responses.transformers.base import Turn
    from lambda_responses.transformers.gemini_generate_content.profile import GeminiProfile
    from lambda_responses.transformers.tool_choice import Offer
    from lambda_responses.transformers.tool_names import OfferedTool, ToolNames
    from lambda_responses.wire.json import Json

IMAGES = "image_generation"


@dataclass(slots=True)
class ToolPlan:
    """What becomes of a turn's tools."""

    names: ToolNames
    answer: AnswerFormat = field(default_factory=AnswerFormat)
    """How the form of the answer is had."""
    tools: list[Json] = field(default_factory=list["Json"])
    config: Json = field(default_factory=dict[str, Any])
    """`toolConfig`."""
    modalities: list[str] = field(default_factory=list[str])
    """`responseModalities`, where images were asked for."""
    dropped: list[str] = field(default_factory=list[str])


def offer_of(turn: Turn, profile: GeminiProfile) -> Offer:
    """The turn's tools, as this model has them. Raises as `read_offer` does."""
    return read_offer(turn, hosts={*profile.hosted, *((IMAGES,) if profile.draws else ())})


def plan_tools(turn: Turn, profile: GeminiProfile) -> ToolPlan:
    """Decide what is offered and left out.

    Raises `InvalidRequestError`, naming `tools[i]`, `tool_choice` or `text.format`, for a tool that cannot be
    carried, and for a choice or a format that cannot be kept.
    """
    offer = offer_of(turn, profile)
    plan = ToolPlan(offer.names, plan_answer(turn, offer, profile), dropped=offer.dropped)
    _plan_images(plan, offer)
    if offer.mode == "required" and not offer.functions and not plan.modalities:
        raise UnsupportedError(
            "This model's provider cannot be forced to use this tool.", param="tool_choice"
        )
    formatted = bool(plan.answer.config)
    hosted = offer.hosted if offer.mode != "none" else []
    if hosted and not profile.combines and (offer.functions or formatted):
        plan.dropped += [tool.path for tool in hosted]
        hosted = []
    if offer.mode != "none" or not formatted or profile.formats_with_functions:
        _plan_functions(plan, offer, profile)
    for tool in hosted:
        plan.tools += _render_hosted(tool, profile, plan.dropped)
    if hosted and offer.functions:
        plan.config["includeServerSideToolInvocations"] = True
    return plan


def _plan_images(plan: ToolPlan, offer: Offer) -> None:
    """Images are no tool here but a way to answer."""
    images = [tool for tool in offer.hosted if hosted_kind(tool.tool) == IMAGES]
    offer.hosted = [tool for tool in offer.hosted if tool not in images]
    if images and offer.mode != "none":
        forced = offer.named is not None and offer.named in images
        plan.modalities = ["IMAGE"] if forced else ["TEXT", "IMAGE"]
    if plan.modalities and plan.answer.function is not None:
        message = "This model cannot be offered functions, draw, and answer in JSON."
        raise UnsupportedError(message, param="text.format")


def _plan_functions(plan: ToolPlan, offer: Offer, profile: GeminiProfile) -> None:
    functions = offer.declared if profile.validates or offer.mode != "auto" else offer.functions
    if not functions or (offer.mode != "none" and not offer.functions):
        return
    answer = plan.answer.function
    told = [*functions, answer] if answer is not None else functions
    plan.tools.append({"functionDeclarations": [_render_function(tool, profile) for tool in told]})
    if offer.mode == "auto" and answer is None and not profile.validates:
        plan.dropped += [f"{tool.path}.strict" for tool in functions if tool.tool.get("strict")]
    config = _render_choice(offer, profile, answer)
    if config:
        plan.config["functionCallingConfig"] = config


def _render_choice(offer: Offer, profile: GeminiProfile, answer: OfferedTool | None) -> Json:
    fewer = len(offer.functions) < len(offer.declared) or offer.named is not None
    allowing = [*offer.functions, *([answer] if answer is not None else [])]
    allowed: Json = {"allowedFunctionNames": [tool.flat for tool in allowing]} if fewer else {}
    match offer.mode:
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY", **allowed}
        case "auto" if answer is not None:
            return {"mode": "ANY", **allowed}
        case "auto":
            strict = any(tool.tool.get("strict") for tool in offer.functions)
            return {"mode": "VALIDATED", **allowed} if profile.validates and (allowed or strict) else {}


def _render_function(offered: OfferedTool, profile: GeminiProfile) -> Json:
    function: Json = {"name": offered.flat}
    if description := describe(offered):
        function["description"] = description
    parameters = parameters_of(offered)
    if profile.json_schemas:
        function["parametersJsonSchema"] = plain_schema(parameters)
    elif parameters.get("properties"):  # the subset has no objects without any
        function["parameters"] = subset_schema(parameters)
    return function


def _render_hosted(offered: OfferedTool, profile: GeminiProfile, dropped: list[str]) -> list[Json]:
    """The tool's members of `tools`. Raises `UnsupportedError` for a setting that narrows what it may do."""
    tool, kind = offered.tool, hosted_kind(offered.tool)
    settings: Json = {}
    hints: tuple[str, ...] = ()
    match kind:
        case "web_search":
            hints = ("search_context_size", "user_location")
            _refuse(offered, "filters")
        case "file_search":
            hints = ("ranking_options",)
            _refuse(offered, "filters")
            settings = {"fileSearchStoreNames": tool.get("vector_store_ids") or []}
            if limit := tool.get("max_num_results"):
                settings["topK"] = limit
        case _:
            match tool.get("container"):
                case {"file_ids": [_, *_]}:
                    raise UnsupportedError(
                        "This model's provider runs code without files.",
                        param=f"{offered.path}.container.file_ids",
                    )
                case _:
                    pass
    dropped += [f"{offered.path}.{hint}" for hint in hints if tool.get(hint) is not None]
    return [{member: dict(settings)} for member in profile.hosted[kind]]


def _refuse(offered: OfferedTool, setting: str) -> None:
    if offered.tool.get(setting):
        raise UnsupportedError(
            "This model's provider cannot narrow this search.", param=f"{offered.path}.{setting}"
        )
