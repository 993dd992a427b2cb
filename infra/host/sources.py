"""From a template to its queues, and to what calls functions that no client asks for."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from infra.host.deployment import DeclaredQueue, EventSources, QueueSource, Schedule, TableSource
from infra.host.template import Json, TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.host.deployment import Function
    from infra.host.intrinsics import Intrinsics

_VISIBILITY = 30.0
_BATCH = {"AWS::SQS::Queue": 10, "AWS::DynamoDB::Table": 100}
"""What Lambda hands over at a time, by the type of the source, unless told otherwise."""
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_RATE = re.compile(r"rate\((\d+) (second|minute|hour|day)s?\)")
_MAPPING = (
    "BatchSize",
    "EventSourceArn",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "ScalingConfig",
)


def read_sources(functions: Mapping[str, Function], intrinsics: Intrinsics) -> EventSources:
    """What a template has of them. Raises `TemplateError` for what this host cannot do."""
    queues = {name: _queue(name, intrinsics) for name in _of_type("AWS::SQS::Queue", intrinsics)}
    mappings = [
        _mapping(name, queues, functions, intrinsics)
        for name in _of_type("AWS::Lambda::EventSourceMapping", intrinsics)
    ]
    return EventSources(
        queues,
        tuple(each for each in mappings if isinstance(each, QueueSource)),
        tuple(each for each in mappings if isinstance(each, TableSource)),
        tuple(each for function in functions.values() for each in _schedules(function, intrinsics)),
    )


def _of_type(kind: str, intrinsics: Intrinsics) -> Iterator[str]:
    return (name for name, resource in intrinsics.resources.items() if resource["Type"] == kind)


def _queue(logical_id: str, intrinsics: Intrinsics) -> DeclaredQueue:
    told = intrinsics.properties(logical_id, "RedrivePolicy", "VisibilityTimeout")
    redrive: Json = told.get("RedrivePolicy", {})
    aside = redrive.get("deadLetterTargetArn", "")
    return DeclaredQueue(
        name=intrinsics.queue_name(logical_id),
        url=intrinsics.queue_url(logical_id),
        arn=intrinsics.queue_arn(logical_id),
        visibility=float(told.get("VisibilityTimeout", _VISIBILITY)),
        aside=next(
            (name for name in _of_type("AWS::SQS::Queue", intrinsics) if intrinsics.queue_arn(name) == aside),
            None,
        ),
        receives=int(redrive.get("maxReceiveCount", 0)),
    )


def _mapping(
    logical_id: str,
    queues: Mapping[str, DeclaredQueue],
    functions: Mapping[str, Function],
    intrinsics: Intrinsics,
) -> QueueSource | TableSource:
    told = intrinsics.properties(logical_id, *_MAPPING)
    arn, named = told["EventSourceArn"], told["FunctionName"]
    function = next((each for each in functions.values() if named in (each.name, each.arn)), None)
    if function is None:
        raise TemplateError(f"{logical_id} is for {named}, which is no function of the template.")
    for name, queue in queues.items():
        if queue.arn == arn:
            return QueueSource(
                queue=name,
                arn=arn,
                function=function,
                batch=int(told.get("BatchSize", _BATCH["AWS::SQS::Queue"])),
                partial="ReportBatchItemFailures" in told.get("FunctionResponseTypes", ()),
                most=told.get("ScalingConfig", {}).get("MaximumConcurrency"),
            )
    if not arn.endswith("/StreamArn"):
        raise TemplateError(f"{logical_id} is a source that this host does not know: {arn}.")
    filters: list[Json] = told.get("FilterCriteria", {}).get("Filters", [])
    batch = int(told.get("BatchSize", _BATCH["AWS::DynamoDB::Table"]))
    return TableSource(function, batch, tuple(json.loads(each["Pattern"]) for each in filters))


def _schedules(function: Function, intrinsics: Intrinsics) -> Iterator[Schedule]:
    events: Json = intrinsics.properties(function.logical_id, "Events").get("Events", {})
    for name, event in events.items():
        if event["Type"] != "Schedule":
            continue
        told: Json = event["Properties"]
        if (rate := _RATE.fullmatch(told["Schedule"])) is None:
            raise TemplateError(f"This host does not know the schedule {told['Schedule']}.")
        seconds = float(rate[1]) * _SECONDS[rate[2]]
        yield Schedule(f"{function.name}-{name}", function, seconds, told.get("Input"))
