"""template.yaml against the doors, the endpoints and the settings."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.runtime.settings import PREFIX, Settings
from lambda_responses.storage.keyed.dynamodb import table_definition
from tests.template.declared import (
    API,
    AUTHORIZER,
    BY_DOOR,
    DOORS,
    FUNCTIONS,
    OF_ALL,
    RESOURCES,
    ROOT,
    TEMPLATE,
    UNASKED,
    events,
    variables,
)
from tests.template.translated import deployed

if TYPE_CHECKING:
    from lambda_responses.runtime.operations import Operation

OPERATING = [door for door in DOORS if door not in (AUTHORIZER, *UNASKED)]
SETTINGS = {field.name for field in fields(Settings)}


def covers(event: dict[str, Any], method: str, path: str) -> bool:
    """Whether API Gateway sends that method and path (below its stage `v1`) to that event's function."""
    pattern = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(event["Path"]))
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
    sample = re.sub(r"\{\w+:path\}", "some/thing", path.removeprefix("/v1"))
    sample = re.sub(r"\{\w+\}", "thing", sample)
    return event["Method"] in (method, "ANY") and re.fullmatch(pattern, sample) is not None


def test_every_door_has_a_function_and_every_function_a_door():
    assert sorted(BY_DOOR) == DOORS


def test_a_function_is_named_after_its_door():
    """Both its logical id and the name that alarms and dashboards of other stacks know it by."""
    for name, properties in FUNCTIONS.items():
        door = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Function")).lower()
        assert properties["CodeUri"] == f"functions/{door}/"
        assert properties["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{door.replace('_', '-')}"}


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.name != "health"], ids=lambda each: each.name
)
def test_what_make_dev_serves_is_deployed(operation: Operation):
    for method, path in operation.routes:
        assert any(covers(event, method, path) for event in events(operation.name)), (method, path)


@pytest.mark.parametrize("door", OPERATING)
def test_what_is_deployed_make_dev_serves(door: str):
    (operation,) = (each for each in OPERATIONS if each.name == door)
    assert events(door)
    for event in events(door):
        assert any(covers(event, method, path) for method, path in operation.routes), event


@pytest.mark.parametrize("door", [AUTHORIZER, *UNASKED])
def test_what_no_client_asks_is_no_route(door: str):
    assert events(door) == []


@pytest.mark.parametrize("door", OPERATING)
def test_the_docstring_of_a_door_begins_with_its_route(door: str):
    (operation,) = (each for each in OPERATIONS if each.name == door)
    first_line = (ROOT / "functions" / door / "handler.py").read_text(encoding="utf-8").splitlines()[0]
    shortest = min((path for _, path in operation.routes), key=len)
    assert shortest.partition("{")[0].rstrip("/") in first_line


def test_no_route_is_open_to_the_world():
    assert API["Auth"]["DefaultAuthorizer"] in API["Auth"]["Authorizers"]
    assert all("Auth" not in event for door in OPERATING for event in events(door))


def test_a_page_may_ask_anywhere():
    assert API["Auth"]["AddDefaultAuthorizerToCorsPreflight"] is False
    assert API["Cors"]["AllowOrigin"] == "'*'"
    assert "AllowMethods" not in API["Cors"]  # so that every path names its own


@pytest.mark.parametrize("door", DOORS)
def test_every_setting_that_is_deployed_is_known(door: str):
    named = {name.removeprefix(PREFIX).lower() for name in variables(door) if name.startswith(PREFIX)}
    assert named <= SETTINGS


def test_what_one_function_keeps_for_days_and_whom_it_knows_all_do():
    assert {"RESPONSES_AUTH", "RESPONSES_STORE", "RESPONSES_RETENTION_DAYS"} <= OF_ALL["Environment"][
        "Variables"
    ].keys()


def test_a_parameter_has_the_default_of_the_setting_that_it_is():
    defaults = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}
    assert defaults["RetentionDays"] == Settings().retention_days
    assert defaults["DeleteMode"] == Settings().delete_mode
    assert defaults["DefaultProvider"] == Settings().default_provider
    assert defaults["JwtTenantClaim"] == Settings().jwt_tenant_claim
    assert defaults["BackgroundSeconds"] == Settings().background_seconds
    assert defaults["TenantConcurrency"] == Settings().tenant_concurrency


def test_the_table_outlives_its_stack():
    table = RESOURCES["Table"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["SSESpecification"]["SSEEnabled"] is True
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_bucket_outlives_its_stack_and_is_nobody_elses():
    bucket = RESOURCES["Media"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["Properties"]["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    (encryption,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = RESOURCES["MediaPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_what_is_deleted_from_the_bucket_is_gone():
    assert "VersioningConfiguration" not in RESOURCES["Media"]["Properties"]


@pytest.mark.parametrize("days", TEMPLATE["Parameters"]["RetentionDays"]["AllowedValues"])
def test_media_outlive_what_refers_to_them_and_not_by_much(days: int):
    media = deployed(RetentionDays=str(days)).resources["Media"]["Properties"]
    (rule,) = media["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Prefix"] == "threads/"  # what is said in conversations stays until somebody deletes it
    assert rule["ExpirationInDays"] == days + 15


def test_the_tables_stream_tells_keys_alone():
    """It keeps them for a day, and what somebody deletes has to be gone."""
    assert RESOURCES["Table"]["Properties"]["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_the_table_is_the_one_that_the_store_expects():
    deployed = RESOURCES["Table"]["Properties"]
    for name, value in table_definition("any").items():
        if name != "TableName":
            assert deployed[name] == value


def test_logs_end_and_all_functions_write_to_the_same():
    assert RESOURCES["Logs"]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert OF_ALL["LoggingConfig"]["LogGroup"] == {"Ref": "Logs"}
    assert not any("LoggingConfig" in properties for properties in FUNCTIONS.values())
