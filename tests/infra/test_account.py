"""What the checks make of what AWS says of a stack; AWS's side is written down from its API references."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import NoCredentialsError

from infra import smoke
from infra.checks.account import (
    check_a_version_has_figures_of_its_own,
    check_how_functions_started,
    check_snapshots,
    check_the_last_deployment,
)
from infra.checks.subject import Subject
from infra.checks.verdicts import Failed, Skipped
from lambda_responses.runtime import metrics
from lambda_responses.runtime.logs import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]

ON = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
CODE_DEPLOY = {
    "AWS::CodeDeploy::Application": "stack-app",
    "AWS::CodeDeploy::DeploymentGroup": "stack-group",
}
OUTPUTS = {"BaseUrl": "https://api/v1", "CreateResponseUrl": "https://function/", "TableName": "t"}


class Account:
    """One stack as AWS knows it. It is asked as boto3's clients are."""

    def __init__(
        self,
        *,
        snap: Json | None = None,
        weights: dict[str, float] | None = None,
        resources: dict[str, str] | None = None,
        deployment: Json | None = None,
        reports: list[Json] | None = None,
        outputs: dict[str, str] = OUTPUTS,
        responses: dict[str | None, int] | None = None,
    ) -> None:
        self._responses = responses or {}
        self._outputs = outputs
        self._snap = snap or ON
        self._alias = {"FunctionVersion": "7", "RoutingConfig": {"AdditionalVersionWeights": weights or {}}}
        self._resources = {"AWS::Logs::LogGroup": "stack-logs", **(resources or {})}
        self._deployment = deployment
        self._reports = reports or []

    def __call__(self, service: str) -> Account:
        assert service in ("cloudformation", "cloudwatch", "codedeploy", "lambda", "logs")
        return self

    def describe_stacks(self, *, StackName: str) -> Json:
        assert StackName == "stack"
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self._outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}

    def get_alias(self, *, FunctionName: str, Name: str) -> Json:
        assert (FunctionName, Name) == ("stack-create-response", "live")
        return self._alias

    def get_function_configuration(self, *, FunctionName: str, Qualifier: str) -> Json:
        assert (FunctionName, Qualifier) == ("stack-create-response", "7")
        return {"SnapStart": self._snap}

    def get_deployment_group(self, *, applicationName: str, deploymentGroupName: str) -> Json:
        assert (applicationName, deploymentGroupName) == ("stack-app", "stack-group")
        return {
            "deploymentGroupInfo": {"lastAttemptedDeployment": self._deployment} if self._deployment else {}
        }

    def get_metric_statistics(self, *, Namespace: str, MetricName: str, **asked: Any) -> Json:
        assert (Namespace, MetricName) == (metrics.NAMESPACE, "FailedResponses")
        assert asked["EndTime"] - asked["StartTime"] == asked["Period"]
        dimensions = {each["Name"]: each["Value"] for each in asked["Dimensions"]}
        assert (dimensions.pop("service"), dimensions.pop("function")) == (SERVICE, "stack-create-response")
        counted = self._responses.get(dimensions.pop("version", None))
        assert not dimensions
        return {"Datapoints": [{name: counted for name in asked["Statistics"]}] if counted else []}

    def get_paginator(self, operation: str) -> Any:
        return {"list_stack_resources": _Pages(self._listed), "filter_log_events": _Pages(self._logged)}[
            operation
        ]

    def _listed(self, *, StackName: str) -> Iterator[Json]:
        assert StackName == "stack"
        for type, name in self._resources.items():
            yield {"StackResourceSummaries": [{"ResourceType": type, "PhysicalResourceId": name}]}

    def _logged(self, *, logGroupName: str, startTime: int, filterPattern: str) -> Iterator[Json]:
        assert logGroupName == "stack-logs"
        for measured in self._reports:
            report = {"type": "platform.report", "record": {"metrics": measured}}
            yield {"events": [{"message": json.dumps(report)}]}


class _Pages:
    def __init__(self, paginate: Callable[..., Iterator[Json]]) -> None:
        self.paginate = paginate


def asked(**account: Any) -> Subject:
    return Subject("https://api/v1", stack="stack", aws=Account(**account))


def test_a_version_with_a_snapshot_is_well():
    assert "version 7" in check_snapshots(asked())


