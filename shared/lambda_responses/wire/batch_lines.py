"""Jobs as lines of OpenAI's Batch API, and the lines that answer them.

    {"custom_id": "…", "method": "POST", "url": "/v1/responses", "body": {…}}
    {"id": "batch_req_…", "custom_id": "…", "error": null,
     "response": {"status_code": 200, "request_id": "req_…", "body": {…}}}

https://platform.openai.com/docs/guides/batch. A body alone is a job as well, and one that is too large for a
message stands in an object that `body_ref` names. `error` is null exactly where there is an answer, whole or
incomplete; what was never made is told as the API would have told it, and in `error` besides. `batch` names
the object whose line a job was: a `custom_id` says no more than which line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.wire.errors import InvalidRequestError
from lambda_responses.wire.faults import clip, missing, out_of_limits, wrong_type, wrong_value
from lambda_responses.wire.requests import read_json

if TYPE_CHECKING:
    from lambda_responses.wire.errors import APIError
    from lambda_responses.wire.json import Json

METHOD, URL = "POST", "/v1/responses"
LONGEST_ID = 512
"""Characters of a `custom_id`."""
UNANSWERED = ("failed", "cancelled")
"""Statuses of a response that is no answer."""

_LINE = ("custom_id", "method", "url", "body", "body_ref")
_BODY = ("model", "input", "previous_response_id", "conversation", "prompt", "instructions")
_TOLD: Json = {"background": (bool, NoneType), "stream": (bool, NoneType), "stream_options": (dict, NoneType)}


class Unreadable(Exception):
    """There is no job here; the text says in one sentence why not."""


class BadLine(Exception):
    """This is a job, and nobody can do it: `custom_id` and `fault` go into the line that answers it."""

    def __init__(self, custom_id: str, fault: APIError) -> None:
        super().__init__(fault.message)
        self.custom_id = custom_id
        self.fault = fault


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """An object in S3, in the state that `etag` names where that is known."""

    bucket: str
    key: str
    etag: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class QueuedRequest:
    """One job, of which the body is still to be judged."""

    custom_id: str
    """What its answer is known by: the job's own word, or the name of what it came in."""
    key: str
    """What it is known by when it comes again."""
    body: Json | ObjectAddress
    """A create request, or where it lies."""


def read_object(text: bytes) -> Json:
    """A JSON object. Raises `Unreadable`."""
    try:
        return read_json(text)
    except InvalidRequestError as fault:
        raise Unreadable(fault.message.replace("request body", "text")) from None


def read_request(found: Json, *, name: str, key: str) -> QueuedRequest:
    """The job that an object is: a Batch line, or a body alone.

    `name` and `key` are what it is known by unless it says so itself. Raises `Unreadable`, `BadLine`.
    """
    if not any(member in found for member in _LINE):
        if any(member in found for member in _BODY):
            return QueuedRequest(name, key, found)
        line = ", ".join(_LINE[:4])
        raise Unreadable(f"This is no job: neither a Batch line ({line}) nor a body of POST {URL}.")
    custom_id = name
    try:
        if found.get("custom_id") is not None:
            key = custom_id = _custom_id(found["custom_id"])
        _check_constant(found, "method", METHOD)
        _check_constant(found, "url", URL)
        return QueuedRequest(custom_id, key, _body(found))
    except InvalidRequestError as fault:
        raise BadLine(custom_id, fault) from None


def read_line(text: bytes, *, address: ObjectAddress, number: int) -> QueuedRequest:
    """The job on a line of an object, counted from 1.

    It is known by the object and its state as well: a `custom_id` is unique in its batch and no further.
    Raises `BadLine`, also for what is no job at all, since the lines around it may be sound.
    """
    place = f"{clip(address.key, LONGEST_ID - 10)}#{number}"
    try:
        line = read_request(read_object(text), name=place, key=place)
    except Unreadable as fault:
        message = f"Line {number} of the object cannot be read. {fault}"
        raise BadLine(place, InvalidRequestError(message, code="invalid_json_line")) from None
    return QueuedRequest(line.custom_id, line_key(address, line.key), line.body)


