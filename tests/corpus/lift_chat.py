"""Recorded chat requests, lifted into the Responses requests that would have caused them. For tests alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lambda_responses.transformers.base import Turn

Json = dict[str, Any]


class CannotLift(Exception):
    """The Responses API has no words for this."""


INEXPRESSIBLE: dict[str, str] = {
    "stop": "the Responses API has no stop sequences",
    "seed": "the Responses API has no seed",
    "random_seed": "Mistral's seed",
    "n": "a response has one answer",
    "modalities": "a response is text",
    "audio": "a response is text",
    "store": "the store is this server's own",
    "usage": "OpenRouter reports usage unasked by now",
    "provider": "OpenRouter's routing belongs to the operator, not to a request",
    "private": "a vendor's own setting (Pollinations)",
    "return_images": "a vendor's own setting (Perplexity)",
    "return_related_questions": "a vendor's own setting (Perplexity)",
    "disable_search": "a vendor's own setting (Perplexity)",
    "search_settings": "images among what was found (Groq)",
    "extra_body": "a client's slip that watsonx ignored",
    "cache_prompt": "a vendor's own setting (llama.cpp, its default by now)",
    "reasoning_format": "a vendor's own setting (llama.cpp, its default by now)",
    "chat_template_kwargs": "thinking without an effort: llama.cpp's default or a template's switch",
    "chat_template_args": "thinking without an effort (Baseten)",
    "enable_thinking": "thinking without an effort: the model's default is left alone",
    "thinking": "thinking without an effort: the model's default is left alone",
    "reasoning": "OpenRouter's token budgets; an effort in it is lifted",
}
"""Members of recorded requests that no Responses request can ask for, and why that is no loss here."""


@dataclass
class _Lifted:
    request: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    origins: dict[str, Json] = field(default_factory=dict)


def lift(body: Json) -> Turn:
    """The turn whose rendering should be that body. Raises `CannotLift`."""
    lifted = _Lifted()
    for index, message in enumerate(body["messages"]):
        _lift_message(index, message, lifted)
    _lift_tools(body, lifted.request)
    _lift_settings(body, lifted.request)
    model = str(body.get("model") or "unknown")
    return Turn(model=model, request=lifted.request, items=lifted.items, origins=lifted.origins)


def _lift_message(index: int, message: Json, lifted: _Lifted) -> None:
    content = message.get("content")
    match message["role"]:
        case "system" | "developer" if index == 0 and isinstance(content, str):
            lifted.request["instructions"] = content
        case "system" | "developer" | "user" as role:
            lifted.items.append({"type": "message", "role": role, "content": _lift_content(content)})
        case "assistant":
            _lift_assistant(message, lifted)
        case "tool":
            kind = "function_call_output"
            call = next(
                (item for item in reversed(lifted.items) if item.get("call_id") == message["tool_call_id"]),
                {},
            )
            if call.get("type") == "custom_tool_call":
                kind = "custom_tool_call_output"
            output = _lift_content(content)
            lifted.items.append({"type": kind, "call_id": message["tool_call_id"], "output": output})
        case other:
            raise CannotLift(f"a message of role {other}")


def _lift_assistant(message: Json, lifted: _Lifted) -> None:
    id = f"item_{len(lifted.items)}"
    thought = message.get("reasoning_content") or message.get("reasoning") or ""
    if thought or message.get("reasoning_details"):
        parts = [{"type": "reasoning_text", "text": thought}] if thought else []
        lifted.items.append({"type": "reasoning", "id": id, "summary": [], "content": parts})
        if message.get("reasoning_details"):
            lifted.origins[id] = {"reasoning_details": message["reasoning_details"]}
    content = message.get("content")
    if content or not message.get("tool_calls"):
        text = content if isinstance(content, str) else "".join(part["text"] for part in content or ())
        said = {"type": "output_text", "text": text, "annotations": []}
        lifted.items.append({"type": "message", "role": "assistant", "content": [said]})
    for call in message.get("tool_calls") or ():
        if call["type"] == "custom":
            about = {"name": call["custom"]["name"], "input": call["custom"]["input"]}
            lifted.items.append({"type": "custom_tool_call", "call_id": call["id"], **about})
        else:
            about = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
            lifted.items.append({"type": "function_call", "call_id": call["id"], **about})


def _lift_content(content: Any) -> Any:
    return content if isinstance(content, str) else [_lift_part(part) for part in content or ()]


def _lift_part(part: Json) -> Json:
    match part:
        case {"type": "text", "text": text}:
            return {"type": "input_text", "text": text}
        case {"type": "image_url", "image_url": {"url": url, **rest}}:
            return {"type": "input_image", "image_url": url, "detail": rest.get("detail", "auto")}
        case {"type": "input_audio", "input_audio": str(data)}:  # Mistral
            return {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
        case {"type": "input_audio", "input_audio": audio}:
            return {"type": "input_audio", "input_audio": audio}
        case {"type": "file", "file": {"file_data": data, **rest}}:
            return {"type": "input_file", "file_data": data, "filename": rest.get("filename")}
        case {"type": "document_url", "document_url": url, **rest}:
            return {"type": "input_file", "file_url": url, "filename": rest.get("document_name")}
        case {"type": kind}:
            raise CannotLift(f"a part of type {kind}")
        case _:
            raise CannotLift("a part without a type")


def _lift_tools(body: Json, request: Json) -> None:
    tools: list[Json] = []
    for tool in body.get("tools") or ():
        match tool:
            case {"type": "function", "function": {"arguments": _}}:
                raise CannotLift("a tool with a misspelt schema")
            case {"type": "function", "function": function}:
                known = {
                    key: function[key] for key in ("name", "description", "parameters") if key in function
                }
                tools.append({"type": "function", **known, "strict": bool(function.get("strict"))})
            case {"type": "browser_search"}:
                tools.append({"type": "web_search"})
            case {"type": "openrouter:web_search", "parameters": settings}:
                tools.append(_lift_search(settings))
            case {"type": "custom", "custom": {"name": name, "description": description, "format": form}}:
                grammar = {"type": "grammar", **form["grammar"]}
                tools.append({"type": "custom", "name": name, "description": description, "format": grammar})
            case _:
                raise CannotLift(f"a vendor's own tool, {tool.get('type')}")
    if "web_search_options" in body:
        tools.append({"type": "web_search", **body["web_search_options"]})
    if tools:
        request["tools"] = tools
    match body.get("tool_choice"):
        case None:
            pass
        case "any":
            request["tool_choice"] = "required"
        case {"type": "function", "function": {"name": name}}:
            request["tool_choice"] = {"type": "function", "name": name}
        case choice:
            request["tool_choice"] = choice


def _lift_search(settings: Json) -> Json:
    names = {"allowed_domains": "allowed_domains", "excluded_domains": "blocked_domains"}
    filters = {ours: settings[theirs] for theirs, ours in names.items() if theirs in settings}
    rest = {name: settings[name] for name in ("search_context_size", "user_location") if name in settings}
    return {"type": "web_search", **({"filters": filters} if filters else {}), **rest}


def _lift_settings(body: Json, request: Json) -> None:
    for name in (
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
        "prompt_cache_key",
        "user",
        "service_tier",
    ):
        if body.get(name) is not None:
            request[name] = body[name]
    if request.get("service_tier") == "on_demand":
        request["service_tier"] = "default"
    if limit := body.get("max_tokens") or body.get("max_completion_tokens"):
        request["max_output_tokens"] = limit
    effort = body.get("reasoning_effort") or (body.get("reasoning") or {}).get("effort")
    if effort:
        request["reasoning"] = {"effort": "medium" if effort == "default" else effort}
    if body.get("logprobs"):
        request["include"] = ["message.output_text.logprobs"]
        request["top_logprobs"] = (
            body["logprobs"] if body["logprobs"] is not True else body.get("top_logprobs")
        )
    match body.get("response_format"):
        case None:
            pass
        case {"type": "json_object" | "text" as kind}:
            request["text"] = {"format": {"type": kind}}
        case {"type": "json_schema", "json_schema": {"schema": schema, **rest}}:
            request["text"] = {"format": {"type": "json_schema", "name": "schema", "schema": schema, **rest}}
        case {"type": "json_schema", "schema": schema}:
            request["text"] = {"format": {"type": "json_schema", "name": "schema", "schema": schema}}
        case _:
            raise CannotLift("a response format without its schema")
