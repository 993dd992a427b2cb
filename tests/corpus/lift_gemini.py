"""Recorded Gemini requests, lifted into the Responses requests that would have caused them. For tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from lambda_responses.transformers.base import Turn

Json = dict[str, Any]


class CannotLift(Exception):
    """The Responses API has no words for this."""


INEXPRESSIBLE: dict[str, str] = {
    "safetySettings": "what a provider filters belongs to the operator",
    "cachedContent": "a cache is a resource of its own, made beforehand",
    "modelArmorConfig": "a vendor's own filter",
    "model": "the model stands in the address",
}
"""Members of recorded requests that no Responses request can ask for, and why that is no loss here."""

INEXPRESSIBLE_SETTINGS: dict[str, str] = {
    "stopSequences": "the Responses API has no stop sequences",
    "seed": "the Responses API has no seed",
    "topK": "the Responses API has no top-k",
    "candidateCount": "a response has one answer",
}
"""The same of `generationConfig`."""

EFFORTS = {"minimal": "minimal", "low": "low", "medium": "medium", "high": "high"}


@dataclass
class _Lifted:
    request: Json = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    origins: dict[str, Json] = field(default_factory=dict)
    unanswered: list[Json] = field(default_factory=list)
    """Calls that wait for their result."""

    def add(self, item: Json, origin: Json | None = None) -> Json:
        item["id"] = f"item_{len(self.items)}"
        self.items.append(item)
        if origin is not None:
            self.origins[item["id"]] = origin
        return item


def lift(body: Json, model: str) -> Turn:
    """The turn whose rendering should be that body. Raises `CannotLift`."""
    body, lifted = camel(body), _Lifted()
    system = body.get("systemInstruction")
    if system:
        parts = parts_of(system)
        lifted.request["instructions"] = "\n\n".join(part["text"] for part in parts)
    for content in body["contents"]:
        for part in parts_of(content):
            _lift_part(content["role"], part, lifted)
    _lift_tools(body, lifted.request)
    _lift_settings(body.get("generationConfig") or {}, lifted.request)
    return Turn(model=model, request=lifted.request, items=lifted.items, origins=lifted.origins)


def parts_of(content: Json) -> list[Json]:
    parts = content["parts"]
    return [parts] if isinstance(parts, dict) else parts


VERBATIM = {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema"}


def camel(value: Any, *, within: str = "") -> Any:
    """The same with the names of members in camel case, which Google takes in both."""
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    told: Json = {}
    for key, inner in value.items():
        head, *rest = key.split("_")
        name = head + "".join(word.capitalize() for word in rest)
        told[name] = inner if name in VERBATIM else camel(inner)
    return told


def _lift_part(role: str, part: Json, lifted: _Lifted) -> None:
    signature = part.get("thoughtSignature")
    match part:
        case {"functionCall": call}:
            kept = ({"id": call["id"]} if call.get("id") else {}) | (
                {"signature": signature} if signature else {}
            )
            item: Json = {"type": "function_call", "name": call["name"]}
            item["call_id"] = call.get("id") or f"call_{len(lifted.items)}"
            item["arguments"] = json.dumps(call.get("args") or {})
            lifted.unanswered.append(lifted.add(item, kept))
        case {"functionResponse": response}:
            _lift_result(response, lifted)
        case {"executableCode": _}:
            kept = {"parts": [part]}
            code = part["executableCode"]["code"]
            lifted.add({"type": "code_interpreter_call", "code": code, "outputs": []}, kept)
        case {"codeExecutionResult": _}:
            lifted.origins[lifted.items[-1]["id"]]["parts"].append(part)
        case {"text": text} if role == "model" and part.get("thought"):
            signed = [[0, len(text), signature]] if signature else []
            summary = [{"type": "summary_text", "text": text}]
            lifted.add({"type": "reasoning", "summary": summary}, {"signed": signed})
        case {"text": text} if role == "model":
            kept = {"signed": [[0, len(text), signature]] if signature else []}
            said = [{"type": "output_text", "text": text, "annotations": []}]
            lifted.add({"type": "message", "role": "assistant", "content": said}, kept)
        case _ if role == "user":
            lifted.add({"type": "message", "role": "user", "content": [_lift_media(part)]})
        case _:
            raise CannotLift(f"a part of {role} with {sorted(part)}")


def _lift_result(response: Json, lifted: _Lifted) -> None:
    call = next((call for call in lifted.unanswered if call["name"] == response["name"]), None)
    if call is None:
        raise CannotLift("a result without its call")
    lifted.unanswered.remove(call)
    output: Any = response_text(response)
    if response.get("parts"):
        output = [{"type": "input_text", "text": output}, *map(_lift_media, response["parts"])]
    lifted.add({"type": "function_call_output", "call_id": call["call_id"], "output": output})


def response_text(response: Json) -> str:
    """What a function answered, as a client of the Responses API would say it."""
    match list((response.get("response") or {}).values()):
        case [str(text)]:
            return text
        case _:
            return json.dumps(response.get("response") or {})


def _lift_media(part: Json) -> Json:
    match part:
        case {"text": text}:
            return {"type": "input_text", "text": text}
        case {"inlineData": {"mimeType": kind, "data": data}} if kind.startswith("image/"):
            return {"type": "input_image", "image_url": f"data:{kind};base64,{data}"}
        case {"inlineData": {"mimeType": kind, "data": data}}:
            return {"type": "input_file", "filename": "f", "file_data": f"data:{kind};base64,{data}"}
        case {"fileData": {"fileUri": uri}}:
            return {"type": "input_file", "file_url": uri}
        case _:
            raise CannotLift(f"a part with {sorted(part)}")


HOSTED = {
    "googleSearch": "web_search",
    "urlContext": "web_search",
    "codeExecution": "code_interpreter",
    "fileSearch": "file_search",
}


def _lift_tools(body: Json, request: Json) -> None:
    tools: list[Json] = []
    for tool in body.get("tools") or ():
        for name, told in tool.items():
            if name == "functionDeclarations":
                tools += [_lift_function(function) for function in told]
            elif name == "fileSearch":
                tools.append({"type": "file_search", "vector_store_ids": told["fileSearchStoreNames"]})
            elif told is not None and name in HOSTED:
                tools.append({"type": HOSTED[name]})
            elif told is not None:
                raise CannotLift(f"a vendor's own tool, {name}")
    if tools:
        request["tools"] = tools
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = [{"type": "function", "name": name} for name in calling.get("allowedFunctionNames") or ()]
    mode = {"NONE": "none", "ANY": "required"}.get(calling.get("mode", "").upper(), "auto")
    if len(allowed) == 1 and mode == "required":
        request["tool_choice"] = allowed[0]
    elif allowed:
        request["tool_choice"] = {"type": "allowed_tools", "mode": mode, "tools": allowed}
    elif calling:
        request["tool_choice"] = mode


def _lift_function(function: Json) -> Json:
    lifted: Json = {"type": "function", "name": function["name"], "strict": False}
    if function.get("description"):
        lifted["description"] = function["description"]
    parameters = function.get("parametersJsonSchema") or function.get("parameters")
    return {**lifted, "parameters": parameters} if parameters else lifted


def _lift_settings(config: Json, request: Json) -> None:
    names = {"temperature": "temperature", "topP": "top_p", "maxOutputTokens": "max_output_tokens"}
    for theirs, ours in names.items():
        if config.get(theirs) is not None:
            request[ours] = config[theirs]
    if config.get("responseModalities") not in (None, ["TEXT"]):
        raise CannotLift("an answer that is no text")
    thinking = config.get("thinkingConfig") or {}
    reasoning: Json = {}
    if thinking.get("thinkingLevel"):
        reasoning["effort"] = EFFORTS[thinking["thinkingLevel"].lower()]
    if thinking.get("includeThoughts"):
        reasoning["summary"] = "auto"
    if reasoning:
        request["reasoning"] = reasoning
    if config.get("responseLogprobs"):
        request["include"] = ["message.output_text.logprobs"]
        request["top_logprobs"] = config.get("logprobs")
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    if schema:
        request["text"] = {"format": {"type": "json_schema", "name": "answer", "schema": schema}}
    elif config.get("responseMimeType"):
        request["text"] = {"format": {"type": "json_object"}}
