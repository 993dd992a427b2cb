"""How the stack of operations is made and kept up to date. AWS's side is written down from its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from infra import operations
from infra.deployed import NotDeployed
from infra.operations import deploy

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

API = {"StackName": "mine", "TableName": "t", "LogGroupName": "l"}


class CloudFormation:
    """Stacks by name, with what they were told."""

    def __init__(
        self, stacks: dict[str, Json], *, refusal: str = "", declared: set[str] | None = None
    ) -> None:
        self.stacks = stacks
        self.waited: list[str] = []
        self.kept: set[str] = set()
        self.events: list[Json] = []
        self._refusal = refusal
        self._declared = declared or {*API, "AlarmEmail", "FailedPercent"}

    def describe_stacks(self, *, StackName: str) -> Json:
        if StackName not in self.stacks:
            raise _refused(f"Stack with id {StackName} does not exist")
        stack = self.stacks[StackName]
        told = [{"ParameterKey": name, "ParameterValue": value} for name, value in stack["told"].items()]
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in stack["outputs"].items()]
        status = stack.get("status", "CREATE_COMPLETE")
        return {"Stacks": [{"Parameters": told, "Outputs": outputs, "StackStatus": status}]}

    def get_paginator(self, name: str) -> CloudFormation:
        assert name == "describe_stack_events"
        return self

    def paginate(self, *, StackName: str) -> list[Json]:
        return [{"StackEvents": [each]} for each in self.events]

    def delete_stack(self, *, StackName: str) -> None:
        del self.stacks[StackName]

    def validate_template(self, *, TemplateBody: str) -> Json:
        return {"Parameters": [{"ParameterKey": name} for name in self._declared]}

    def create_stack(self, **asked: Any) -> None:
        assert asked["Capabilities"] == ["CAPABILITY_AUTO_EXPAND"]
        told = {each["ParameterKey"]: each["ParameterValue"] for each in asked["Parameters"]}
        self.stacks[asked["StackName"]] = {"told": told, "outputs": {"Dashboard": "https://dashboard"}}

    def update_stack(self, **asked: Any) -> None:
        if self._refusal:
            raise _refused(self._refusal)
        self.kept = {each["ParameterKey"] for each in asked["Parameters"] if each.get("UsePreviousValue")}
        told = {each["ParameterKey"]: each.get("ParameterValue") for each in asked["Parameters"]}
        stack = self.stacks[asked["StackName"]]
        stack["told"] = {name: stack["told"][name] if name in self.kept else told[name] for name in told}

    def get_waiter(self, name: str) -> Any:
        waited, fails = self.waited, bool(self.events)

        class Waiter:
            def wait(self, *, StackName: str) -> None:
                waited.append(f"{name} {StackName}")
                if fails:
                    raise WaiterError(name, "Waiter encountered a terminal failure state", {})

        return Waiter()


def _refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "any")


def test_a_stack_that_is_not_there_is_made():
    aws = CloudFormation({})
    deploy(aws, "…", "mine-operations", API)
    assert aws.stacks["mine-operations"]["told"] == API
    assert aws.waited == ["stack_create_complete mine-operations"]


def test_a_stack_that_is_there_keeps_what_it_was_told():
    told = {**API, "AlarmEmail": "me@example.com", "GoneSince": "1"}
    aws = CloudFormation({"mine-operations": {"told": told, "outputs": {}}})
    deploy(aws, "…", "mine-operations", {**API, "FailedPercent": "2"})
    assert aws.stacks["mine-operations"]["told"] == {
        **API,
        "AlarmEmail": "me@example.com",
        "FailedPercent": "2",
    }
    assert aws.kept == {"AlarmEmail"}
    assert aws.waited == ["stack_update_complete mine-operations"]


def test_nothing_new_is_no_fault_and_anything_else_is():
    stacks: dict[str, Json] = {"mine-operations": {"told": {}, "outputs": {}}}
    deploy(CloudFormation(stacks, refusal="No updates are to be performed."), "…", "mine-operations", API)
    with pytest.raises(ClientError):
        deploy(CloudFormation(stacks, refusal="Access denied"), "…", "mine-operations", API)


def event(name: str, status: str, reason: str | None = None) -> Json:
    """As CloudFormation tells of what it does: the stack itself is a resource too."""
    stack = "arn:stack"
    kind = "AWS::CloudFormation::Stack" if name == "mine-operations" else "AWS::CloudWatch::Alarm"
    told = {} if reason is None else {"ResourceStatusReason": reason}
    physical = stack if name == "mine-operations" else f"id of {name}"
    return {
        "StackId": stack,
        "LogicalResourceId": name,
        "PhysicalResourceId": physical,
        "ResourceType": kind,
        "ResourceStatus": status,
        **told,
    }


FAILED = [  # newest first
    event("mine-operations", "ROLLBACK_COMPLETE"),
    event("Slow", "CREATE_FAILED", "Resource creation cancelled"),
    event("Topic", "CREATE_FAILED", "Not allowed to sns:CreateTopic"),
    event("mine-operations", "CREATE_IN_PROGRESS", "User Initiated"),
    event("Topic", "UPDATE_FAILED", "of a stack before"),
]


@pytest.mark.parametrize("stacks", [{}, {"mine-operations": {"told": {}, "outputs": {}}}], ids=["new", "old"])
def test_a_deployment_that_failed_names_what_failed_and_why(stacks: dict[str, Json]):
    aws = CloudFormation(stacks)
    aws.events = FAILED
    with pytest.raises(NotDeployed, match=r"Topic \(AWS::CloudWatch::Alarm\): Not allowed to sns:Creat"):
        deploy(aws, "…", "mine-operations", API)


def test_a_deployment_that_failed_without_a_reason_fails_as_it_did():
    aws = CloudFormation({})
    aws.events = FAILED[3:]
    with pytest.raises(WaiterError):
        deploy(aws, "…", "mine-operations", API)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_a_stack_that_was_never_there_is_made_anew(status: str):
    aws = CloudFormation({"mine-operations": {"told": {"AlarmEmail": "x"}, "outputs": {}, "status": status}})
    deploy(aws, "…", "mine-operations", API)
    assert aws.waited == ["stack_delete_complete mine-operations", "stack_create_complete mine-operations"]
    assert aws.stacks["mine-operations"]["told"] == API


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE", "CREATE_COMPLETE"])
def test_a_stack_that_served_is_never_deleted(status: str):
    aws = CloudFormation({"mine-operations": {"told": API, "outputs": {}, "status": status}})
    deploy(aws, "…", "mine-operations", API)
    assert aws.waited == ["stack_update_complete mine-operations"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, with these stacks in the account and these arguments."""

    def main(aws: CloudFormation, *arguments: str) -> int:
        class Session:
            def __init__(self, **_: Any) -> None: ...

            def client(self, service: str) -> CloudFormation:
                return aws

        monkeypatch.setattr(operations.boto3, "Session", Session)
        monkeypatch.setattr("sys.argv", ["operations", "--stack-name", "mine", *arguments])
        return operations.main()

    return main


def test_it_learns_from_the_stack_that_it_watches(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
):
    outputs = {"TableName": "t", "LogGroupName": "l", "Auth": "keys"}
    aws = CloudFormation({"mine": {"told": {}, "outputs": outputs}})
    assert run(aws, "AlarmEmail=me@example.com") == 0
    assert aws.stacks["mine-operations"]["told"] == {**API, "AlarmEmail": "me@example.com"}
    told = capsys.readouterr().out
    assert "https://dashboard" in told
    assert "mail" in told


def test_what_is_missing_is_a_sentence(run: Callable[..., int], capsys: pytest.CaptureFixture[str]):
    assert run(CloudFormation({})) == 1
    assert run(CloudFormation({"mine": {"told": {}, "outputs": {"TableName": "t"}}})) == 1
    told = capsys.readouterr().err
    assert "The stack mine cannot be looked at" in told
    assert "The stack has no output LogGroupName: deploy it again with this version." in told
    with pytest.raises(SystemExit):
        run(CloudFormation({}), "AlarmEmail")
