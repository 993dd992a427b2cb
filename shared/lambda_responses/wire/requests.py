"""A create request, from its bytes to the one form that everything behind reads.

The order of faults is the live API's: model, missing input, unknown keys, then each setting in turn; what
needs a look into the store comes after, and only then that there is nothing to answer
(`check_input_present`).
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import ValidationError, from_json

from lambda_responses.wire.compaction import TRIGGER, check_trigger_is_last
from lambda_responses.wire.context import check_json_mentioned
from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import (
    clip,
    first_fault,
    missing,
    nearest,
    unknown_key,
    wrong_type,
    wrong_value,
)
from lambda_responses.wire.input_items import ITEM_TYPES, input_list, item_type, tools_in
from lambda_responses.wire.not_found import model_not_found
from lambda_responses.wire.settings import KNOWN_KEYS, NATIVE_SETTINGS, SETTINGS
from lambda_responses.wire.shapes import quoted, validator
from lambda_responses.wire.strict_schema import check_strict_schema
from lambda_responses.wire.tools import check_tool_choice, check_tools
from lambda_responses.wire.unsupported import check_supported

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic_core import SchemaValidator

    from lambda_responses.wire.json import Json

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The default limit of a request body. On Lambda the platform's own 6 MB come first."""

_MAYBE_INFINITE = re.compile(rb"[0-9](?:[eE]\+?[0-9]{3}|[0-9]{308})")
"""A number that a double may not hold; whether it does is looked up only where this is found."""


def read_json(raw: bytes, *, limit: int = MAX_BODY_BYTES) -> Json:
    """The object that a request body holds. Of a repeated key the last value counts.

    Raises `InvalidRequestError` for anything but one JSON object of at most `limit` bytes in UTF-8, nested
    at most 200 levels deep, without lone surrogates and without numbers that are infinite.
    """
    if len(raw) > limit:
        # Whoever read it stopped there: nobody knows how many there are.
        message = f"The request body has more than {limit} bytes, which is as many as are accepted."
        raise InvalidRequestError(message, code="request_too_large")
    try:
        body = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequestError(f"The request body is not valid JSON: {clip(str(error))}.") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("The request body must be a JSON object.")
    body = cast("Json", body)
    if _MAYBE_INFINITE.search(raw) and _holds_infinity(body):
        raise InvalidRequestError("The request body holds a number that is too large.")
    return body


def _holds_infinity(body: object) -> bool:
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, float) and math.isinf(value):
            return True
        if isinstance(value, dict):
            waiting += cast("Json", value).values()
        elif isinstance(value, list):
            waiting += cast("list[Any]", value)
    return False


def read_model(body: Json) -> str:
    """The model that a request names. Raises `InvalidRequestError`: the first fault of all."""
    if "model" not in body:
        raise missing("model")
    model = body["model"]
    if not isinstance(model, str):
        raise wrong_type("model", expected="a string", value=model)
    if not model:
        raise model_not_found(model)
    return model


def check_create_request(body: Json, *, native: bool = False) -> Json:
    """A create request without its nulls, its input a list of items in their full form.

    For a `native` target, one that speaks this API and judges requests by itself, only those settings are
    judged that are acted on here. Raises `InvalidRequestError` for the first fault in the live API's order,
    and `UnsupportedError` for a sound request that asks for what is not offered.
    """
    read_model(body)
    if "input" not in body:
        raise missing("input")
    if not native:
        check_keys(body, KNOWN_KEYS)
    request: Json = {name: value for name, value in body.items() if value is not None or name == "input"}
    _check_settings(request, native=native)
    request["input"] = input_list(request["input"])
    if not native:
        _check_tools_and_format(request)
    _check_exclusive(request)
    if "background_options" in request:
        from lambda_responses.wire.background import check_background  # which few requests need

        check_background(request)
    check_trigger_is_last(request["input"])
    if not native:  # such an upstream does these things by itself
        check_supported(request)
    return request


def check_input_present(request: Json) -> None:
    """There must be something to answer. Raises `InvalidRequestError`.

    Comes after the look-ups of conversation, prompt and previous response, which may stand in for input.
    """
    others = ("previous_response_id", "prompt", "conversation")
    if any(item["type"] != TRIGGER for item in request["input"]) or any(request.get(name) for name in others):
        return
    message = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation' must be provided."
    raise InvalidRequestError(message, code="missing_required_parameter")


def check_keys(body: Json, known: Collection[str]) -> None:
    """Raises `InvalidRequestError` for the first key that nobody knows."""
    for key in body:
        if key in known:
            continue
        if key == "messages":
            message = "Unsupported parameter: 'messages' has moved to 'input' in the Responses API."
            raise InvalidRequestError(message, code="unsupported_parameter")
        raise unknown_key(key, suggestion=nearest(key, (name for name in known if name not in body)))


def _check_settings(request: Json, *, native: bool) -> None:
    for name in NATIVE_SETTINGS if native else SETTINGS:
        if name in request:
            try:
                _judge(name, native).validate_python(request[name])
            except ValidationError as error:
                raise first_fault(name, error) from None
            if native and name == "input":
                _check_item_types(request[name])


@cache
def _judge(name: str, native: bool) -> SchemaValidator:
    return validator((NATIVE_SETTINGS if native else SETTINGS)[name])


def _check_item_types(given: str | list[Json]) -> None:
    if isinstance(given, str):
        return
    for index, item in enumerate(given):
        if item_type(item) is None:
            raise wrong_value(f"input[{index}]", value=item.get("type", ""), supported=quoted(ITEM_TYPES))


def _check_tools_and_format(request: Json) -> None:
    """What is wrong although every member by itself is well formed."""
    tools: list[Json] = request.get("tools", [])
    check_tools(tools)
    has_history = any(request.get(name) for name in ("previous_response_id", "prompt", "conversation"))
    if not has_history:
        check_tool_choice(request.get("tool_choice"), [*tools, *tools_in(request["input"])])
    wanted: Json = request.get("text", {}).get("format") or {}
    if wanted.get("type") == "json_schema" and wanted.get("strict"):
        check_strict_schema(
            wanted["schema"],
            what=f"response_format '{wanted['name']}'",
            param="text.format.schema",
            code="invalid_json_schema",
        )
    if wanted.get("type") == "json_object" and not has_history:
        check_json_mentioned(request["input"])


def _check_exclusive(request: Json) -> None:
    if request.get("conversation") and request.get("previous_response_id"):
        message = "Mutually exclusive parameters: 'previous_response_id' and 'conversation'."
        raise InvalidRequestError(message, code="mutually_exclusive_parameters")
