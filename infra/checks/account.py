"""What AWS itself says of a stack: where it answers, its snapshots, its last deployment, how it started.

Asked with the AWS credentials of whoever runs the checks.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import TYPE_CHECKING, Any

from infra.checks.verdicts import Skipped, demand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.checks.subject import Subject
    from infra.checks.verdicts import Json

    Clients = Callable[[str], Any]
    """A boto3 client of a service, by its name."""

ALIAS = "live"
"""What callers of create_response meet, whichever version that is."""
UNPUBLISHED = "$LATEST"
"""What a process calls itself that was not told its version."""

_HOUR = 3600
_STARTS = {"restored": "restoreDurationMs", "initialised": "initDurationMs"}
"""Kinds of cold start, by what Lambda measures of them."""


def clients(region: str | None) -> Clients:
    """Clients of that Region, or of the one that the AWS settings of this machine name."""
    import boto3  # for who asks AWS; the checks of the API do without

    session: Any = boto3.Session(region_name=region)
    return session.client


def addresses(ask: Clients, stack: str) -> dict[str, str]:
    """Where a stack answers, by the names of its outputs. Raises `ValueError` where AWS does not say."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        (found,) = ask("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as fault:
        raise ValueError(f"The stack {stack} cannot be looked at: {fault}") from None
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


def check_snapshots(subject: Subject) -> str:
    """The version that serves starts from a snapshot."""
    stack, ask = _asked(subject)
    functions, name = ask("lambda"), f"{stack}-create-response"
    version = functions.get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
    snap: Json = functions.get_function_configuration(FunctionName=name, Qualifier=version)["SnapStart"]
    if snap["ApplyOn"] == "None":
        raise Skipped("SnapStart is off in this stack")
    status: str = snap["OptimizationStatus"]
    demand(status == "On", f"version {version} of create_response has no snapshot: it is {status}")
    return f"version {version} of create_response starts from its snapshot"


def check_the_last_deployment(subject: Subject) -> str:
    """CodeDeploy came to a good end with it, and all requests meet one version."""
    stack, ask = _asked(subject)
    alias: Json = ask("lambda").get_alias(FunctionName=f"{stack}-create-response", Name=ALIAS)
    weights: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    if weights:
        shares = ", ".join(f"{share:.0%} for version {version}" for version, share in weights.items())
        raise Skipped(f"a canary is under way ({shares}); run this again in ten minutes")
    groups = _named(ask, stack, "AWS::CodeDeploy::DeploymentGroup")
    if not groups:
        raise Skipped("this stack deploys without a canary (Canary=false)")
    (application,) = _named(ask, stack, "AWS::CodeDeploy::Application")
    for group in groups:
        found = ask("codedeploy").get_deployment_group(applicationName=application, deploymentGroupName=group)
        last: Json = found["deploymentGroupInfo"].get("lastAttemptedDeployment", {})
        status: str = last.get("status", "Succeeded")
        demand(status == "Succeeded", f"the last deployment of {group} ended as {status}")
    return f"ended well; every request meets version {alias['FunctionVersion']}"


def check_a_version_has_figures_of_its_own(subject: Subject) -> str:
    """By them a canary is judged: without them none would ever be taken back for what it answers."""
    stack, ask = _asked(subject)
    name = f"{stack}-create-response"
    version: str = ask("lambda").get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"]
    of_all = {"service": "lambda-responses", "function": name}
    answered = _responses(ask("cloudwatch"), of_all)
    if not answered:
        raise Skipped("CloudWatch has no figures of the last hour; they take some minutes to come")
    its_own = _responses(ask("cloudwatch"), {**of_all, "version": version})
    nobodys = _responses(ask("cloudwatch"), {**of_all, "version": UNPUBLISHED})
    demand(nobodys == 0, f"{nobodys} of {answered} responses are known as version {UNPUBLISHED}'s")
    if not its_own:
        raise Skipped(f"CloudWatch has no figures of version {version} yet; they take some minutes to come")
    return f"{its_own} of {answered} responses of the last hour were version {version}'s"


def check_how_functions_started(subject: Subject) -> str:
    """Cold starts of the last hour, by their kind, as Lambda's own records in the log tell of them."""
    stack, ask = _asked(subject)
    starts: dict[str, list[float]] = {}
    for group in _named(ask, stack, "AWS::Logs::LogGroup"):
        for measured in _reports(ask("logs"), group):
            for kind, measure in _STARTS.items():
                if measure in measured:
                    starts.setdefault(kind, []).append(measured[measure])
    if not starts:
        raise Skipped("no function started in the last hour, or the log does not tell of it yet")
    return "; ".join(
        f"{len(took)} {kind} in {statistics.median(took):.0f} ms (median), {max(took):.0f} ms (longest)"
        for kind, took in starts.items()
    )


def _asked(subject: Subject) -> tuple[str, Clients]:
    if subject.stack is None or subject.aws is None:
        raise Skipped("no STACK was given, to be asked about with your AWS credentials")
    return subject.stack, subject.aws


def _named(ask: Clients, stack: str, type: str) -> list[str]:
    """Names of the stack's resources of that type."""
    pages = ask("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources: list[Json] = [each for page in pages for each in page["StackResourceSummaries"]]
    return [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == type]


def _responses(cloudwatch: Any, dimensions: dict[str, str]) -> int:
    """How many of the last hour CloudWatch knows of under these dimensions."""
    now = int(time.time())
    found: Json = cloudwatch.get_metric_statistics(
        Namespace="LambdaResponses",
        MetricName="FailedResponses",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - _HOUR,
        EndTime=now,
        Period=_HOUR,
        Statistics=["SampleCount"],
    )
    return int(sum(point["SampleCount"] for point in found["Datapoints"]))


def _reports(logs: Any, group: str) -> Iterator[Json]:
    """What Lambda measured of each run of the last hour."""
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        startTime=int((time.time() - _HOUR) * 1000),
        filterPattern='{ $.type = "platform.report" }',
    )
    for page in pages:
        for event in page["events"]:
            yield json.loads(event["message"])["record"]["metrics"]
