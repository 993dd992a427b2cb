"""What the host makes of templates: the toys', the real one, and the real one as it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.host.declarations import read_deployment
from infra.host.deployment import Cors, FunctionUrl, GatewayResponse
from infra.host.intrinsics import Intrinsics
from infra.host.template import TemplateError
from lambda_responses.endpoints.application import OPERATIONS
from tests.hosted.hosting import ROOT, TOYS, write_built

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = ROOT / "template.yaml"


def resolved(value: Any, **more: Any) -> Any:
    template: dict[str, Any] = {
        "Parameters": {"Named": {"Default": "x"}},
        "Conditions": {"Yes": {"Fn::Equals": ["1", 1]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}},
        "Mappings": {"Map": {"a": {"b": "found"}}},
        "Resources": {
            "Function": {"Type": "AWS::Serverless::Function", "Properties": {"FunctionName": "f"}},
            "Table": {"Type": "AWS::DynamoDB::Table"},
        },
        **more,
    }
    return Intrinsics(template, {}, region="eu-north-1").resolve(value)


ARN = "arn:aws:lambda:eu-north-1:000000000000:function:f"


@pytest.mark.parametrize(
    ("value", "comes_to"),
    [
        ({"Ref": "Named"}, "x"),
        ({"Ref": "Function"}, "f"),
        ({"Ref": "Function.Version"}, ARN),
        ({"Ref": "AWS::Region"}, "eu-north-1"),
        ({"Fn::GetAtt": ["Function", "Arn"]}, ARN),
        ({"Fn::Sub": "${Named}-${Function}-${Function.Arn}-${!Literal}"}, f"x-f-{ARN}-${{Literal}}"),
        ({"Fn::Sub": ["${Named}${Own}", {"Own": {"Ref": "Named"}}]}, "xx"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Named"}, {"Ref": "AWS::NoValue"}]]}, "a-x"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::FindInMap": ["Map", "a", "b"]}, "found"),
        ({"Fn::If": ["Yes", "then", {"Ref": "Nowhere"}]}, "then"),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, "b": [{"Ref": "AWS::NoValue"}]}, {"b": []}),
        ({"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]}, False),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]}, True),
        ({"Condition": {"StringLike": {"a": "b"}}}, {"Condition": {"StringLike": {"a": "b"}}}),
    ],
)
def test_intrinsics_come_to_values(value: Any, comes_to: Any):
    assert resolved(value) == comes_to


@pytest.mark.parametrize(
    "value", [{"Fn::GetAZs": ""}, {"Ref": "Nowhere"}, {"Fn::GetAtt": ["Nowhere", "Arn"]}]
)
def test_what_is_not_known_is_refused(value: Any):
    with pytest.raises(TemplateError):
        resolved(value)


def test_globals_are_merged_as_sam_does():
    deployment = read_deployment(TOYS)
    assert deployment.functions["PlainFunction"].environment == {"GREETING": "hello", "OWN": "1"}
    assert deployment.functions["FewFunction"].environment == {"GREETING": "hello"}
    assert (deployment.functions["PlainFunction"].timeout, deployment.functions["HastyFunction"].timeout) == (
        20,
        1,
    )


def test_parameters_decide_on_conditions():
    deployment = read_deployment(TOYS, {"Name": "world"})
    environment = deployment.functions["PlainFunction"].environment
    assert environment == {"GREETING": "hello world", "NAME": "world", "OWN": "1"}
    assert "AbsentFunction" in deployment.functions
    assert "AbsentFunction" not in read_deployment(TOYS).functions


@pytest.mark.parametrize("parameters", [{"Nmae": "world"}, {"Name": "moon"}])
def test_parameters_that_do_not_fit_are_refused(parameters: dict[str, str]):
    with pytest.raises(TemplateError, match=r"parameter \w+"):
        read_deployment(TOYS, parameters)


@pytest.mark.parametrize("content", ["[]", "a: {", "Resources: {}"])
def test_what_is_no_template_is_refused(tmp_path: Path, content: str):
    (tmp_path / "template.yaml").write_text(content)
    with pytest.raises(TemplateError):
        read_deployment(tmp_path / "template.yaml")


def test_a_template_is_read_with_all_that_a_request_meets():
    api = read_deployment(TOYS).api
    assert (api.stage, api.default_authorizer) == ("v1", "Token")
    assert api.authorizers["Token"].seconds == 30
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "*,Authorization",
        "Access-Control-Max-Age": "600",
    }
    assert api.cors == Cors(headers, None, authorized=False)
    assert api.responses["DEFAULT_5XX"] == GatewayResponse(
        None, {}, '{"error": {"message": $context.error.messageString}}'
    )
    by_path = {route.path: route for route in api.routes}
    assert (by_path["/odd/{act}"].streams, by_path["/odd/{act}"].timeout) == (True, 900.0)
    assert (by_path["/plain"].streams, by_path["/plain"].timeout) == (False, 29.0)
    assert by_path["/plain"].authorizer is None
    assert by_path["/guarded"].authorizer == "Token"
    odd = by_path["/odd/{act}"].function
    assert odd.url == FunctionUrl("NONE", streams=True)
    assert (odd.version, odd.arn.rpartition(":")[2], odd.snap_start) == ("1", "live", True)


def test_the_real_template_has_every_operation_of_the_api():
    api = read_deployment(TEMPLATE).api
    routes = {(route.method, route.path.replace("{model+}", "{model:path}")) for route in api.routes}
    operations = {
        (method, path.removeprefix("/v1"))
        for operation in OPERATIONS
        for method, path in operation.routes
        if operation.name != "health"
    }
    assert routes == operations
    assert api.authorizers[api.default_authorizer or ""].function.folder == ROOT / "functions" / "authorize"


@pytest.mark.parametrize(("method", "path"), [("POST", "/responses"), ("GET", "/responses/{response_id}")])
def test_the_real_template_streams_where_the_api_does(method: str, path: str):
    api = read_deployment(TEMPLATE).api
    [route] = [route for route in api.routes if (route.method, route.path) == (method, path)]
    assert route.streams
    assert route.function.url.streams
    assert route.timeout == 900


def test_a_built_template_is_read_like_the_one_it_was_built_from(tmp_path: Path):
    """`sam build` writes long forms, and paths from its own folder."""
    place = write_built(tmp_path)
    as_built, as_written = read_deployment(place), read_deployment(TEMPLATE)
    assert as_built.api.responses == as_written.api.responses
    assert [(r.method, r.path) for r in as_built.api.routes] == [
        (r.method, r.path) for r in as_written.api.routes
    ]
    assert as_built.functions == as_written.functions
