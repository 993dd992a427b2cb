"""`make deploy-operations`: alarms and a dashboard for a deployed stack, in a stack of their own beside it.

    python -m infra.operations [--stack-name NAME] [--region REGION] [--profile PROFILE] [Parameter=value …]

What infra/operations.yaml has to know of the API's stack is read from that; its other parameters keep what
they were given before. A stack that was never there, since making it failed, is deleted
and made anew. SAM cannot deploy the template, since its translator fails on Fn::ForEach; the AWS CLI can.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from infra.deployed import ROOT, NotDeployed, outputs_of, saved_arguments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEMPLATE = ROOT / "infra" / "operations.yaml"
_EXPANDS = ["CAPABILITY_AUTO_EXPAND"]
_UNCHANGED = "No updates are to be performed"
_NEVER_THERE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
"""Of a stack whose creation failed, which can be deleted and nothing else: it has no resource that served."""
_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


def deploy(cloudformation: Any, template: str, stack: str, parameters: Mapping[str, str]) -> None:
    """Create a stack of that template, or bring it up to date; returns when it is there.

    Raises `ClientError`, `WaiterError`, and `NotDeployed` with the reason where CloudFormation gave it up.
    """
    if _was_never_there(cloudformation, stack):
        print(f"Deleting {stack}, whose first deployment failed.", file=sys.stderr)
        cloudformation.delete_stack(StackName=stack)
        _wait(cloudformation, "stack_delete_complete", stack)
    before = _parameters_of(cloudformation, stack)
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    if before is None:
        cloudformation.create_stack(
            StackName=stack, TemplateBody=template, Parameters=given, Capabilities=_EXPANDS
        )
        _wait(cloudformation, "stack_create_complete", stack)
        return
    declared = {
        each["ParameterKey"] for each in cloudformation.validate_template(TemplateBody=template)["Parameters"]
    }
    kept = sorted((before & declared) - parameters.keys())
    given += [{"ParameterKey": name, "UsePreviousValue": True} for name in kept]
    try:
        cloudformation.update_stack(
            StackName=stack, TemplateBody=template, Parameters=given, Capabilities=_EXPANDS
        )
    except ClientError as fault:
        if _UNCHANGED not in str(fault):
            raise
        return
    _wait(cloudformation, "stack_update_complete", stack)


def _wait(cloudformation: Any, end: str, stack: str) -> None:
    try:
        cloudformation.get_waiter(end).wait(StackName=stack)
    except WaiterError as fault:
        pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
        if (first := _first_failure(event for page in pages for event in page["StackEvents"])) is None:
            raise
        raise NotDeployed(f"{stack} was not deployed. {first}") from fault


def _first_failure(events: Iterable[Mapping[str, Any]]) -> str | None:
    """Which resource the last deployment failed by, and why; events come newest first."""
    failure: str | None = None
    for event in events:
        name, status = event["LogicalResourceId"], event["ResourceStatus"]
        if status in _BEGINNINGS and event["PhysicalResourceId"] == event["StackId"]:
            break
        if status.endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", ""):
            failure = f"{name} ({event['ResourceType']}): {event.get('ResourceStatusReason', status)}"
    return failure


def _was_never_there(cloudformation: Any, stack: str) -> bool:
    found = _found(cloudformation, stack)
    return found is not None and found["StackStatus"] in _NEVER_THERE


def _parameters_of(cloudformation: Any, stack: str) -> set[str] | None:
    """What the stack was told before; None where there is none."""
    found = _found(cloudformation, stack)
    return None if found is None else {each["ParameterKey"] for each in found.get("Parameters", [])}


def _found(cloudformation: Any, stack: str) -> Mapping[str, Any] | None:
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as fault:
        if "does not exist" not in str(fault):
            raise
        return None


def _watched(outputs: Mapping[str, str]) -> dict[str, str]:
    """What the API's stack says of itself. Raises `NotDeployed`."""
    names = ("TableName", "LogGroupName")
    if lacking := [name for name in names if name not in outputs]:
        raise NotDeployed(f"The stack has no output {lacking[0]}: deploy it again with this version.")
    return {name: outputs[name] for name in names}


def _parameter(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not Parameter=value")
    return name, value


def main() -> int:
    """Deploy it for one stack; the exit status."""
    saved = saved_arguments(ROOT / "samconfig.toml")
    parser = argparse.ArgumentParser(prog="python -m infra.operations", description=__doc__)
    parser.add_argument("--stack-name", default=saved.get("stack_name", "lambda-responses"))
    parser.add_argument("--region", default=saved.get("region"))
    parser.add_argument("--profile", default=saved.get("profile"))
    parser.add_argument("parameters", nargs="*", metavar="Parameter=value", type=_parameter)
    given = parser.parse_args()
    stack = f"{given.stack_name}-operations"
    try:
        session: Any = boto3.Session(profile_name=given.profile, region_name=given.region)
        outputs = outputs_of(session, given.stack_name)
        told = dict[str, str](given.parameters)
        parameters = {"StackName": given.stack_name, **_watched(outputs), **told}
        deploy(session.client("cloudformation"), TEMPLATE.read_text(encoding="utf-8"), stack, parameters)
        print(f"\nThe dashboard of {given.stack_name}:\n\n  {outputs_of(session, stack)['Dashboard']}\n")
    except (NotDeployed, BotoCoreError, ClientError, WaiterError) as fault:
        print(fault, file=sys.stderr)
        return 1
    if told.get("AlarmEmail"):
        print("A mail asks its reader to confirm that alarms may be sent there.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
