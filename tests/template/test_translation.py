"""What SAM makes of template.yaml: which routes stream, who is let in, which version callers meet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.runtime.principals.keys import VALID_SECONDS
from lambda_responses.wire.api_keys import render_key
from tests.template.cloud import NotDeployed
from tests.template.declared import DOORS, TEMPLATE
from tests.template.translated import deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.template.cloud import Stack

STREAMING = {("post", "/responses"), ("get", "/responses/{response_id}"), ("post", "/responses/compact")}
DOORS_WITH_URLS = {"create_response", "get_response"}
STREAMING_DOORS = {*DOORS_WITH_URLS, "compact_response"}
"""What streams, or waits for a model longer than API Gateway waits for what does not."""
UNASKED = {
    "run_background_response": 900,
    "run_queued_request": 900,
    "sweep_background_responses": 120,
    "deliver_notifications": 300,
}
"""Seconds of those that no client waits for."""
TOKENS = {"Auth": "jwt", "JwtIssuer": "https://issuer.example/", "JwtAudience": "responses"}
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret"
KMS_KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"

Operation = tuple[str, str, dict[str, Any]]


def operations(stack: Stack) -> Iterator[Operation]:
    """Method, path and all else of each route."""
    for path, methods in stack.resources["Api"]["Properties"]["Body"]["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def of_kind(stack: Stack, kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id."""
    return {name: each["Properties"] for name, each in stack.resources.items() if each["Type"] == kind}


def logical_id(door: str) -> str:
    return "".join(map(str.capitalize, door.split("_"))) + "Function"


@pytest.fixture(scope="module")
def stack() -> Stack:
    return deployed()


# Streaming


def test_the_streaming_routes_stream_for_fifteen_minutes_and_no_other_does(stack: Stack):
    for method, path, operation in operations(stack):
        integration = operation["x-amazon-apigateway-integration"]
        if (method, path) in STREAMING:
            assert integration["responseTransferMode"] == "STREAM"
            assert integration["uri"].endswith("/response-streaming-invocations")
            assert "/2021-11-15/functions/" in integration["uri"]
            assert integration["timeoutInMillis"] == 900_000
        else:
            assert not integration.keys() & {"responseTransferMode", "timeoutInMillis"}
            assert integration["type"] == "mock" or integration["uri"].endswith("/invocations")
    assert {(method, path) for method, path, _ in operations(stack)} >= STREAMING


@pytest.mark.parametrize("door", DOORS)
def test_what_streams_runs_under_the_streaming_runtime_for_as_long_as_its_route(stack: Stack, door: str):
    function = stack.resources[logical_id(door)]["Properties"]
    streams = door in STREAMING_DOORS
    assert function["Timeout"] == (900 if streams else UNASKED.get(door, 29))
    wrapper = function["Environment"]["Variables"].get("AWS_LAMBDA_EXEC_WRAPPER")
    assert wrapper == ("/opt/streaming-runtime" if streams else None)


def test_function_urls_stream_and_anybody_may_knock(stack: Stack):
    urls = of_kind(stack, "AWS::Lambda::Url")
    assert urls.keys() == {f"{logical_id(door)}Url" for door in DOORS_WITH_URLS}
    for url in urls.values():
        assert (url["AuthType"], url["InvokeMode"]) == ("NONE", "RESPONSE_STREAM")
        assert "Cors" not in url  # the door says who may read, once
        open_to_all = {
            permission["Action"]: permission
            for permission in of_kind(stack, "AWS::Lambda::Permission").values()
            if permission["FunctionName"] == url["TargetFunctionArn"] and permission["Principal"] == "*"
        }
        assert open_to_all["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "NONE"
        assert open_to_all["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True
        assert len(open_to_all) == 2


def test_nothing_else_is_open_to_anybody(stack: Stack):
    knocked = {url["TargetFunctionArn"] for url in of_kind(stack, "AWS::Lambda::Url").values()}
    for permission in of_kind(stack, "AWS::Lambda::Permission").values():
        aws = permission["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com")
        assert aws or permission["FunctionName"] in knocked
        assert permission["Principal"] == "*" or "SourceArn" in permission


# Who is let in


def test_every_route_asks_the_authorizer_but_the_preflight(stack: Stack):
    for method, path, operation in operations(stack):
        assert operation.get("security") == (None if method == "options" else [{"Bearer": []}]), path


def test_the_authorizer_is_asked_again_after_thirty_seconds(stack: Stack):
    (scheme,) = stack.resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"].values()
    assert (scheme["in"], scheme["name"].lower()) == ("header", "authorization")
    told = scheme["x-amazon-apigateway-authorizer"]
    assert told["type"] == "token"
    assert told["authorizerResultTtlInSeconds"] == VALID_SECONDS == 30
    assert "AuthorizeFunction" in told["authorizerUri"]


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (f"Bearer {render_key(bytes(32))}", True),
        (f"bearer  {render_key(bytes(32))}", True),
        ("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln-_~+/==", True),
        ("Bearer", False),
        ("Bearer ", False),
        ("Bearer two words", False),
        ("sk-lr-without-a-scheme", False),
        ("", False),
    ],
)
def test_what_can_be_no_credential_costs_no_look(stack: Stack, header: str, asked: bool):
    """Refused either way, with 401; API Gateway matches the whole header."""
    (scheme,) = stack.resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"].values()
    pattern = scheme["x-amazon-apigateway-authorizer"]["identityValidationExpression"]
    assert (re.fullmatch(pattern, header) is not None) is asked