def line_key(address: ObjectAddress, own: str) -> str:
    """What a job of an object is known by, whose own word that is."""
    return json.dumps([str(address), address.etag, own])


def read_body(text: bytes, custom_id: str) -> Json:
    """The create request that an object holds. Raises `BadLine`."""
    try:
        return read_json(text)
    except InvalidRequestError as fault:
        raise BadLine(custom_id, fault) from None


def read_address(text: str) -> ObjectAddress:
    """`s3://bucket/key`. Raises `ValueError`, whose text is the end of a sentence."""
    bucket, _, key = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket or not key:
        raise ValueError("it is no address such as s3://bucket/key")
    return ObjectAddress(bucket, key)


def to_background(body: Json) -> Json:
    """The request that a queued one becomes: how its answer is told is the queue's to say.

    What is of the wrong type stays, to be refused.
    """
    odd = {name: body[name] for name in _TOLD if not isinstance(body.get(name), _TOLD[name])}
    told: Json = {"background": True, "stream": False, "stream_options": None}
    return {**body, **told, **odd}


def reply_to(custom_id: str, source: ObjectAddress | None = None) -> Json:
    """What is kept beside a job for its result line; `source` is the object whose line it was, if any."""
    return {"custom_id": custom_id} if source is None else {"custom_id": custom_id, "batch": str(source)}


def result_line(reply: Json, response: Json) -> Json:
    """The line that answers a job with a response that has ended, however it did.

    `reply` is what `reply_to` made of the job. The same response has the same line, `id` included.
    """
    error = None
    if response["status"] in UNANSWERED:
        told: Json = response.get("error") or {}
        error = {
            "code": told.get("code") or response["status"],
            "message": told.get("message") or f"The response was {response['status']}.",
        }
    return _line(reply, response["id"], 200, response, error)


def rejection_line(reply: Json, fault: APIError, *, key: str) -> Json:
    """The line that answers a job for which nothing was made. `key`: see `QueuedRequest`."""
    error = {"code": fault.code or fault.type, "message": fault.message}
    return _line(reply, key, fault.status, fault.body(), error)


def with_body_elsewhere(line: Json, address: str) -> Json:
    """A line that is too large for its way, its body at `address` (`s3://…`) instead."""
    response = {name: value for name, value in line["response"].items() if name != "body"}
    return {**line, "response": {**response, "body_ref": address}}


def _custom_id(given: Any) -> str:
    if not isinstance(given, str):
        raise wrong_type("custom_id", expected="a string", value=given)
    if not 0 < len(given) <= LONGEST_ID:
        what, detail = f"it has {len(given)} characters", f"1 to {LONGEST_ID} are accepted."
        raise out_of_limits("custom_id", code="invalid_value", what=what, detail=detail)
    return given


def _check_constant(found: Json, name: str, only: str) -> None:
    given = found.get(name, only)
    if not isinstance(given, str):
        raise wrong_type(name, expected="a string", value=given)
    if given != only:
        raise wrong_value(name, value=given, supported=f"'{only}'")


def _body(found: Json) -> Json | ObjectAddress:
    body, reference = found.get("body"), found.get("body_ref")
    if body is not None and reference is not None:
        message = "A job's body stands in 'body', or where 'body_ref' says; this one has both."
        raise InvalidRequestError(message, code="mutually_exclusive_parameters", param="body_ref")
    if reference is None:
        if body is None:
            raise missing("body")
        if not isinstance(body, dict):
            raise wrong_type("body", expected="an object", value=body)
        return cast("Json", body)
    if not isinstance(reference, str):
        raise wrong_type("body_ref", expected="a string", value=reference)
    try:
        return read_address(reference)
    except ValueError as fault:
        message = f"Invalid 'body_ref': {fault}."
        raise InvalidRequestError(message, code="invalid_value", param="body_ref") from None


def _line(reply: Json, seed: str, status: int, body: Json, error: Json | None) -> Json:
    own = sha256(json.dumps([reply["custom_id"], seed]).encode()).hexdigest()[:32]
    return {
        "id": f"batch_req_{own}",
        **reply,
        "response": {"status_code": status, "request_id": f"req_{own}", "body": body},
        "error": error,
    }
