"""When a canary gives way: the template's alarms, reckoned over what versions of the function print."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.metrics import publish_response
from tests.template.translated import deployed

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

STACK = deployed(Canary="true")
((PUBLISHED, _),) = (
    (name, each) for name, each in STACK.resources.items() if each["Type"] == "AWS::Lambda::Version"
)
FUNCTION = "<CreateResponseFunction>"
NEW, OLD = f"<{PUBLISHED}.Version>", "the one before"
CRASHES, FAULTS = (STACK.resources[name]["Properties"] for name in ("CanaryCrashAlarm", "CanaryFaultAlarm"))
SHARE = 0.1
"""Of the requests that the new version gets."""


@pytest.fixture
def prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., list[Json]]:
    """What a version prints of so many responses, of which such a part fails."""

    def printed(version: str, responses: int, failing: float) -> list[Json]:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", version)
        for number in range(responses):
            publish_response({}, failed=int((number + 1) * failing) > int(number * failing))
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return printed


def fires(lines: list[Json]) -> bool:
    """Whether the alarm goes off over what was printed within one of its periods."""
    (deciding,) = (each for each in FAULTS["Metrics"] if each.get("ReturnData", True))
    figures = {
        each["Id"]: _statistic(each["MetricStat"], lines)
        for each in FAULTS["Metrics"]
        if each is not deciding
    }
    if None in figures.values():
        assert FAULTS["TreatMissingData"] == "notBreaching"
        return False
    condition, then, otherwise = re.fullmatch(
        r"IF\(([^,]+),([^,]+),([^,]+)\)", deciding["Expression"]
    ).groups()  # type: ignore[union-attr]
    assert FAULTS["ComparisonOperator"] == "GreaterThanThreshold"
    return eval(f"({then}) if ({condition}) else ({otherwise})", {}, figures) > FAULTS["Threshold"]


def _statistic(figure: Json, lines: list[Json]) -> float | None:
    """As CloudWatch reckons it: of the metric with exactly these dimensions; None where there is none."""
    metric = figure["Metric"]
    wanted = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
    values = [
        value
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        if directive["Namespace"] == metric["Namespace"]
        for dimensions in directive["Dimensions"]
        if {name: line[name] for name in dimensions} == wanted
        for value in line.get(metric["MetricName"], ())
    ]
    if not values:
        return None
    return {"Sum": sum(values), "SampleCount": float(len(values))}[figure["Stat"]]


# Responses in three minutes, and the parts of those of the new and of the old version that fail.
BROKEN = [(30, 1.0, 0.02), (80, 0.4, 0.0), (180, 0.4, 0.02), (1800, 0.4, 0.02), (1800, 0.25, 0.0)]
HEALTHY = [
    (180, 0.02, 0.02),
    (1800, 0.02, 0.02),
    (9000, 0.1, 0.1),
    (1800, 0.0, 0.4),
    (10, 1.0, 0.0),
    (20, 1.0, 0.0),
]


@pytest.mark.parametrize(("responses", "new", "old"), BROKEN)
def test_a_version_that_fails_is_noticed_though_it_gets_one_request_in_ten(
    prints: Callable[..., list[Json]], responses: int, new: float, old: float
):
    part = round(responses * SHARE)
    assert fires(prints(NEW, part, new) + prints(OLD, responses - part, old))


@pytest.mark.parametrize(("responses", "new", "old"), HEALTHY)
def test_an_upstreams_faults_or_an_old_versions_or_one_or_two_of_any_take_nothing_back(
    prints: Callable[..., list[Json]], responses: int, new: float, old: float
):
    part = round(responses * SHARE)
    assert not fires(prints(NEW, part, new) + prints(OLD, responses - part, old))


def test_silence_takes_nothing_back(prints: Callable[..., list[Json]]):
    assert not fires([])
    assert not fires(prints(OLD, 100, 1.0))


def test_it_is_noticed_before_the_canary_is_over():
    """CloudWatch looks each minute at the period that has just ended; metrics take up to a minute to come."""
    group = next(
        each for each in STACK.resources.values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"
    )
    (minutes,) = re.findall(r"Canary10Percent(\d+)Minutes", str(group["Properties"]["DeploymentConfigName"]))
    (period,) = {each["MetricStat"]["Period"] for each in FAULTS["Metrics"] if "MetricStat" in each}
    assert period * FAULTS["EvaluationPeriods"] + 60 < int(minutes) * 60


def test_a_crash_is_the_new_versions_own():
    """Lambda counts errors by these three where an alias has two versions."""
    dimensions = {each["Name"]: each["Value"] for each in CRASHES["Dimensions"]}
    assert dimensions == {"FunctionName": FUNCTION, "Resource": f"{FUNCTION}:live", "ExecutedVersion": NEW}
    alias = STACK.resources["CreateResponseFunctionAliaslive"]["Properties"]
    assert (alias["Name"], alias["FunctionVersion"]) == ("live", NEW)
