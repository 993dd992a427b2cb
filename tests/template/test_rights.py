"""What each function of template.yaml may do: what its door does, and nothing else."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.storage.table import API_KEYS, KEY_RING, api_key
from tests.template.declared import AUTHORIZER, BY_DOOR, DOORS, actions, statements, variables
from tests.template.operations import asked_of_the_stores
from tests.template.translated import deployed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.played import Play

TABLE = {"Fn::GetAtt": "Table.Arn"}
MEDIA = {"Fn::Sub": "${Media.Arn}/*"}
BUCKET = {"Fn::GetAtt": "Media.Arn"}
SECRET = {"Ref": "ProviderSecret"}
KEY_OF_SECRETS = {"Ref": "KmsKey"}
MODELS = {"Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${ModelsParameter}"}
BEDROCK = "arn:${AWS::Partition}:bedrock"
MODELS_OF_BEDROCK = [
    {"Fn::Sub": f"{BEDROCK}:*::foundation-model/*"},
    {"Fn::Sub": f"{BEDROCK}:${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/*"},
    {"Fn::Sub": f"{BEDROCK}:${{AWS::Region}}:${{AWS::AccountId}}:application-inference-profile/*"},
]
MODELS_OF_MANTLE = {"Fn::Sub": f"{BEDROCK}-mantle:${{AWS::Region}}:${{AWS::AccountId}}:project/*"}
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
ACTIONS = {
    "get": {"dynamodb:GetItem"},
    "query": {"dynamodb:Query"},
    "put": {"dynamodb:PutItem"},
    "update": {"dynamodb:UpdateItem", "dynamodb:GetItem"},  # a refused update looks whether the row outgrew
    "delete": {"dynamodb:DeleteItem"},
    "check": {"dynamodb:ConditionCheckItem"},
    "put blob": {"s3:PutObject"},
    "get blob": {"s3:GetObject", "s3:ListBucket"},  # or what is missing would be told as forbidden
    "delete blob": {"s3:DeleteObject"},
    "clear blobs": {"s3:ListBucket", "s3:DeleteObject"},
}
"""What the stores on AWS ask for, by what is asked of them."""
WRITES = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
A_KEY = api_key("0" * 64).pk
NAMED = (TABLE, MEDIA, BUCKET, SECRET, KEY_OF_SECRETS, MODELS, MODELS_OF_BEDROCK, MODELS_OF_MANTLE)


def granted(door: str, action: str, partition: str, *, untrue: str = "") -> bool:
    """Whether a door's function may do that with rows of that partition of the table."""
    return any(
        statement["Resource"] == TABLE and action in actions(statement) and _holds(statement, partition)
        for statement in statements(door, untrue=untrue)
    )


def _holds(statement: dict[str, Any], partition: str) -> bool:
    match statement.get("Condition"):
        case None:
            return True
        case {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(names)}}:
            return partition in names
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)}}:
            return any(fnmatchcase(partition, pattern) for pattern in patterns)
        case {"ForAllValues:StringNotLike": {"dynamodb:LeadingKeys": list(patterns)}}:
            return not any(fnmatchcase(partition, pattern) for pattern in patterns)
    raise AssertionError(f"no test knows this condition: {statement}")


@pytest.mark.parametrize("door", DOORS)
def test_a_function_may_do_what_is_named_on_what_is_named(door: str):
    for statement in statements(door):
        assert not any("*" in action for action in actions(statement))
        assert statement["Resource"] in NAMED


@pytest.mark.anyio
async def test_a_function_may_do_with_table_and_bucket_what_its_door_does(play: Play, tmp_path: Path):
    asked = await asked_of_the_stores(play, tmp_path)
    may = {
        door: {
            action
            for each in statements(door)
            if each["Resource"] in (TABLE, MEDIA, BUCKET)
            for action in actions(each)
        }
        for door in DOORS
    }
    assert may == {door: set[str]().union(*(ACTIONS[verb] for verb, _ in asked[door])) for door in DOORS}
    for door in DOORS:
        for verb, partition in asked[door]:
            if partition:
                lacking = [a for a in ACTIONS[verb] if not granted(door, a, partition)]
                assert not lacking, (door, verb, partition)


@pytest.mark.parametrize("door", DOORS)
def test_no_function_can_make_itself_a_key_or_mend_one(door: str):
    assert not any(granted(door, action, A_KEY) for action in WRITES)
    assert not any(granted(door, action, API_KEYS.pk) for action in WRITES)


@pytest.mark.parametrize("door", DOORS)
def test_only_who_is_asked_by_callers_themselves_sees_what_keys_stand_for(door: str):
    asks_who_calls = door == AUTHORIZER or "FunctionUrlConfig" in BY_DOOR[door]
    assert granted(door, "dynamodb:GetItem", A_KEY) is asks_who_calls


