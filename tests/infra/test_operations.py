"""How the stack of operations is made and kept up to date. AWS's side is written down from its reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from infra import operations
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
        self._refusal = refusal
        self._declared = declared or {*API, "AlarmEmail", "FailedPercent"}

    def describe_stacks(self, *, StackName: str) -> Json:
        if StackName not in self.stacks:
            raise _refused(f"Stack with id {StackName} does not exist")
        stack = self.stacks[StackName]
        told = [{"ParameterKey": name, "ParameterValue": value} for name, value in stack["told"].items()]
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in stack["outputs"].items()]
        return {"Stacks": [{"Parameters": told, "Outputs": outputs}]}

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
        waited = self.waited

        class Waiter:
            def wait(self, *, StackName: str) -> None:
                waited.append(f"{name} {StackName}")

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