def test_functions_know_of_tokens_where_callers_show_them(stack: Stack):
    for each in of_kind(stack, "AWS::Lambda::Function").values():
        variables = each["Environment"]["Variables"]
        assert variables["RESPONSES_AUTH"] == "keys"
        assert not any(name.startswith("RESPONSES_JWT_") for name in variables)
    for each in of_kind(deployed(**TOKENS), "AWS::Lambda::Function").values():
        variables = each["Environment"]["Variables"]
        assert {name: value for name, value in variables.items() if "AUTH" in name or "JWT" in name} == {
            "RESPONSES_AUTH": "jwt",
            "RESPONSES_JWT_ISSUER": "https://issuer.example/",
            "RESPONSES_JWT_AUDIENCE": "responses",
            "RESPONSES_JWT_TENANT_CLAIM": "sub",
        }


@pytest.mark.parametrize("missing", ["JwtIssuer", "JwtAudience"])
def test_tokens_of_anybody_or_for_anybody_are_not_deployed(missing: str):
    with pytest.raises(NotDeployed, match=missing):
        deployed(**{name: value for name, value in TOKENS.items() if name != missing})


# Versions


def version(stack: Stack) -> tuple[str, str]:
    """What has CloudFormation publish another version of create_response: logical id and description."""
    ((name, properties),) = of_kind(stack, "AWS::Lambda::Version").items()
    return name, properties["Description"]


def configuration(stack: Stack) -> dict[str, Any]:
    """What a version of create_response keeps. Lambda publishes none where nothing of this has changed."""
    properties = stack.resources["CreateResponseFunction"]["Properties"]
    return {name: value for name, value in properties.items() if name != "ReservedConcurrentExecutions"}


CHANGES = {
    "Architecture": "x86_64",
    "Auth": "jwt",
    "JwtIssuer": "https://other.example/",
    "JwtAudience": "others",
    "JwtTenantClaim": "org",
    "DefaultProvider": "bedrock",
    "ProviderSecret": f"{SECRET}:keys-AbCdEf",
    "ModelsParameter": "/models",
    "McpServersParameter": "/servers",
    "McpUrls": "true",
    "KmsKey": KMS_KEY,
    "RetentionDays": "7",
    "DeleteMode": "erase",
    "LogRetentionDays": "7",
    "RequestsPerSecond": "7",
    "RequestBurst": "7",
    "MaxConcurrency": "7",
    "BackgroundConcurrency": "7",
    "TenantConcurrency": "7",
    "BackgroundSeconds": "7",
    "RequestTenant": "acme",
    "ResultsTo": "bucket",
    "Events": "Enabled",
    "SnapStart": "None",
    "Tracing": "Active",
    "Canary": "true",
}


def test_there_is_a_change_for_every_parameter():
    assert CHANGES.keys() == TEMPLATE["Parameters"].keys()


@pytest.mark.parametrize("base", [{}, TOKENS], ids=["keys", "jwt"])
@pytest.mark.parametrize("parameter", CHANGES)
def test_another_version_is_published_exactly_where_what_it_keeps_has_changed(
    parameter: str, base: dict[str, str]
):
    """Without it callers would meet the old settings; where nothing has changed, CloudFormation fails."""
    more = TOKENS if parameter == "Auth" else {}  # without whom tokens are from, they are not deployed
    rebuilt = "layer of the other" if parameter == "Architecture" else "layer"
    before = deployed(**base, layer="layer")
    after = deployed(**base | more | {parameter: CHANGES[parameter]}, layer=rebuilt)
    assert (version(before) != version(after)) is (configuration(before) != configuration(after))


def test_another_layer_is_another_version():
    assert version(deployed(layer="one")) != version(deployed(layer="another"))


GUID = "00000000-0000-0000-0000-000000000000"
PROVIDERS = {
    "Entra": {
        "JwtIssuer": f"https://login.microsoftonline.com/{GUID}/v2.0",
        "JwtAudience": f"api://{GUID}",
        "JwtTenantClaim": "tid",
    },
    "Auth0": {
        "JwtIssuer": "https://a-company-with-a-long-name.eu.auth0.com/",
        "JwtAudience": "https://responses.a-company.example/v1",
        "JwtTenantClaim": "https://responses.a-company.example/tenant",
    },
    "Cognito": {
        "JwtIssuer": "https://cognito-idp.ap-southeast-2.amazonaws.com/ap-southeast-2_AbCdEfGhI",
        "JwtAudience": "0123456789abcdefghijklmnop",
        "JwtTenantClaim": "custom:tenant_of_this_person",
    },
}


