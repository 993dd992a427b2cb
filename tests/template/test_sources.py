"""What calls the functions that no client asks for: queues, a stream, the clock, and what drops messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.host.event_sources import matches_any
from lambda_responses.endpoints import request_consumer
from lambda_responses.lifecycle.background import consumer
from lambda_responses.lifecycle.queued_requests import MOST_TRIES
from lambda_responses.queue.event_bus import SOURCE
from lambda_responses.storage.table import NOTIFICATION, TenantTable
from lambda_responses.wire.job_messages import LinesIn, read_message
from tests.template.declared import FUNCTIONS, RESOURCES, UNASKED, events
from tests.template.translated import deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

MAPPINGS = {
    name: each["Properties"]
    for name, each in RESOURCES.items()
    if each["Type"] == "AWS::Lambda::EventSourceMapping"
}
QUEUES = {name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == "AWS::SQS::Queue"}


def called(mapping: dict[str, Any]) -> dict[str, Any]:
    """The function of a mapping."""
    return FUNCTIONS[mapping["FunctionName"]["Ref"]]


def of_queues() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each mapping from a queue, and the queue."""
    for mapping in MAPPINGS.values():
        name, attribute = mapping["EventSourceArn"]["Fn::GetAtt"].split(".")
        if attribute == "Arn":
            yield mapping, QUEUES[name]


def test_every_door_that_no_client_asks_is_called_by_something():
    mapped = {called(each)["CodeUri"].split("/")[1] for each in MAPPINGS.values()}
    timed = {door for door in UNASKED if events(door, "Schedule")}
    assert mapped | timed == set(UNASKED)
    assert timed == {"deliver_notifications", "sweep_background_responses"}


@pytest.mark.parametrize("door", ["deliver_notifications", "sweep_background_responses"])
def test_a_round_that_fails_is_not_made_again_before_the_next(door: str):
    (function,) = (each for each in FUNCTIONS.values() if each["CodeUri"] == f"functions/{door}/")
    assert events(door, "Schedule") == [{"Schedule": "rate(1 minute)"}]
    assert function["EventInvokeConfig"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}


def test_nobody_else_sees_a_message_while_its_function_may_be_at_it():
    """Lambda refuses a mapping of a queue that hides messages for less."""
    for mapping, queue in of_queues():
        assert queue["VisibilityTimeout"] >= called(mapping)["Timeout"]


def test_of_a_batch_only_what_failed_comes_again():
    for mapping, _ in of_queues():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_worker_takes_one_response_at_a_time():
    assert MAPPINGS["BackgroundMapping"]["BatchSize"] == 1


def test_an_object_of_many_lines_has_a_functions_whole_time():
    """Handled one after the other, large ones would be late together, and be given up together."""
    assert MAPPINGS["RequestMapping"]["BatchSize"] == 1


def test_what_cannot_be_worked_at_now_stays_in_its_queue():
    """What Lambda receives and has no room for counts as a try; a maximum keeps it from receiving that."""
    for mapping, queue in of_queues():
        assert "ScalingConfig" in mapping or "RedrivePolicy" not in queue


def test_what_nobody_can_deal_with_is_set_aside_for_as_long_as_sqs_keeps_anything():
    for name in ("BackgroundQueue", "RequestQueue"):
        aside, _ = QUEUES[name]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"].split(".")
        assert QUEUES[aside]["MessageRetentionPeriod"] == 14 * 86_400
    assert QUEUES["RequestQueue"]["RedrivePolicy"]["maxReceiveCount"] > MOST_TRIES


@pytest.mark.parametrize(
    ("queue", "most"),
    [("BackgroundQueue", consumer.MOST_DELIVERIES), ("RequestQueue", request_consumer.MOST_DELIVERIES)],
)
def test_a_message_is_given_up_after_as_many_deliveries_as_on_a_laptop(queue: str, most: int):
    assert QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"] == most


def test_queues_are_encrypted():
    assert all(queue["SqsManagedSseEnabled"] is True for queue in QUEUES.values())


def test_the_stream_calls_for_what_has_ended_and_for_nothing_else():
    patterns = [json.loads(each["Pattern"]) for each in _stream()["FilterCriteria"]["Filters"]]
    table = TenantTable("acme")
    resp = "resp_" + "0" * 48

    def record(kind: str, sk: str) -> dict[str, Any]:
        return {"eventName": kind, "dynamodb": {"Keys": {"pk": {"S": "acme#N#x"}, "sk": {"S": sk}}}}

    assert table.notification(resp).sk == NOTIFICATION
    assert matches_any(record("INSERT", NOTIFICATION), patterns)
    assert not matches_any(record("MODIFY", NOTIFICATION), patterns)
    assert not matches_any(record("INSERT", table.claim("0" * 64).sk), patterns)


def test_the_stream_waits_for_nobody():
    assert _stream()["MaximumRetryAttempts"] == 0


def _stream() -> dict[str, Any]:
    assert MAPPINGS["NotificationMapping"]["EventSourceArn"] == {"Fn::GetAtt": "Table.StreamArn"}
    return MAPPINGS["NotificationMapping"]


def test_the_bucket_tells_of_requests_and_not_of_answers():
    told = RESOURCES["Exchange"]["Properties"]["NotificationConfiguration"]
    (to_queue,) = told["QueueConfigurations"]
    assert to_queue["Queue"] == {"Fn::GetAtt": "RequestQueue.Arn"}
    assert to_queue["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "requests/"}]
    variables = FUNCTIONS["RunQueuedRequestFunction"]["Environment"]["Variables"]
    assert variables["RESPONSES_REQUEST_BUCKET"] == {"Fn::Sub": "${Exchange}/requests/"}
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "exchange"}, "object": {"key": "requests/a.jsonl", "eTag": "0"}},
    }
    (found,) = read_message(json.dumps({"Records": [record]}).encode(), name="m")
    assert isinstance(found, LinesIn)


def test_the_bus_hands_on_requests_and_not_what_it_is_told_itself():
    rule = RESOURCES["RequestRule"]["Properties"]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": "RequestQueue.Arn"}
    assert rule["EventPattern"] == {"detail-type": ["response.requested"]}
    assert SOURCE not in str(rule)


def test_only_the_bucket_and_the_bus_may_drop_requests_without_credentials():
    policy = RESOURCES["RequestQueuePolicy"]["Properties"]
    assert policy["Queues"] == [{"Ref": "RequestQueue"}]
    allowed = {
        each["Principal"]["Service"]: each["Condition"] for each in policy["PolicyDocument"]["Statement"]
    }
    assert allowed == {
        "s3.amazonaws.com": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
        "events.amazonaws.com": {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "RequestRule.Arn"}}},
    }


@pytest.mark.parametrize(
    ("given", "queue", "bus"),
    [({}, True, False), ({"ResultsTo": "bucket"}, False, False), ({"Events": "Enabled"}, True, True)],
    ids=str,
)
def test_answers_go_where_whoever_deployed_said(given: dict[str, str], queue: bool, bus: bool):
    told = deployed(**given).resources["DeliverNotificationsFunction"]["Properties"]["Environment"][
        "Variables"
    ]
    assert ("RESPONSES_RESULT_QUEUE_URL" in told) is queue
    assert ("RESPONSES_EVENT_BUS" in told) is bus
    assert told["RESPONSES_RESULT_BUCKET"] == "<Exchange>"


def test_the_bucket_of_requests_outlives_its_stack_and_forgets_as_the_table_does():
    bucket = RESOURCES["Exchange"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == {"Ref": "RetentionDays"}
    (statement,) = RESOURCES["ExchangePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
