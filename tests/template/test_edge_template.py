"""infra/edge.yaml against the API that it stands before, and what must never happen in front of it."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.endpoints.application import OPERATIONS
from lambda_responses.runtime.settings import Settings
from lambda_responses.wire.errors import InvalidRequestError, RateLimitError
from tests.template.cloud import NotDeployed, Stack, read_template

if TYPE_CHECKING:
    from lambda_responses.wire.errors import APIError

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "infra" / "edge.yaml"
LINTER = ROOT / ".venv-sam" / "bin" / "cfn-lint"
TEMPLATE = read_template(PLACE)

API = "https://abc123.execute-api.eu-central-1.amazonaws.com/v1"
CREATE = "https://xyz789.lambda-url.eu-central-1.on.aws/"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
NAMED = {"DomainName": "api.example.com", "CertificateArn": CERTIFICATE}
SECRET = "lambda-responses/edge"
RESOLVED = "{{resolve:secretsmanager:lambda-responses/edge}}"
"""Which CloudFormation replaces by the secret: .../UserGuide/dynamic-references-secretsmanager.html."""

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""Ids of managed policies: AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html and
using-managed-origin-request-policies.html."""

KEPT_FAULTS = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
"""What CloudFront can be told how long to keep: .../DeveloperGuide/HTTPStatusCodes.html."""

CREATE_PATHS = ("/v1/responses", "/responses")


def edge(**given: str) -> Stack:
    return Stack(TEMPLATE, region="us-east-1", ApiBaseUrl=API, **given)


def regional(**given: str) -> Stack:
    return Stack(TEMPLATE, region="eu-central-1", ApiBaseUrl=API, Scope="REGIONAL", **given)


def distribution(stack: Stack) -> dict[str, Any]:
    return stack.of_type("AWS::CloudFront::Distribution")["DistributionConfig"]


def behaviours(stack: Stack) -> list[dict[str, Any]]:
    """In the order in which CloudFront tries them."""
    config = distribution(stack)
    return [*config["CacheBehaviors"], {"PathPattern": "*", **config["DefaultCacheBehavior"]}]


def sent_to(stack: Stack, path: str) -> str:
    """The address that a request for that path at the edge becomes."""
    behaviour = next(each for each in behaviours(stack) if fnmatch.fnmatchcase(path, each["PathPattern"]))
    origins = distribution(stack)["Origins"]
    (origin,) = (each for each in origins if each["Id"] == behaviour["TargetOriginId"])
    return f"https://{origin['DomainName']}{origin.get('OriginPath', '')}{path}"


def deployed_routes() -> list[tuple[str, str, str]]:
    """Operation, method and path of what API Gateway serves, with a thing for every name."""
    return [
        (each.name, method, re.sub(r"\{[^}]+\}", "thing", path))
        for each in OPERATIONS
        for method, path in each.routes
        if each.name != "health"
    ]


@pytest.mark.parametrize(
    "routed", [{}, {"CreateResponseUrl": CREATE}], ids=["api alone", "with function url"]
)
@pytest.mark.parametrize(("operation", "method", "path"), deployed_routes())
def test_every_operation_is_reached_with_v1_in_the_base_url_and_without(
    operation: str, method: str, path: str, routed: dict[str, str]
):
    stack = edge(**routed)
    for asked in (path, path.removeprefix("/v1")):
        if routed and operation == "create_response":
            assert sent_to(stack, asked) == CREATE + asked.removeprefix("/")  # doors know both
        else:
            assert sent_to(stack, asked) == API.removesuffix("/v1") + path


def test_what_has_an_origin_of_its_own_shares_its_path_with_no_other_operation():
    living = [operation for operation, _, path in deployed_routes() if path in CREATE_PATHS]
    assert living == ["create_response"]


def test_a_path_that_is_none_is_the_apis_to_answer():
    assert sent_to(edge(), "/nowhere") == f"{API}/nowhere"
    assert sent_to(edge(), "/") == f"{API}/"


@pytest.mark.parametrize("routed", [{}, {"CreateResponseUrl": CREATE}])
def test_nothing_is_cached_and_everything_goes_on(routed: dict[str, str]):
    for behaviour in behaviours(edge(**routed)):
        assert behaviour["CachePolicyId"] == CACHING_DISABLED
        assert behaviour["OriginRequestPolicyId"] == ALL_BUT_HOST  # which takes `authorization` along
        assert {method for _, method, _ in deployed_routes()} < {*behaviour["AllowedMethods"]}
        assert "OPTIONS" in behaviour["AllowedMethods"]
        assert behaviour["ViewerProtocolPolicy"] == "https-only"
        assert behaviour["ResponseHeadersPolicyId"] == "<SecurityHeaders>"
        assert behaviour["Compress"] is False  # so that no event waits for a block to fill
        assert not behaviour.keys() & {"FunctionAssociations", "LambdaFunctionAssociations"}