@pytest.mark.parametrize("tokens", PROVIDERS.values(), ids=PROVIDERS)
def test_a_versions_description_is_no_longer_than_lambda_takes(tokens: dict[str, str]):
    most = {
        "Auth": "jwt",
        "DefaultProvider": "anthropic-on-vertex",
        "ProviderSecret": f"{SECRET}:lambda-responses/providers-AbCdEf",
        "ModelsParameter": "/lambda-responses/models",
        "McpServersParameter": "/lambda-responses/mcp",
        "McpUrls": "true",
        "RetentionDays": "3650",
        "DeleteMode": "erase",
    }
    assert len(version(deployed(**most, **tokens))[1]) <= 256


def test_one_version_is_kept_and_callers_meet_it_everywhere(stack: Stack):
    (published,) = (each for each in stack.resources.values() if each["Type"] == "AWS::Lambda::Version")
    assert published["DeletionPolicy"] == "Delete"
    alias = "<CreateResponseFunctionAliaslive>"
    assert stack.resources["CreateResponseFunctionUrl"]["Properties"]["TargetFunctionArn"] == alias
    route = stack.resources["Api"]["Properties"]["Body"]["paths"]["/responses"]["post"]
    assert alias in route["x-amazon-apigateway-integration"]["uri"]


@pytest.mark.parametrize("door", DOORS)
def test_only_what_takes_long_to_start_starts_from_a_snapshot(stack: Stack, door: str):
    told = stack.resources[logical_id(door)]["Properties"].get("SnapStart")
    assert told == ({"ApplyOn": "PublishedVersions"} if door == "create_response" else None)


# What an operator may switch


def test_no_canary_is_nothing_at_all(stack: Stack):
    kinds = {each["Type"] for each in stack.resources.values()}
    assert not any(kind.startswith(("AWS::CodeDeploy::", "AWS::CloudWatch::")) for kind in kinds)
    assert "UpdatePolicy" not in stack.resources["CreateResponseFunctionAliaslive"]


def test_a_canary_gives_way_when_an_alarm_goes_off():
    stack = deployed(Canary="true")
    ((name, group),) = of_kind(stack, "AWS::CodeDeploy::DeploymentGroup").items()
    policy = stack.resources["CreateResponseFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert policy["DeploymentGroupName"] == f"<{name}>"
    assert "Canary10Percent5Minutes" in str(group["DeploymentConfigName"])
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    watched = {alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]}
    assert watched == {f"<{alarm}>" for alarm in of_kind(stack, "AWS::CloudWatch::Alarm")}
    assert watched


def test_tracing_is_for_the_api_and_all_functions_or_for_none(stack: Stack):
    traced = deployed(Tracing="Active")
    for which, on in ((stack, False), (traced, True)):
        (stage,) = of_kind(which, "AWS::ApiGateway::Stage").values()
        assert stage["TracingEnabled"] is on
        for function in of_kind(which, "AWS::Lambda::Function").values():
            assert function.get("TracingConfig") == ({"Mode": "Active"} if on else None)


def test_what_costs_money_can_be_limited_and_stopped(stack: Stack):
    limited = deployed(MaxConcurrency="0")
    for name in ("CreateResponseFunction", "CompactResponseFunction"):
        assert "ReservedConcurrentExecutions" not in stack.resources[name]["Properties"]
        assert limited.resources[name]["Properties"]["ReservedConcurrentExecutions"] == "0"
    for name in ("BackgroundMapping", "RequestMapping"):
        assert stack.resources[name]["Properties"]["Enabled"] is True
        assert limited.resources[name]["Properties"]["Enabled"] is False


def test_the_rest_api_is_regional_throttled_and_has_one_stage(stack: Stack):
    assert stack.of_type("AWS::ApiGateway::RestApi")["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    ((name, stage),) = of_kind(stack, "AWS::ApiGateway::Stage").items()
    assert stage["StageName"] == "v1", name
    (setting,) = stage["MethodSettings"]
    assert (setting["ResourcePath"], setting["HttpMethod"]) == ("/*", "*")
    assert setting["ThrottlingRateLimit"] > 0
    assert setting["ThrottlingBurstLimit"] >= setting["ThrottlingRateLimit"]


def test_the_outputs_name_all_that_clients_and_other_stacks_need(stack: Stack):
    assert (
        stack.outputs.items()
        >= {
            "BaseUrl": "https://<Api>.execute-api.eu-central-1.<AWS::URLSuffix>/v1",
            "CreateResponseUrl": "<CreateResponseFunctionUrl.FunctionUrl>",
            "GetResponseUrl": "<GetResponseFunctionUrl.FunctionUrl>",
            "TableName": "<Table>",
            "BucketName": "<Media>",
            "Auth": "keys",
        }.items()
    )
