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
PARAMETER = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"
MODELS = {"Fn::Sub": f"{PARAMETER}${{ModelsParameter}}"}
SERVERS = {"Fn::Sub": f"{PARAMETER}${{McpServersParameter}}"}
BEDROCK = "arn:${AWS::Partition}:bedrock"
MODELS_OF_BEDROCK = [
    {"Fn::Sub": f"{BEDROCK}:*::foundation-model/*"},
    {"Fn::Sub": f"{BEDROCK}:${{AWS::Region}}:${{AWS::AccountId}}:inference-profile/*"},
    {"Fn::Sub": f"{BEDROCK}:${{AWS::Region}}:${{AWS::AccountId}}:application-inference-profile/*"},
]
MODELS_OF_MANTLE = {"Fn::Sub": f"{BEDROCK}-mantle:${{AWS::Region}}:${{AWS::AccountId}}:project/*"}
THROUGH_SSM = {"Fn::Sub": "ssm.${AWS::Region}.amazonaws.com"}
THROUGH_BOTH = [{"Fn::Sub": "secretsmanager.${AWS::Region}.amazonaws.com"}, THROUGH_SSM]
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
ACTIONS = {
    "get": {"dynamodb:GetItem"},
    "query": {"dynamodb:Query"},
    "put": {"dynamodb:PutItem"},
    "update": {"dynamodb:UpdateItem", "dynamodb:GetItem"},  # a refused update looks whether the row outgrew
    "delete": {"dynamodb:DeleteItem"},
    "check": {"dynamodb:ConditionCheckItem"},
    "due": {"dynamodb:Query"},
    "put blob": {"s3:PutObject"},
    "get blob": {"s3:GetObject", "s3:ListBucket"},  # or what is missing would be told as forbidden
    "delete blob": {"s3:DeleteObject"},
    "clear blobs": {"s3:ListBucket", "s3:DeleteObject"},
}
"""What the stores on AWS ask for, by what is asked of them."""
WRITES = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
A_KEY = api_key("0" * 64).pk
INDEX = {"Fn::Sub": "${Table.Arn}/index/work"}
STREAM = {"Fn::GetAtt": "Table.StreamArn"}
QUEUES = {
    "background": {"Fn::GetAtt": "BackgroundQueue.Arn"},
    "dead letters": {"Fn::GetAtt": "RequestDeadLetters.Arn"},
    "results": {"Fn::GetAtt": "ResultQueue.Arn"},
}
EXCHANGE = {"Fn::GetAtt": "Exchange.Arn"}
REQUESTS = {"Fn::Sub": "${Exchange.Arn}/requests/*"}
RESULTS = {"Fn::Sub": "${Exchange.Arn}/results/*"}
BUS = {"Fn::GetAtt": "Bus.Arn"}
KEPT = (TABLE, INDEX, MEDIA, BUCKET)
"""Where everything is kept."""
CALLED = {
    "run_background_response": [{"Fn::GetAtt": "BackgroundQueue.Arn"}],
    "sweep_background_responses": [{"Fn::GetAtt": "BackgroundDeadLetters.Arn"}],
    "run_queued_request": [{"Fn::GetAtt": "RequestQueue.Arn"}],
}
"""The queues whose messages Lambda takes out in a function's name."""
TAKES = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
NAMED = (
    *KEPT,
    *(STREAM, SECRET, KEY_OF_SECRETS, MODELS, SERVERS, MODELS_OF_BEDROCK, MODELS_OF_MANTLE),
    *(*QUEUES.values(), EXCHANGE, REQUESTS, RESULTS, BUS),
    *(queue for queues in CALLED.values() for queue in queues),
)


def granted(door: str, action: str, partition: str, *, untrue: str = "", place: Any = TABLE) -> bool:
    """Whether a door's function may do that with rows of that partition of the table, or of its index."""
    return any(
        statement["Resource"] == place and action in actions(statement) and _holds(statement, partition)
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
        door: {action for each in statements(door) if each["Resource"] in KEPT for action in actions(each)}
        for door in DOORS
    }
    kept = {door: {each for each in asked[door] if each.verb in ACTIONS} for door in DOORS}
    assert may == {door: set[str]().union(*(ACTIONS[verb] for verb, _ in kept[door])) for door in DOORS}
    for door in DOORS:
        for verb, partition in kept[door]:
            if partition:
                place = INDEX if verb == "due" else TABLE
                lacking = [a for a in ACTIONS[verb] if not granted(door, a, partition, place=place)]
                assert not lacking, (door, verb, partition)
        ways = {each.verb for each in asked[door]} - ACTIONS.keys()
        assert {each: granted_ways(door).get(each) for each in ways} == {each: WAYS[each] for each in ways}
        assert granted_ways(door).keys() - ways <= {"keep results"}, (
            door
        )  # which takes more than a message holds