def test_no_fault_is_kept_for_the_next_who_asks():
    kept = {each["ErrorCode"]: each for each in distribution(edge())["CustomErrorResponses"]}
    assert kept.keys() == KEPT_FAULTS
    assert all(each == {"ErrorCode": code, "ErrorCachingMinTTL": 0} for code, each in kept.items())


@pytest.mark.parametrize("routed", [{}, {"CreateResponseUrl": CREATE}])
def test_origins_are_spoken_to_over_tls_and_given_time(routed: dict[str, str]):
    origins = distribution(edge(**routed))["Origins"]
    for origin in origins:
        spoken = origin["CustomOriginConfig"]
        assert spoken["OriginProtocolPolicy"] == "https-only"
        assert spoken["OriginSSLProtocols"] == ["TLSv1.2"]
        assert "ResponseCompletionTimeout" not in origin
    assert len(origins) == 2 + len(routed)


def test_whatever_is_chosen_two_comments_fit_into_the_silence_that_cloudfront_bears():
    shortest = TEMPLATE["Parameters"]["ReadTimeoutSeconds"]["MinValue"]
    assert shortest * 1000 >= 2 * Settings().keep_alive_ms


def test_clients_speak_tls_1_2_and_what_is_newer_over_http_2_and_3():
    config = distribution(edge(**NAMED))
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE
    assert config["Aliases"] == ["api.example.com"]
    assert config["HttpVersion"] == "http2and3"