@pytest.mark.parametrize("door", DOORS)
def test_nobody_sees_keys_where_callers_show_tokens(door: str):
    assert not granted(door, "dynamodb:GetItem", A_KEY, untrue="TakesKeys")


@pytest.mark.parametrize("door", DOORS)
def test_nobody_lists_keys(door: str):
    for partition in (API_KEYS.pk, A_KEY):
        assert not granted(door, "dynamodb:Query", partition)
    assert not granted(door, "dynamodb:GetItem", API_KEYS.pk)


@pytest.mark.parametrize("door", DOORS)
def test_whatever_is_asked_of_the_table_names_partitions(door: str):
    """What names none (Scan, PartiQL) passes every ForAllValues, and an index has partitions of its own."""
    known = {"ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"}
    for statement in statements(door):
        of_dynamodb = {each for each in actions(statement) if each.startswith("dynamodb:")}
        assert of_dynamodb <= {f"dynamodb:{name}" for name in known}
        assert not of_dynamodb or statement["Resource"] == TABLE
        assert not of_dynamodb or "dynamodb:LeadingKeys" in str(statement["Condition"])


def test_the_authorizer_sees_keys_and_no_response():
    assert not granted(AUTHORIZER, "dynamodb:GetItem", "default#T#0")
    assert not granted(AUTHORIZER, "dynamodb:GetItem", KEY_RING.pk)
    assert not granted(AUTHORIZER, "dynamodb:GetItem", API_KEYS.pk)


@pytest.mark.parametrize("door", ["get_response", "list_input_items"])
def test_a_reader_writes_nothing_but_the_key_ring(door: str):
    assert granted(door, "dynamodb:PutItem", KEY_RING.pk)
    assert not granted(door, "dynamodb:PutItem", "default#T#0")


ASKS = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
OF_BEDROCK = {
    "create_response": (ASKS, ["bedrock-mantle:CreateInference"]),
    "compact_response": (ASKS, ["bedrock-mantle:CreateInference"]),
    "count_input_tokens": (["bedrock:CountTokens"], []),  # Mantle counts nothing
}


def test_every_function_that_asks_models_may_ask_bedrocks():
    assert OF_BEDROCK.keys() == {each.name for each in OPERATIONS if each.asks_models}


@pytest.mark.parametrize("door", DOORS)
def test_a_function_may_ask_bedrock_what_it_asks_models(door: str):
    found = [
        [action for each in statements(door) if each["Resource"] == resource for action in actions(each)]
        for resource in (MODELS_OF_BEDROCK, MODELS_OF_MANTLE)
    ]
    assert found == [*OF_BEDROCK.get(door, ([], []))]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("setting", "resource", "action"),
    [
        ("RESPONSES_SECRETS", SECRET, "secretsmanager:GetSecretValue"),
        ("RESPONSES_MODELS", MODELS, "ssm:GetParameter"),
    ],
)
def test_a_function_may_read_what_it_is_told_of(door: str, setting: str, resource: Any, action: str):
    found = [
        each
        for statement in statements(door)
        if statement["Resource"] == resource
        for each in actions(statement)
    ]
    assert found == ([action] if setting in variables(door) else [])


@pytest.mark.parametrize("door", DOORS)
def test_who_reads_secrets_may_use_their_key_for_that_and_for_nothing_else(door: str):
    found = [each for each in statements(door) if each["Resource"] == KEY_OF_SECRETS]
    for statement in found:
        assert actions(statement) == ["kms:Decrypt"]
        (services,) = statement["Condition"]["StringEquals"].values()
        assert services == [
            {"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"} for service in ("secretsmanager", "ssm")
        ]
    assert len(found) == ("RESPONSES_SECRETS" in variables(door))


@pytest.mark.parametrize(("given", "named"), [({}, 0), ({"KmsKey": KMS_KEY}, 4)])
def test_no_key_is_named_where_aws_keeps_it(given: dict[str, str], named: int):
    roles = [each for each in deployed(**given).resources.values() if each["Type"] == "AWS::IAM::Role"]
    assert sum("kms:Decrypt" in str(role) for role in roles) == named


@pytest.mark.parametrize(("tracing", "more"), [("Disabled", []), ("Active", ["AWSXrayWriteOnlyAccess"])])
def test_what_sam_adds_is_to_write_logs_and_traces_where_there_are_any(tracing: str, more: list[str]):
    roles = [
        each["Properties"]
        for each in deployed(Tracing=tracing).resources.values()
        if each["Type"] == "AWS::IAM::Role"
    ]
    assert len(roles) == len(DOORS)
    for role in roles:
        names = [arn.rpartition("/")[2] for arn in role["ManagedPolicyArns"]]
        assert names == ["AWSLambdaBasicExecutionRole", *more]
