"""A thread as JSON Lines: one response a line, none before what it stands on.

    {"version": 1, "id": "resp_…", "previous_id": "resp_…" or null, "created_at": …, "expires_at": …,
     "target": "provider/model", "deleted": false, "response": {…}, "input": [{…}, …],
     "origins": {"rs_…": {…}}, "before": {"items": [{…}, …], "origins": {…}}}

`response` is the object as its end was told, `input` the items that this turn brought, media inline.
`origins` are what makers of items want back verbatim, by item id: left out where the exporter was asked to.
`before` is only there where no line comes before, though the model had been shown something: the items of
expired responses, or of a conversation. Of a `deleted` response a line holds what those that stand on it
were shown.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import ValidationError

from lambda_responses.wire.ids import own_part_of
from lambda_responses.wire.json import from_text
from lambda_responses.wire.shapes import (
    ANY,
    FLAG,
    NAMED,
    OBJECT,
    TEXT,
    list_of,
    loose,
    map_of,
    need,
    one_of,
    or_null,
    record,
    validator,
    whole,
)

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

    from lambda_responses.wire.json import Json

VERSION = 1


class BadLine(Exception):
    """The line is none of this format; the message says why in words that follow a colon."""


def read_line(line: str | bytes) -> Json:
    """One line, checked. Raises `BadLine`."""
    try:
        found = from_text(line)
    except ValueError:
        raise BadLine("it is not JSON") from None
    if not isinstance(found, dict):
        raise BadLine("it is not an object")
    entry = cast("Json", found)
    if entry.get("version") != VERSION:
        raise BadLine(f"its version is not {VERSION}")
    try:
        _line().validate_python(entry)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        raise BadLine(f"{path}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None
    for name in ("id", "previous_id"):
        if entry.get(name) is not None and not is_response_id(entry[name]):
            raise BadLine(f"{name} is not the id of a response of this server")
    _check_whole(entry)
    return entry


def is_response_id(id: str) -> bool:
    """Whether that is an id as this server gives responses."""
    return id.startswith("resp_") and own_part_of(id) is not None


def _check_whole(entry: Json) -> None:
    """What no single member shows. Raises `BadLine`."""
    response = entry["response"]
    if response["id"] != entry["id"]:
        raise BadLine("response.id is not its id")
    if entry.get("previous_id") == entry["id"]:
        raise BadLine("previous_id is its own id")
    if entry.get("previous_id") is not None and entry.get("before") is not None:
        raise BadLine("it has both previous_id and before")
    if not entry["deleted"] and response.get("object") != "response":
        raise BadLine("response.object is not 'response'")


@cache
def _line() -> SchemaValidator:
    """The judge of a line."""
    items = list_of(loose(type=need(NAMED), id=need(NAMED), content=ANY))
    origins = map_of(OBJECT, keys=NAMED)
    statuses = one_of("completed", "failed", "incomplete", "cancelled")
    members: dict[str, Any] = {
        "version": need(whole(least=VERSION, most=VERSION)),
        "id": need(TEXT),
        "previous_id": or_null(TEXT),
        "created_at": need(whole(least=0)),
        "expires_at": whole(least=0),
        "target": need(TEXT),
        "deleted": need(FLAG),
        "response": need(
            loose(
                id=need(TEXT),
                object=TEXT,
                status=need(statuses),
                created_at=need(whole(least=0)),
                output=items,
            )
        ),
        "input": need(items),
        "origins": origins,
        "before": record(items=need(items), origins=origins),
    }
    return validator(record(members))
