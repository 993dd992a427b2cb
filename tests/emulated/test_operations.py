"""The stack of operations on the emulator, as far as that goes: it knows no metric math."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from infra.emulator.emulator import ACCOUNT, KEY, REGION, SECRET, Emulator, what_lacks
from infra.operations import TEMPLATE, deploy
from tests.template.cloud import read_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Clients = Callable[[str], Any]

STACK = "lambda-responses-operations"
WATCHED = {"StackName": "lambda-responses", "TableName": "table", "LogGroupName": "logs"}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of the services of an emulator of its own, by name."""
    if (lack := what_lacks()) is not None:
        pytest.skip(lack)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    emulator = Emulator(tmp_path_factory.mktemp("emulator"), port)
    emulator.start()
    session: Any = boto3.Session(KEY, SECRET, region_name=REGION)
    try:
        yield lambda service: session.client(service, endpoint_url=emulator.address)
    finally:
        emulator.stop()


@pytest.fixture(scope="module")
def template() -> str:
    """The template without the alarms that reckon."""
    read = read_template(TEMPLATE)
    read["Resources"] = {
        name: resource
        for name, resource in read["Resources"].items()
        if '"Metrics"' not in json.dumps(resource)
    }
    return json.dumps(read)


def alarms(clients: Clients) -> dict[str, Any]:
    pages = clients("cloudwatch").get_paginator("describe_alarms").paginate()
    return {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}


def test_it_deploys_shows_and_tells_and_keeps_what_it_was_told(clients: Clients, template: str):
    cloudformation = clients("cloudformation")
    deploy(cloudformation, template, STACK, {**WATCHED, "AlarmEmail": "me@example.com"})
    throttles = alarms(clients)["lambda-responses-list-models-throttles"]
    assert throttles["Dimensions"] == [{"Name": "FunctionName", "Value": "lambda-responses-list-models"}]
    (topic,) = throttles["AlarmActions"]
    (told,) = clients("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert told["Endpoint"] == "me@example.com"
    shown = json.loads(clients("cloudwatch").get_dashboard(DashboardName="lambda-responses")["DashboardBody"])
    assert f":{ACCOUNT}:alarm:lambda-responses-api-5xx" in json.dumps(shown["widgets"][0])

    deploy(cloudformation, template, STACK, WATCHED)
    deploy(cloudformation, template, STACK, {**WATCHED, "FirstTokenMilliseconds": "2000"})
    changed = alarms(clients)
    assert changed["lambda-responses-slow-first-token"]["Threshold"] == 2000.0
    assert changed["lambda-responses-list-models-throttles"]["AlarmActions"] == [topic]

    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK)
    assert alarms(clients) == {}
