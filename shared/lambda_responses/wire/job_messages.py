"""What a message on the queue of jobs may hold: a job, an event with one, or news of objects full of them.

Jobs come by themselves (`wire.batch_lines`), as the `data` of a CloudEvent
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md), or as the `detail` of an
EventBridge event. S3 tells of objects by EventBridge or in messages of its own
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
Nothing in a message says whose job it is: that is for the queue to know.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_plus

from lambda_responses.wire.batch_lines import (
    LONGEST_ID,
    ObjectAddress,
    QueuedRequest,
    Unreadable,
    read_object,
    read_request,
)
from lambda_responses.wire.faults import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lambda_responses.wire.json import Json


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some programs put before the first line of a file."""
NAME = "idempotency-key"
"""The attribute beside a message that names a job which has no word of its own."""


@dataclass(frozen=True, slots=True)
class LinesIn:
    """An object whose lines are jobs."""

    address: ObjectAddress


Dropped: TypeAlias = QueuedRequest | LinesIn


def read_message(text: bytes, *, name: str) -> Sequence[Dropped]:
    """What a message asks for; nothing, where S3 tries its way or tells of an object that has gone.

    `name` is what the message is known by, also when it comes again. Raises `Unreadable`, `BadLine`.
    """
    found = read_object(text.removeprefix(BYTE_ORDER_MARK))
    match found:
        case {"specversion": str()}:
            return [_job_of(found, _data(found), name)]
        case {"source": "aws.s3", "detail-type": str(type), "detail": dict()}:
            news = [LinesIn(_address(found["detail"], encoded=False))]
            return news if type == "Object Created" else ()
        case {"source": str(), "detail-type": str(), "detail": dict()}:
            return [_job_of(found, found["detail"], name)]
        case {"Records": [{"eventSource": "aws:s3"}, *_]}:
            return [*_created(found["Records"])]
        case {"Service": "Amazon S3", "Event": "s3:TestEvent"}:
            return ()
        case _:
            return [read_request(found, name=name, key=name)]


def _job_of(event: Json, found: Json, name: str) -> QueuedRequest:
    """An event keeps its own id when it is sent twice, which its messages do not."""
    match event:
        case {"id": str(id)} if 0 < len(id) <= LONGEST_ID:
            return read_request(found, name=id, key=json.dumps([event.get("source"), id]))
        case _:
            return read_request(found, name=name, key=name)


def _data(event: Json) -> Json:
    """What a CloudEvent carries. Raises `Unreadable`."""
    match event:
        case {"specversion": str(version)} if version != "1.0":
            raise Unreadable(f"This is a CloudEvent of version {clip(version)}, and only 1.0 is taken.")
        case {"data": dict()}:
            return event["data"]
        case {"data": str(data)}:
            return read_object(data.encode())
        case {"data_base64": str(data)}:
            try:
                return read_object(b64decode(data, validate=True))
            except ValueError:
                raise Unreadable("The CloudEvent's data_base64 is not base64.") from None
        case _:
            raise Unreadable("The CloudEvent has no object in its data.")


def _created(records: Sequence[Any]) -> Iterator[LinesIn]:
    """The objects that S3 says were created. Raises `Unreadable`."""
    for record in records:
        match record:
            case {"eventName": str(event), "s3": dict()}:
                if event.startswith("ObjectCreated:"):
                    yield LinesIn(_address(record["s3"], encoded=True))
            case _:
                raise Unreadable("This looks like news from S3, and does not say what happened.")


def _address(news: Mapping[str, Any], *, encoded: bool) -> ObjectAddress:
    """Keys are written as in a form (`encoded`) by S3 itself, plainly by EventBridge. Raises `Unreadable`."""
    match news:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **about}}:
            etag = about.get("eTag") or about.get("etag") or ""
            return ObjectAddress(bucket, unquote_plus(key) if encoded else key, str(etag))
        case _:
            raise Unreadable("This looks like news from S3, and does not name an object.")
