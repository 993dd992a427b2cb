"""template.yaml against the doors, the endpoints, the settings and least privilege."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.runtime.settings import PREFIX, Settings
from lambda_responses.storage.dynamodb import table_definition
from lambda_responses.storage.table import KEY_RING
from tests.template.operations import asked_of_the_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lambda_responses.runtime.operations import Operation
    from tests.played import Play

ROOT = Path(__file__).parents[2]
DOORS = sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py"))


class Cloud(yaml.SafeLoader):
    """Reads CloudFormation's short tags as `{tag: value}`."""


def _tagged(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            return {tag: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {tag: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {tag: loader.construct_mapping(node, deep=True)}
    raise AssertionError(node)


Cloud.add_multi_constructor("!", _tagged)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Cloud)
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}
BY_DOOR = {properties["CodeUri"].split("/")[1]: properties for properties in FUNCTIONS.values()}
TABLE = {"GetAtt": "Table.Arn"}
SECRET = {"Ref": "ProviderSecret"}
MODELS = {"Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${ModelsParameter}"}
BEDROCK = "arn:${AWS::Partition}:bedrock"
MODELS_OF_BEDROCK = [
    {"Sub": f"{BEDROCK}:*::foundation-model/*"},
    {"Sub": f"{BEDROCK}:${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/*"},
    {"Sub": f"{BEDROCK}:${{AWS::Region}}:${{AWS::AccountId}}:application-inference-profile/*"},
]
MODELS_OF_MANTLE = {"Sub": f"{BEDROCK}-mantle:${{AWS::Region}}:${{AWS::AccountId}}:project/*"}
ACTIONS = {
    "get": {"dynamodb:GetItem"},
    "query": {"dynamodb:Query"},
    "put": {"dynamodb:PutItem"},
    "update": {"dynamodb:UpdateItem", "dynamodb:GetItem"},  # a refused update looks whether the row outgrew
    "delete": {"dynamodb:DeleteItem"},
}
"""What the store on DynamoDB asks for, by what is asked of it."""


def events(door: str) -> list[dict[str, Any]]:
    return [event["Properties"] for event in BY_DOOR[door].get("Events", {}).values()]


def statements(door: str) -> Iterator[dict[str, Any]]:
    """What a function may do, conditions taken as true."""
    for policy in BY_DOOR[door].get("Policies", []):
        match policy:
            case {"If": [_, {"Statement": list(found)}, _]} | {"Statement": list(found)}:
                yield from found
            case _:
                raise AssertionError(f"{door}: spell the actions out, not {policy}")


def actions(statement: dict[str, Any]) -> list[str]:
    named = statement["Action"]
    return named if isinstance(named, list) else [named]


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
    for name, properties in FUNCTIONS.items():
        door = re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Function")).lower()
        assert properties["CodeUri"] == f"functions/{door}/"


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.name != "health"], ids=lambda each: each.name
)
def test_what_make_dev_serves_is_deployed(operation: Operation):
    for method, path in operation.routes:
        assert any(covers(event, method, path) for event in events(operation.name)), (method, path)


@pytest.mark.parametrize("door", DOORS)
def test_what_is_deployed_make_dev_serves(door: str):
    (operation,) = (each for each in OPERATIONS if each.name == door)
    assert events(door)
    for event in events(door):
        assert any(covers(event, method, path) for method, path in operation.routes), event


@pytest.mark.parametrize("door", DOORS)
def test_the_docstring_of_a_door_begins_with_its_route(door: str):
    (operation,) = (each for each in OPERATIONS if each.name == door)
    first_line = (ROOT / "functions" / door / "handler.py").read_text(encoding="utf-8").splitlines()[0]
    shortest = min((path for _, path in operation.routes), key=len)
    assert shortest.partition("{")[0].rstrip("/") in first_line


@pytest.mark.parametrize("door", DOORS)
def test_a_function_may_do_what_is_named_on_what_is_named(door: str):
    for statement in statements(door):
        assert not any("*" in action for action in actions(statement))
        assert statement["Resource"] in (TABLE, SECRET, MODELS, MODELS_OF_BEDROCK, MODELS_OF_MANTLE)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("resource", "granted"),
    [
        (MODELS_OF_BEDROCK, ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]),
        (MODELS_OF_MANTLE, ["bedrock-mantle:CreateInference"]),
    ],
)
def test_only_the_function_that_asks_models_may_ask_bedrocks(door: str, resource: Any, granted: list[str]):
    found = [action for each in statements(door) if each["Resource"] == resource for action in actions(each)]
    assert found == (granted if door == "create_response" else [])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("setting", "resource", "action"),
    [
        ("RESPONSES_SECRETS", SECRET, "secretsmanager:GetSecretValue"),
        ("RESPONSES_MODELS", MODELS, "ssm:GetParameter"),
    ],
)
def test_a_function_may_read_what_it_is_told_of(door: str, setting: str, resource: Any, action: str):
    told = setting in BY_DOOR[door].get("Environment", {}).get("Variables", {})
    granted = [
        action for each in statements(door) if each["Resource"] == resource for action in actions(each)
    ]
    assert granted == ([action] if told else [])


@pytest.mark.parametrize("door", ["get_response", "list_input_items"])
def test_a_reader_writes_nothing_but_the_key_ring(door: str):
    (writing,) = (each for each in statements(door) if "dynamodb:PutItem" in actions(each))
    assert writing["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [KEY_RING.pk]}}


@pytest.mark.anyio
async def test_a_function_may_do_with_the_table_what_its_operation_does(play: Play):
    asked = await asked_of_the_store(play)
    granted = {
        door: {action for each in statements(door) if each["Resource"] == TABLE for action in actions(each)}
        for door in DOORS
    }
    called = {door: set[str]().union(*map(ACTIONS.__getitem__, verbs)) for door, verbs in asked.items()}
    assert granted == called


def test_nothing_is_open_to_the_world():
    api = RESOURCES["Api"]["Properties"]
    assert api["Auth"]["DefaultAuthorizer"] == "AWS_IAM"
    for properties in FUNCTIONS.values():
        assert "FunctionUrlConfig" not in properties
        assert all("Auth" not in event["Properties"] for event in properties["Events"].values())


def test_a_page_may_ask_anywhere_and_read_every_answer():
    api = RESOURCES["Api"]["Properties"]
    assert api["Auth"]["AddDefaultAuthorizerToCorsPreflight"] is False
    assert api["Cors"]["AllowOrigin"] == "'*'"
    assert "AllowMethods" not in api["Cors"]  # so that every path names its own
    for response in api["GatewayResponses"].values():
        assert response["ResponseParameters"]["Headers"] == {"Access-Control-Allow-Origin": "'*'"}


@pytest.mark.parametrize("door", DOORS)
def test_every_setting_that_is_deployed_is_known(door: str):
    common = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    variables = common | BY_DOOR[door].get("Environment", {}).get("Variables", {})
    named = {name.removeprefix(PREFIX).lower() for name in variables if name.startswith(PREFIX)}
    assert named <= {field.name for field in fields(Settings)}


def test_the_table_outlives_its_stack():
    table = RESOURCES["Table"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_table_is_the_one_that_the_store_expects():
    deployed = RESOURCES["Table"]["Properties"]
    for name, value in table_definition("any").items():
        if name != "TableName":
            assert deployed[name] == value