WAYS = {
    "send background": {"sqs:SendMessage"},
    "extend background": {"sqs:ChangeMessageVisibility"},
    "send dead letters": {"sqs:SendMessage"},
    "send results": {"sqs:SendMessage"},
    "keep results": {"s3:PutObject"},
    "read requests": {"s3:GetObject"},
    "publish bus": {"events:PutEvents"},
}
"""What AWS is asked for on the ways in and out, by what is asked of them."""


def granted_ways(door: str) -> dict[str, set[str]]:
    """What a door's function may do on the ways in and out."""
    places = {
        **{f"send {name}": (queue, "sqs:SendMessage") for name, queue in QUEUES.items()},
        "extend background": (QUEUES["background"], "sqs:ChangeMessageVisibility"),
        "keep results": (RESULTS, "s3:PutObject"),
        "read requests": (REQUESTS, "s3:GetObject"),
        "publish bus": (BUS, "events:PutEvents"),
    }
    return {
        way: {action}
        for way, (place, action) in places.items()
        if any(each["Resource"] == place and action in actions(each) for each in statements(door))
    }


@pytest.mark.parametrize("door", DOORS)
def test_a_function_takes_messages_out_of_the_queue_that_calls_it_and_of_no_other(door: str):
    taken = [each["Resource"] for each in statements(door) if TAKES & set(actions(each))]
    assert taken == CALLED.get(door, [])
    for each in statements(door):
        assert not TAKES & set(actions(each)) or set(actions(each)) >= TAKES


@pytest.mark.parametrize("door", DOORS)
def test_only_who_is_called_by_the_stream_reads_it(door: str):
    reads = [action for each in statements(door) if each["Resource"] == STREAM for action in actions(each)]
    expected = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"]
    assert reads == ([f"dynamodb:{name}" for name in expected] if door == "deliver_notifications" else [])


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
    for statement in (each for each in statements(door) if each["Resource"] != STREAM):
        of_dynamodb = {each for each in actions(statement) if each.startswith("dynamodb:")}
        assert of_dynamodb <= {f"dynamodb:{name}" for name in known}
        assert not of_dynamodb or statement["Resource"] in (TABLE, INDEX)
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
    "run_background_response": (ASKS, ["bedrock-mantle:CreateInference"]),
    "count_input_tokens": (["bedrock:CountTokens"], []),  # Mantle counts nothing
}


def test_every_function_that_asks_models_may_ask_bedrocks():
    assert OF_BEDROCK.keys() == {
        "run_background_response",
        *(each.name for each in OPERATIONS if each.asks_models),
    }


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
        ("RESPONSES_MCP_SERVERS", SERVERS, "ssm:GetParameter"),
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
    told = variables(door)
    of_secrets = [THROUGH_BOTH] if "RESPONSES_SECRETS" in told else []
    of_servers = [THROUGH_SSM] if "RESPONSES_MCP_SERVERS" in told else []
    assert [each["Condition"]["StringEquals"]["kms:ViaService"] for each in found] == [
        *of_secrets,
        *of_servers,
    ]


@pytest.mark.parametrize(("given", "named"), [({}, False), ({"KmsKey": KMS_KEY}, True)])
def test_no_key_is_named_where_aws_keeps_it(given: dict[str, str], named: bool):
    policy = deployed(ModelsParameter="/models", **given).resources["ReadsSecrets"]
    assert ("kms:Decrypt" in str(policy)) is named


@pytest.mark.parametrize(("tracing", "more"), [("Disabled", []), ("Active", ["AWSXrayWriteOnlyAccess"])])
def test_what_sam_adds_is_to_write_logs_and_traces_where_there_are_any(tracing: str, more: list[str]):
    roles = [
        each["Properties"]
        for each in deployed(Tracing=tracing).resources.values()
        if each["Type"] == "AWS::IAM::Role"
    ]
    assert len(roles) == len(DOORS)
    for role in roles:
        names = [arn.rpartition("/")[2] for arn in role["ManagedPolicyArns"] if not arn.startswith("<")]
        assert names == ["AWSLambdaBasicExecutionRole", *more]