def test_a_version_without_the_snapshot_that_it_should_have_is_found():
    with pytest.raises(Failed, match="Off"):
        check_snapshots(asked(snap={"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}))


def test_no_snapshot_is_asked_for_where_there_should_be_none():
    with pytest.raises(Skipped, match="SnapStart is off"):
        check_snapshots(asked(snap={"ApplyOn": "None", "OptimizationStatus": "Off"}))


def test_a_deployment_that_ended_well_is_told():
    assert "version 7" in check_the_last_deployment(
        asked(resources=CODE_DEPLOY, deployment={"status": "Succeeded"})
    )
    assert "version 7" in check_the_last_deployment(asked(resources=CODE_DEPLOY))  # the first of all


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_deployment_that_was_taken_back_is_found(status: str):
    with pytest.raises(Failed, match=status):
        check_the_last_deployment(asked(resources=CODE_DEPLOY, deployment={"status": status}))


def test_a_canary_under_way_is_left_alone():
    with pytest.raises(Skipped, match="10% for version 8"):
        check_the_last_deployment(asked(resources=CODE_DEPLOY, weights={"8": 0.1}))


def test_a_stack_without_canaries_has_none_to_tell_of():
    with pytest.raises(Skipped, match="Canary=false"):
        check_the_last_deployment(asked())


def test_a_version_that_has_figures_of_its_own_is_well():
    told = check_a_version_has_figures_of_its_own(asked(responses={None: 12, "7": 9}))
    assert told == "9 of 12 responses of the last hour were version 7's"


def test_responses_of_no_known_version_are_found():
    """As if processes that start from a snapshot were not told which version they are."""
    with pytest.raises(Failed, match="12 of 12 responses are known as"):
        check_a_version_has_figures_of_its_own(asked(responses={None: 12, "$LATEST": 12}))


def test_figures_that_have_not_come_yet_are_waited_for():
    with pytest.raises(Skipped, match="minutes"):
        check_a_version_has_figures_of_its_own(asked())
    with pytest.raises(Skipped, match="version 7 yet"):  # all that came was of the version before
        check_a_version_has_figures_of_its_own(asked(responses={None: 12, "6": 12}))


def test_starts_are_told_by_their_kind():
    told = check_how_functions_started(
        asked(
            reports=[
                {"durationMs": 12.0},
                {"durationMs": 9.0, "initDurationMs": 640.4},
                {"durationMs": 9.0, "restoreDurationMs": 300.0},
                {"durationMs": 9.0, "restoreDurationMs": 400.0},
            ]
        )
    )
    assert "1 initialised in 640 ms" in told
    assert "2 restored in 350 ms (median), 400 ms (longest)" in told


def test_no_start_is_no_fault():
    with pytest.raises(Skipped, match="no function started"):
        check_how_functions_started(asked(reports=[{"durationMs": 12.0}]))


def test_without_a_stack_nobody_is_asked():
    for name in ("snapshots", "last deployment", "a version's figures", "starts"):
        (found,) = smoke.run(Subject("https://api/v1"), {name: smoke.CHECKS[name]})
        assert found[0] == "skipped"


def test_a_stack_says_where_it_answers():
    subject = smoke.subject_of({"STACK": "stack"}, Account())
    assert (subject.base_url, subject.function_url) == ("https://api/v1", "https://function/")


def test_a_stack_may_have_no_function_url():
    outputs = {name: value for name, value in OUTPUTS.items() if name != "CreateResponseUrl"}
    subject = smoke.subject_of({"STACK": "stack"}, Account(outputs=outputs))
    assert (subject.base_url, subject.function_url) == ("https://api/v1", None)


def test_what_is_given_goes_before_what_a_stack_says():
    edge = smoke.subject_of({"STACK": "stack", "BASE_URL": "https://edge/v1"}, Account())
    assert (edge.base_url, edge.function_url) == ("https://edge/v1", None)
    other = smoke.subject_of({"STACK": "stack", "FUNCTION_URL": "https://other/"}, Account())
    assert (other.base_url, other.function_url) == ("https://api/v1", "https://other/")


def test_a_stack_that_nobody_may_look_at_is_told_in_one_sentence():
    def refusing(service: str) -> Any:
        raise NoCredentialsError

    with pytest.raises(
        ValueError, match=r"The stack stack cannot be looked at: Unable to locate credentials"
    ):
        smoke.subject_of({"STACK": "stack"}, refusing)
