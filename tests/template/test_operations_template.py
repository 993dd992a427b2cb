"""infra/operations.yaml against the functions that it watches, the metrics that exist, and its runbook."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime import metrics
from lambda_responses.runtime.logs import SERVICE
from lambda_responses.sealing.keys import KeyRing, new_key, parse_key_ring
from lambda_responses.storage.keyed import dynamodb
from tests.documents.pages import code
from tests.template.cloud import ACCOUNT, NotDeployed, Stack, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "infra" / "operations.yaml"
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
LINTER = ROOT / ".venv-sam" / "bin" / "cfn-lint"

API = read_template(ROOT / "template.yaml")
TIMEOUT = API["Globals"]["Function"]["Timeout"]
TIMEOUTS = {
    resource["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): resource[
        "Properties"
    ].get("Timeout", TIMEOUT)
    for resource in API["Resources"].values()
    if resource["Type"] == "AWS::Serverless::Function"
}
"""Seconds that each function of the API has, by the end of its name."""
URLS = {"create-response", "get-response"}
QUEUES = {
    resource["Properties"]["QueueName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
    for resource in API["Resources"].values()
    if resource["Type"] == "AWS::SQS::Queue"
}
"""By the ends of their names."""
WHOSE = {
    "RefusedCallers": {"authorize", *URLS},
    "StuckResponses": {"sweep-background-responses"},
    "LostNotifications": {"deliver-notifications"},
}
"""The functions that print a metric, where not those that make responses."""
OPERATIONS = {"DeleteItem", "GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"}
"""Of DynamoDB, those that the store asks for."""

WATCHED = {"StackName": "mine", "TableName": "mine-table", "LogGroupName": "mine-logs"}

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


def expanded(template: dict[str, Any]) -> dict[str, Any]:
    """The template without `Fn::ForEach`, as AWS::LanguageExtensions leaves it."""
    resources: dict[str, Any] = {}
    for name, resource in template["Resources"].items():
        if not name.startswith("Fn::ForEach::"):
            resources[name] = resource
            continue
        variable, values, body = resource
        for value in values:
            text = json.dumps(body).replace(f"${{{variable}}}", value)
            made = json.loads(text.replace(f"&{{{variable}}}", re.sub(r"[^A-Za-z0-9]", "", value)))
            assert not made.keys() & resources.keys()
            resources |= made
    return {**template, "Resources": resources}


TEMPLATE = expanded(read_template(PLACE))


def deployed(**given: str) -> Stack:
    return Stack(TEMPLATE, region="eu-central-1", **WATCHED, **given)


STACK = deployed(AlarmEmail="me@example.com")
ALARMS = {
    resource["Properties"]["AlarmName"]: resource["Properties"]
    for resource in STACK.resources.values()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
DASHBOARD = json.loads(STACK.of_type("AWS::CloudWatch::Dashboard")["DashboardBody"].replace("${!", "${"))

alarms = pytest.mark.parametrize("name", ALARMS)


def measured(alarm: dict[str, Any]) -> Iterator[Metric]:
    stats = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each]
    for metric in stats or [alarm]:
        dimensions = {(each["Name"], each["Value"]) for each in metric.get("Dimensions", ())}
        yield metric["Namespace"], metric["MetricName"], frozenset(dimensions)


def charted() -> Iterator[Metric]:
    """What the dashboard draws: a row may repeat parts of the one before it."""
    for widget in DASHBOARD["widgets"]:
        before: list[str] = []
        for row in widget["properties"].get("metrics", ()):
            parts = [part for part in row if isinstance(part, str)]
            if not parts:
                continue  # an expression
            if parts[0] == "...":
                parts = [*before[: len(before) - len(parts) + 1], *parts[1:]]
            before = [before[at] if part == "." else part for at, part in enumerate(parts)]
            namespace, name, *dimensions = before
            yield namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))


def function(name: str) -> frozenset[tuple[str, str]]:
    return frozenset({("FunctionName", f"mine-{name}")})


def existing() -> set[Metric]:
    """What AWS and the functions count of such a stack."""
    found: set[Metric] = {("AWS/Lambda", "ConcurrentExecutions", frozenset())}
    for name in TIMEOUTS:
        for metric in ("ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"):
            found.add(("AWS/Lambda", metric, function(name)))
    for name in URLS:
        for metric in ("Url4xxCount", "Url5xxCount", "UrlRequestCount"):
            found.add(("AWS/Lambda", metric, function(name)))
    stage = frozenset({("ApiName", "mine"), ("Stage", "v1")})
    found |= {("AWS/ApiGateway", metric, stage) for metric in ("Count", "4XXError", "5XXError")}
    table = ("TableName", "mine-table")
    for kind in ("Read", "Write"):
        found.add(("AWS/DynamoDB", f"{kind}ThrottleEvents", frozenset({table})))
        found.add(("AWS/DynamoDB", f"Consumed{kind}CapacityUnits", frozenset({table})))
    for operation in OPERATIONS:
        found.add(("AWS/DynamoDB", "SystemErrors", frozenset({table, ("Operation", operation)})))
    for queue in QUEUES:
        named = frozenset({("QueueName", f"mine-{queue}")})
        for metric in (
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfMessagesReceived",
        ):
            found.add(("AWS/SQS", metric, named))
    found.add(("AWS/Lambda", "IteratorAge", function("deliver-notifications")))
    for metric in metrics.UNITS:
        for name in WHOSE.get(metric, {"create-response", "run-background-response"}):
            ours = frozenset({("service", SERVICE), ("function", f"mine-{name}")})
            found.add((metrics.NAMESPACE, metric, ours))
    return found


@pytest.mark.skipif(not LINTER.exists(), reason="there is no .venv-sam; `make .venv-sam/ready` sets it up")
def test_the_linter_has_nothing_to_say():
    ran = subprocess.run([LINTER, "-r", "us-east-1", "-t", PLACE], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


@alarms
def test_what_an_alarm_watches_exists(name: str):
    assert set(measured(ALARMS[name])) <= existing()


def test_what_the_dashboard_draws_exists():
    drawn = set(charted())
    assert drawn <= existing()
    assert {metric for _, metric, _ in drawn} >= metrics.UNITS.keys() - {"UpstreamErrors"}
    assert {metric for namespace, metric, _ in drawn if namespace == "AWS/Lambda"} >= {"Errors", "Throttles"}


def test_what_the_dashboard_searches_for_is_counted():
    """A search names all dimensions, as the function prints them."""
    (searched,) = (
        row[0]["expression"]
        for widget in DASHBOARD["widgets"]
        for row in widget["properties"].get("metrics", ())
        if isinstance(row[0], dict)
    )
    schema = {metrics.NAMESPACE, "service", "function", "provider"}
    (named,) = re.findall(r"\{([^}]+)\}", searched)
    assert set(named.split(",")) == schema
    assert 'function="mine-create-response"' in searched
    assert 'MetricName="UpstreamErrors"' in searched


def test_the_api_has_the_name_that_is_watched():
    api = API["Resources"]["Api"]["Properties"]
    assert (api["Name"], api["StageName"]) == ({"Ref": "AWS::StackName"}, "v1")
    assert {"TableName", "LogGroupName"} <= API["Outputs"].keys()


def test_the_store_asks_for_what_is_watched():
    source = Path(dynamodb.__file__).read_text(encoding="utf-8")
    asked = set(re.findall(r'"((?:get|put|update|delete)_item|query|transact_write_items)"', source))
    assert {name.title().replace("_", "") for name in asked} == OPERATIONS


@pytest.mark.parametrize("function", TIMEOUTS)
def test_every_function_has_its_alarms(function: str):
    assert f"mine-{function}-throttles" in ALARMS
    assert (f"mine-{function}-errors" in ALARMS) == (function != "authorize")  # which has one of its own
    assert (f"mine-{function}-url-5xx" in ALARMS) == (function in URLS)
    if function == "run-background-response":  # which uses its time up on purpose, and goes on in another run
        assert f"mine-{function}-duration" not in ALARMS
        return
    duration = ALARMS[f"mine-{function}-duration"]
    assert float(duration["Threshold"]) == TIMEOUTS[function] * 1000 * 0.8


@alarms
def test_an_alarm_leads_to_its_part_of_the_runbook(name: str):
    (heading,) = re.findall(r" docs/operations\.md#([a-z0-9-]+)$", ALARMS[name]["AlarmDescription"])
    assert heading in runbook()


def test_the_runbook_has_a_part_for_nothing_else():
    led_to = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in ALARMS.values()}
    assert led_to == set(runbook())


def test_a_part_of_the_runbook_says_what_it_means_where_to_look_and_what_to_do():
    for heading, part in runbook().items():
        assert part.lstrip().startswith("*"), heading
        assert "\n1. " in part, heading


def runbook() -> dict[str, str]:
    """The parts of the runbook, by heading as a link names it."""
    _, _, text = PAGE.partition("\n## Runbook\n")
    _, *parts = re.split(r"^### (.+)$", text.partition("\n## ")[0], flags=re.MULTILINE)
    return {
        heading.lower().replace(" ", "-"): part for heading, part in zip(parts[::2], parts[1::2], strict=True)
    }


@alarms
def test_silence_is_no_alarm(name: str):
    assert ALARMS[name]["TreatMissingData"] == "notBreaching"


@alarms
def test_an_alarm_tells_of_its_end_too(name: str):
    assert ALARMS[name]["AlarmActions"] == ALARMS[name]["OKActions"] == ["<Topic>"]


@alarms
def test_one_figure_decides_and_all_others_are_used(name: str):
    figures = ALARMS[name].get("Metrics")
    if figures is None:
        return
    (deciding,) = (each for each in figures if each.get("ReturnData", True))
    ids = {each["Id"] for each in figures} - {deciding["Id"]}
    assert set(re.findall(r"\b[a-z]+\b", deciding["Expression"])) == ids
    assert len({each["MetricStat"]["Period"] for each in figures if "MetricStat" in each}) == 1


@alarms
def test_dynamodbs_silences_are_filled(name: str):
    """An alarm on its metrics keeps its state while there is no figure, whatever it is told of silence."""
    figures = ALARMS[name].get("Metrics", [ALARMS[name]])
    metrics_of_dynamodb = [
        each.get("Id")
        for each in figures
        if each.get("MetricStat", {}).get("Metric", each).get("Namespace") == "AWS/DynamoDB"
    ]
    for id in metrics_of_dynamodb:
        assert f"FILL({id}, 0)" in figures[0]["Expression"]


def test_thresholds_are_parameters():
    stack = deployed(
        FirstTokenMilliseconds="1", FailedPercent="2", UpstreamErrorPercent="3", AccountConcurrency="40"
    )
    of = {name: resource["Properties"] for name, resource in stack.resources.items()}
    assert [of[name]["Threshold"] for name in ("SlowFirstToken", "FailedResponses", "UpstreamErrors")] == [
        "1",
        "2",
        "3",
    ]
    assert of["Concurrency"]["Metrics"][0]["Expression"] == "100 * running / 40"


def test_nobody_is_told_where_nobody_wants_to_be():
    quiet = deployed()
    types = {resource["Type"] for resource in quiet.resources.values()}
    assert types == {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
    for resource in quiet.resources.values():
        assert "AlarmActions" not in resource["Properties"] or resource["Properties"]["AlarmActions"] == []


@pytest.mark.parametrize("email", ["me", "me@", "me @example.com"])
def test_an_address_is_one(email: str):
    with pytest.raises(NotDeployed):
        deployed(AlarmEmail=email)


def test_only_alarms_of_this_stack_reach_the_topic_and_its_key_lets_them():
    (statement,) = STACK.of_type("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    source = f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:mine-*"
    assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": source}
    assert STACK.of_type("AWS::SNS::Topic")["KmsMasterKeyId"] == "<TopicKey>"
    key = STACK.of_type("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    (use,) = (each for each in key["KeyPolicy"]["Statement"] if "Service" in each["Principal"])
    assert use["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert use["Principal"] == statement["Principal"]


def test_the_dashboard_shows_alarms_that_exist():
    (widget,) = (each["properties"] for each in DASHBOARD["widgets"] if each["type"] == "alarm")
    names = [arn.rpartition(":alarm:")[2] for arn in widget["alarms"]]
    assert set(names) <= ALARMS.keys()
    single = {f"mine-{name}-{kind}" for name in TIMEOUTS for kind in ("errors", "throttles", "duration")}
    assert set(names) == ALARMS.keys() - single


def test_nothing_on_the_dashboard_hides_anything_else():
    taken: set[tuple[int, int]] = set()
    for widget in DASHBOARD["widgets"]:
        across = range(widget["x"], widget["x"] + widget["width"])
        place = {(x, y) for x in across for y in range(widget["y"], widget["y"] + widget["height"])}
        assert across.stop <= 24
        assert not place & taken
        taken |= place


LINES = {
    *("@timestamp", "@logStream", "level", "message", "request_id", "function_name", "cold_start"),
    *("method", "route", "status", "milliseconds", "tenant", "key_id", "response_id", "target"),
    *("response_status", "first_token_milliseconds", "input_tokens", "cached_tokens", "output_tokens"),
    *("reasoning_tokens", "cause", "code", "fault", "at", "told", "type", "record.status"),
    *("errorType", "errorMessage", "outcome", "queued", "failed", "closed", "reason", "final"),
    *("server", "tool"),
}
"""Members of our lines, and those of Lambda's and its runtime's that queries ask for."""
WORDS = {
    *("filter", "fields", "stats", "sort", "limit", "by", "as", "desc", "and", "or", "in", "like"),
    *("count", "sum", "avg", "max", "pct", "bin", "coalesce", "ispresent", "SOURCE", "m"),
}


def queries() -> Iterator[str]:
    yield from code(PAGE, "sql")
    for widget in DASHBOARD["widgets"]:
        if widget["type"] == "log":
            assert widget["properties"]["query"].startswith("SOURCE 'mine-logs' | filter")
            yield widget["properties"]["query"]


@pytest.mark.parametrize("query", list(queries()))
def test_a_query_asks_for_what_lines_have(query: str):
    bare = re.sub(r"\"[^\"]*\"|'[^']*'|/[^/|]*/(?= *[\n|)])", "", query)
    named = set(re.findall(r"@?[A-Za-z_][\w.]*", bare))
    assert named - WORDS - set(re.findall(r"\bas (\w+)", bare)) <= LINES


def test_what_the_page_says_of_costs_adds_up():
    _, _, table = PAGE.partition("| for a million |")
    rows = [line.split("|")[1:-1] for line in table.partition("\n\n")[0].splitlines()[2:]]
    for column in range(1, 4):
        *parts, whole = (float(row[column].strip(" *")) for row in rows)
        assert round(sum(parts), 2) == whole
    figures = sum(len(list(measured(alarm))) for alarm in ALARMS.values())
    assert f"${figures / 10:.2f} for the {figures} metrics in alarms" in PAGE


def cost(line: str) -> list[float]:
    """What the page says of one part, for a plain turn, a streamed one and a retrieve."""
    (told,) = re.findall(rf"^\| {line} \|(.+)\|$", PAGE, re.MULTILINE)
    return [float(each) for each in told.split("|")]


def test_each_part_of_the_costs_follows_from_what_is_said_to_make_it():
    second = 1.7275 * 13.3334
    assert cost("Lambda, time") == [round(5 * second, 2), round(30 * second, 2), 0.13]
    logged = re.search(
        r"([\d.]+) KB of an exchange, ([\d.]+) KB of metrics, about ([\d.]+) KB of Lambda's own lines, and"
        r" ([\d.]+) KB where the authorizer\s+was asked: ([\d.]+) KB\."
        r" A retrieve has no metrics: ([\d.]+) KB\.",
        PAGE,
    )
    assert logged is not None
    exchange, metered, own, authorizer, turn, retrieve = (Decimal(each) for each in logged.groups())
    assert turn == exchange + metered + own + authorizer
    assert retrieve == turn - metered
    cents = [float((each / 2).quantize(Decimal("0.01"), ROUND_HALF_UP)) for each in (turn, turn, retrieve)]
    assert cost("Logs") == cents  # at half a dollar for a GB, which a million KB are


def test_what_background_costs_while_nobody_asks_follows_from_the_template():
    month = 30 * 86_400
    mappings = [
        each["Properties"]
        for each in API["Resources"].values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping"
        and each["Properties"]["EventSourceArn"]["Fn::GetAtt"].endswith(".Arn")
    ]
    bounded = sum("ScalingConfig" in each for each in mappings)
    least, most = ((5 * bounded + others * (len(mappings) - bounded)) * month // 20 for others in (2, 5))
    minutes = 2 * month // 60
    runs = minutes * (0.2e-6 + 0.5 * 0.04 * 13.3334e-6)
    looking = 8 * minutes * 0.5
    rest = runs + looking * 0.125e-6 + minutes * 1.2e-6 * 0.5
    said = " ".join(PAGE.split())
    assert f"{least:,} requests at $0.40 for a million, up to {most:,} (${most * 0.4e-6:.2f})" in said
    assert f"*Pollers*, ${least * 0.4e-6:.2f}:" in said
    assert f"*The minutes*, ${runs:.2f}: {minutes:,} runs" in said
    assert f"{looking:,.0f} read units, ${looking * 0.125e-6:.2f}." in said
    assert f"about ${least * 0.4e-6 + rest:.2f} in a month" in said
    assert f"and ${most * 0.4e-6 + rest:.2f} at most" in said


def test_the_commands_that_rotate_sealing_keys_put_the_new_one_behind_then_in_front(tmp_path: Path):
    """With what somebody types in the place of the AWS CLI, which has the ring or prints `None`."""
    _, _, section = PAGE.partition("### Sealing keys")
    first, front = re.findall(r"```\n(.+?)```", section, re.DOTALL)[:2]
    first = first.replace("<TableName>", "t")
    second = re.sub(r"^NEW=.*\n", lambda _: front, first, flags=re.MULTILINE)
    aws = tmp_path / "aws"
    aws.write_text('#!/bin/sh\n[ "$2" = get-item ] && echo "$RING" || printf "%s\\n" "$@"\n')
    aws.chmod(0o755)

    def asked(commands: str, ring: str) -> dict[str, str]:
        environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "RING": ring}
        ran = subprocess.run(
            ["sh", "-euc", commands], env=environment, capture_output=True, text=True, check=True
        )
        *_, condition, _, values = ran.stdout.splitlines()
        given = {name: each["S"] for name, each in json.loads(values).items()}
        # Where there is no ring, it is none, whatever was printed. What DynamoDB makes of the rest:
        kept, _, only = condition.partition(" AND ")
        assert kept == "ring = :old"
        assert only.removeprefix("NOT ") == "contains(ring, :mark)"
        holds = (given[":mark"] in ring) is not only.startswith("NOT ")
        return given if holds else {":new": ring}

    old = KeyRing([new_key(secrets.token_bytes), new_key(secrets.token_bytes)]).as_text()
    behind = asked(first, old)
    assert behind[":old"] == old
    assert parse_key_ring(behind[":new"]).first == parse_key_ring(old).first
    front_now = asked(second, behind[":new"])
    assert front_now[":old"] == behind[":new"]
    assert parse_key_ring(front_now[":new"]).first.id == "2027"
    assert front_now[":new"].endswith(f",{old}")
    for again in (behind[":new"], front_now[":new"]):
        assert asked(first, again) == {":new": again}
    alone = KeyRing([new_key(secrets.token_bytes)]).as_text()
    assert asked(second, alone) == {":new": alone}


def test_every_metric_has_its_line_on_the_page():
    _, _, table = PAGE.partition("| metric | unit |")
    assert set(re.findall(r"`([A-Z]\w+)`", table.partition("\n\n")[0])) == metrics.UNITS.keys()