def test_without_a_name_of_its_own_it_has_cloudfronts():
    config = distribution(edge())
    assert config["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert "Aliases" not in config
    assert edge().outputs["BaseUrl"] == "https://<Distribution.DomainName>/v1"
    assert edge(**NAMED).outputs["BaseUrl"] == "https://api.example.com/v1"


def test_the_name_points_here_where_a_zone_is_given():
    pointed = edge(**NAMED, HostedZoneId="Z123").of_type("AWS::Route53::RecordSetGroup")
    assert [(each["Name"], each["Type"]) for each in pointed["RecordSets"]] == [
        ("api.example.com", "A"),
        ("api.example.com", "AAAA"),
    ]
    assert "Name" not in edge(**NAMED).resources


@pytest.mark.parametrize(
    ("region", "given", "reason"),
    [
        ("eu-central-1", {}, "us-east-1"),
        ("us-east-1", {"DomainName": "api.example.com"}, "CertificateArn"),
        ("us-east-1", {"CertificateArn": CERTIFICATE}, "DomainName"),
        ("us-east-1", {"HostedZoneId": "Z123"}, "DomainName"),
        ("us-east-1", {"CertificateArn": CERTIFICATE.replace("us-east-1", "eu-west-1")}, "CertificateArn"),
        ("us-east-1", {"CreateResponseUrl": API}, "CreateResponseUrl"),
        ("us-east-1", {"OriginSecretName": "a:b}}"}, "OriginSecretName"),
        ("us-east-1", {"Scope": "GLOBAL"}, "Scope"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(region: str, given: dict[str, str], reason: str):
    with pytest.raises(NotDeployed, match=reason):
        Stack(TEMPLATE, region=region, ApiBaseUrl=API, **given)


def test_the_web_acl_stands_before_the_distribution():
    stack = edge()
    assert distribution(stack)["WebACLId"] == "<WebAcl.Arn>"
    assert stack.of_type("AWS::WAFv2::WebACL")["Scope"] == "CLOUDFRONT"
    assert not any("Association" in each["Type"] for each in stack.resources.values())


def test_the_same_rules_may_stand_before_the_api_instead():
    stack = regional()
    assert {name: each["Type"] for name, each in stack.resources.items()} == {
        "WebAcl": "AWS::WAFv2::WebACL",
        "ApiAssociation": "AWS::WAFv2::WebACLAssociation",
    }
    there, here = stack.of_type("AWS::WAFv2::WebACL"), edge().of_type("AWS::WAFv2::WebACL")
    assert there == {**here, "Scope": "REGIONAL"}
    assert stack.of_type("AWS::WAFv2::WebACLAssociation") == {
        "WebACLArn": "<WebAcl.Arn>",
        "ResourceArn": "arn:aws:apigateway:eu-central-1::/restapis/abc123/stages/v1",
    }
    assert stack.outputs["BaseUrl"] == API


def managed_rules() -> dict[str, tuple[dict[str, Any], bool]]:
    """What becomes of a request that a managed rule knows, and whether AWS's own action is left in force."""
    rules = edge().of_type("AWS::WAFv2::WebACL")["Rules"]
    return {
        override["Name"]: (override["ActionToUse"], rule["OverrideAction"] == {"None": {}})
        for rule in rules
        if "ManagedRuleGroupStatement" in rule["Statement"]
        for override in rule["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    }


def test_a_prompt_may_hold_anything_and_all_else_is_judged():
    counted = {name for name, (action, _) in managed_rules().items() if action == {"Count": {}}}
    judging_bodies = {name for name in managed_rules() if name.endswith("_BODY")}
    assert counted == judging_bodies | {"AWSManagedIPDDoSList"}
    assert len(judging_bodies) == 8
    assert all(in_force for _, in_force in managed_rules().values())


def test_what_is_refused_is_refused_in_openais_words():
    refusal = {"Block": {"CustomResponse": {"ResponseCode": 403, "CustomResponseBodyKey": "Refused"}}}
    refusing = [action for action, _ in managed_rules().values() if action != {"Count": {}}]
    assert len(refusing) == 28
    assert all(action == refusal for action in refusing)


@pytest.mark.parametrize(
    ("stack", "key", "error"),
    [
        (edge(), "Refused", InvalidRequestError("", code="request_refused")),
        (edge(), "TooMany", RateLimitError("")),
        (regional(OriginSecretName=SECRET), "Refused", InvalidRequestError("", code="request_refused")),
    ],
)
def test_the_words_are_those_of_the_api(stack: Stack, key: str, error: APIError):
    told = stack.of_type("AWS::WAFv2::WebACL")["CustomResponseBodies"][key]
    body = json.loads(told["Content"])
    assert told["ContentType"] == "APPLICATION_JSON"
    assert body.pop("error") == {
        **error.body()["error"],
        "message": json.loads(told["Content"])["error"]["message"],
    }
    assert body == {}


def test_an_address_that_asks_too_often_is_told_to_wait():
    (rate,) = (
        rule
        for rule in edge(RequestsPerAddress="500").of_type("AWS::WAFv2::WebACL")["Rules"]
        if "RateBasedStatement" in rule["Statement"]
    )
    assert rate["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": "500",
    }
    answer = rate["Action"]["Block"]["CustomResponse"]
    assert answer["ResponseCode"] == 429
    assert {"retry-after", "access-control-allow-origin"} == {
        each["Name"] for each in answer["ResponseHeaders"]
    }


@pytest.mark.parametrize("stack", [edge(), regional(), regional(OriginSecretName=SECRET)])
def test_no_sample_of_a_request_shows_a_key(stack: Stack):
    protected = stack.of_type("AWS::WAFv2::WebACL")["DataProtectionConfig"]["DataProtections"]
    hidden = {
        key for each in protected for key in each["Field"].get("FieldKeys", [each["Field"]["FieldType"]])
    }
    assert "authorization" in hidden
    assert hidden & {
        "BODY",
        "x-origin-secret",
    }  # prompts where bodies are judged; the secret where it is told
    assert all(each["Action"] == "SUBSTITUTION" for each in protected)


def test_no_log_shows_a_key_or_a_query():
    recorded = edge().of_type("AWS::Logs::Delivery")["RecordFields"]
    assert [field for field in recorded if "(" in field] == ["cs(User-Agent)"]
    assert "cs-uri-query" not in recorded


def test_the_edge_tells_the_api_what_it_must_not_tell_anybody():
    told = edge(OriginSecretName=SECRET, CreateResponseUrl=CREATE)
    headers = {each["Id"]: each.get("OriginCustomHeaders") for each in distribution(told)["Origins"]}
    secret = [{"HeaderName": "x-origin-secret", "HeaderValue": RESOLVED}]
    assert headers == {"api": secret, "api-below-v1": secret, "create": None}
    assert not any("OriginCustomHeaders" in each for each in distribution(edge())["Origins"])
    assert SECRET not in json.dumps(told.outputs)


def test_whoever_deploys_by_questions_may_leave_out_what_is_optional():
    """SAM asks for what is hidden until something is typed, whatever its default is."""
    assert not any("NoEcho" in each for each in TEMPLATE["Parameters"].values())
    needed = {name for name, each in TEMPLATE["Parameters"].items() if "Default" not in each}
    assert needed == {"ApiBaseUrl"}


def test_an_api_that_shares_a_secret_with_its_edge_lets_nothing_else_through():
    stack = regional(OriginSecretName=SECRET)
    acl = stack.of_type("AWS::WAFv2::WebACL")
    assert "Block" in acl["DefaultAction"]
    (rule,) = acl["Rules"]
    assert rule["Action"] == {"Allow": {}}
    match = rule["Statement"]["ByteMatchStatement"]
    assert match["FieldToMatch"] == {"SingleHeader": {"Name": "x-origin-secret"}}
    assert (match["SearchString"], match["PositionalConstraint"]) == (RESOLVED, "EXACTLY")
    assert stack.of_type("AWS::WAFv2::WebACLAssociation")["WebACLArn"] == "<EdgeAlone.Arn>"


@pytest.mark.skipif(not LINTER.exists(), reason="there is no .venv-sam; `make .venv-sam/ready` sets it up")
def test_the_linter_has_nothing_to_say():
    ran = subprocess.run(
        [LINTER, "--regions", "us-east-1", "--", PLACE], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
