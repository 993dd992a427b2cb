"""Other forms of the template: what they replace, that it is all they replace, and that they miss it."""

from __future__ import annotations

import copy
import itertools
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from infra.variants import FORMS, PROCESSORS, VariantError, write_variant
from tests.template.cloud import read_template
from tests.template.declared import ROOT, TEMPLATE
from tests.template.translated import deployed, in_long_form

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.template.cloud import Stack

WITH_URLS = ("CreateResponseFunction", "GetResponseFunction")
STREAMING = (*WITH_URLS, "CompactResponseFunction")

Json = dict[str, Any]


def built(template: Json, folder: Path) -> Path:
    """The template as `sam build` writes it."""
    place = folder / "template.yaml"
    place.write_text(yaml.safe_dump(in_long_form(template), sort_keys=False))
    return place


def differences(one: Any, other: Any, path: str = "") -> set[str]:
    """Where two templates differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set[str]().union(
            *(
                differences(one.get(name), other.get(name), f"{path}.{name}".removeprefix("."))
                for name in one.keys() | other.keys()
            )
        )
    return set() if one == other else {path}


@pytest.fixture
def form(tmp_path: Path) -> Callable[..., Json]:
    """Forms of the template, read again."""

    def made(*forms: str) -> Json:
        return read_template(write_variant(built(TEMPLATE, tmp_path), *forms))

    return made


def test_a_form_is_written_beside_what_it_was_made_from(tmp_path: Path):
    place = built(TEMPLATE, tmp_path)
    assert write_variant(place, "iam", "buffered") == tmp_path / "iam-buffered.yaml"
    assert read_template(place) == in_long_form(TEMPLATE)


def test_no_form_at_all_is_the_template(form: Callable[..., Json]):
    """Which shows that reading and writing lose nothing."""
    assert form() == in_long_form(TEMPLATE)


def test_nothing_streams_in_the_buffered_form_and_the_rest_is_as_it_was(form: Callable[..., Json]):
    changed = {
        f"Resources.{name}.Properties.{place}"
        for name in STREAMING
        for place in (
            "Timeout",
            "Environment.Variables.AWS_LAMBDA_EXEC_WRAPPER",
            "Events.Route.Properties.ResponseTransferMode",
            "Events.Route.Properties.TimeoutInMillis",
        )
    }
    changed |= {f"Resources.{name}.Properties.FunctionUrlConfig.InvokeMode" for name in WITH_URLS}
    assert differences(in_long_form(TEMPLATE), form("buffered")) == changed
    stack = deployed(form("buffered"))
    for path, methods in stack.resources["Api"]["Properties"]["Body"]["paths"].items():
        for operation in methods.values():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration.get("responseTransferMode") is None, path
            assert integration["type"] == "mock" or integration["uri"].endswith("/invocations")
    for name in STREAMING:
        assert stack.resources[name]["Properties"]["Timeout"] == 29
    for name in WITH_URLS:
        assert stack.resources[f"{name}Url"]["Properties"]["InvokeMode"] == "BUFFERED"


def test_the_buckets_are_reached_without_tls_in_the_http_form_and_the_rest_is_as_it_was(
    form: Callable[..., Json],
):
    assert differences(in_long_form(TEMPLATE), form("http")) == {
        "Resources.MediaPolicy",
        "Resources.ExchangePolicy",
    }


@pytest.mark.parametrize("policy", ["MediaPolicy", "ExchangePolicy"])
def test_whatever_else_a_buckets_policy_forbids_is_not_taken_away(tmp_path: Path, policy: str):
    template = copy.deepcopy(TEMPLATE)
    statements = template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    statements.append({"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*"})
    with pytest.raises(VariantError, match="says more"):
        write_variant(built(template, tmp_path), "http")


def test_aws_checks_signatures_in_the_iam_form(form: Callable[..., Json]):
    stack = deployed(form("iam"))
    for methods in stack.resources["Api"]["Properties"]["Body"]["paths"].values():
        for method, operation in methods.items():
            wanted = None if method == "options" else [{"AWS_IAM": []}]
            assert operation.get("security") == wanted
    schemes = stack.resources["Api"]["Properties"]["Body"]["components"]["securitySchemes"]
    assert [each["x-amazon-apigateway-authtype"] for each in schemes.values()] == ["awsSigv4"]
    for name in WITH_URLS:
        assert stack.resources[f"{name}Url"]["Properties"]["AuthType"] == "AWS_IAM"
    for each in stack.resources.values():
        if each["Type"] == "AWS::Lambda::Permission":
            assert each["Properties"]["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com")
    for each in stack.resources.values():
        if each["Type"] == "AWS::Lambda::Function":
            variables = each["Properties"]["Environment"]["Variables"]
            assert variables["RESPONSES_AUTH"] == "iam"
            assert not any("JWT" in name for name in variables)
    assert stack.outputs["Auth"] == "iam"


def test_nobody_is_asked_for_keys_or_tokens_in_the_iam_form(form: Callable[..., Json]):
    iam = form("iam")
    assert "AuthorizeFunction" not in iam["Resources"]
    assert not any("Authorize" in name for name in deployed(iam).resources)
    gone = TEMPLATE["Parameters"].keys() - iam["Parameters"].keys()
    assert gone == {"Auth", "JwtIssuer", "JwtAudience", "JwtTenantClaim"}


def test_what_the_iam_form_does_not_concern_is_as_it_was(form: Callable[..., Json]):
    touched = {
        place.split(".")[1]
        for place in differences(in_long_form(TEMPLATE), form("iam"))
        if "Resources" in place
    }
    assert touched == {"Api", "AuthorizeFunction", "LooksUpKeys", *WITH_URLS}
    places = {place for place in differences(in_long_form(TEMPLATE), form("iam")) if ".Api." in place}
    responses = "Resources.Api.Properties.GatewayResponses.MISSING_AUTHENTICATION_TOKEN"
    assert places == {
        "Resources.Api.Properties.Auth.Authorizers",
        "Resources.Api.Properties.Auth.DefaultAuthorizer",
        "Resources.Api.Properties.Auth.InvokeRole",
        f"{responses}.StatusCode",
        f"{responses}.ResponseTemplates.application/json",
    }


def test_the_rest_api_is_the_one_way_in_in_the_rest_form(form: Callable[..., Json]):
    before, after = deployed(), deployed(form("rest"))
    urls = {f"{name}Url" for name in WITH_URLS}
    gone = before.resources.keys() - after.resources.keys()
    assert urls <= gone
    left_open = {before.resources[name]["Type"] for name in gone - urls}
    assert left_open == {"AWS::Lambda::Permission"}  # for anybody, who might call them
    for each in after.resources.values():
        if each["Type"] == "AWS::Lambda::Permission":
            assert each["Properties"]["Principal"] in ("apigateway.amazonaws.com", "events.amazonaws.com")
    assert before.outputs.keys() - after.outputs.keys() == {"CreateResponseUrl", "GetResponseUrl"}


@pytest.mark.parametrize(
    ("forms", "looking"),
    [
        ((), {"Authorize", "CreateResponse", "GetResponse"}),
        (("rest",), {"Authorize"}),
        (("iam",), set()),
        (("iam", "rest"), set()),
    ],
    ids=["template", "rest", "iam", "iam-rest"],
)
def test_keys_are_looked_up_where_callers_show_them(
    form: Callable[..., Json], forms: tuple[str, ...], looking: set[str]
):
    found = {
        name.removesuffix("FunctionRole")
        for name, each in deployed(form(*forms)).resources.items()
        if each["Type"] == "AWS::IAM::Role" and "<LooksUpKeys>" in json.dumps(each)
    }
    assert found == looking


def test_what_the_rest_form_does_not_concern_is_as_it_was(form: Callable[..., Json]):
    changed = {
        f"Resources.{name}.Properties.{part}"
        for name in WITH_URLS
        for part in ("FunctionUrlConfig", "Policies")
    }
    outputs = {f"Outputs.{name}" for name in ("CreateResponseUrl", "GetResponseUrl")}
    assert differences(in_long_form(TEMPLATE), form("rest")) == changed | outputs


def test_a_url_that_is_named_somewhere_is_noticed(tmp_path: Path):
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["Logs"]["Properties"]["LogGroupName"] = {"Ref": "GetResponseFunctionUrl"}
    with pytest.raises(VariantError, match="GetResponseFunctionUrl"):
        write_variant(built(template, tmp_path), "rest")


def test_a_request_that_is_not_signed_is_told_so_in_openais_envelope(form: Callable[..., Json]):
    """By the name that API Gateway has for no route as well."""
    responses = form("iam")["Resources"]["Api"]["Properties"]["GatewayResponses"]
    unsigned = responses["MISSING_AUTHENTICATION_TOKEN"]
    assert unsigned["StatusCode"] == 401
    error = json.loads(unsigned["ResponseTemplates"]["application/json"])["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")


def test_a_change_of_settings_is_another_version_in_the_iam_form_too(form: Callable[..., Json]):
    def description(stack: Stack) -> str:
        return next(
            each["Properties"]["Description"]
            for each in stack.resources.values()
            if each["Type"] == "AWS::Lambda::Version"
        )

    assert description(deployed(form("iam"))) != description(deployed(form("iam"), RetentionDays="7"))


@pytest.mark.parametrize("processor", PROCESSORS)
def test_functions_run_on_what_was_built_and_nobody_is_asked_for_another(
    form: Callable[..., Json], processor: str
):
    """A processor that differs from the layer's is functions that do not start."""
    made = form(processor)
    assert differences(in_long_form(TEMPLATE), made) == {
        "Parameters.Architecture",
        "Globals.Function.Architectures",
        "Resources.SharedLayer.Metadata.BuildArchitecture",
        "Resources.SharedLayer.Properties.CompatibleArchitectures",
    }
    resources = deployed(made).resources.values()
    ran = [each["Properties"] for each in resources if each["Type"] == "AWS::Lambda::Function"]
    assert ran
    assert all(each["Architectures"] == [processor] for each in ran)


def test_there_is_a_form_for_every_processor_that_may_be_chosen():
    assert list(PROCESSORS) == TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]


def test_what_runs_on_one_processor_runs_on_no_other(tmp_path: Path):
    with pytest.raises(VariantError, match="no longer has"):
        write_variant(built(TEMPLATE, tmp_path), *PROCESSORS)


def test_a_processor_that_is_named_in_a_text_is_noticed(tmp_path: Path):
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["Logs"]["Properties"]["LogGroupName"] = {"Fn::Sub": "/logs/${Architecture}"}
    with pytest.raises(VariantError, match="Architecture"):
        write_variant(built(template, tmp_path), "arm64")


@pytest.mark.parametrize(
    ("asked", "forms"),
    [
        ([], "arm64"),
        (["ARCHITECTURE=x86_64"], "x86_64"),
        (["ARCHITECTURE=x86_64", "AUTH=iam", "URLS=none"], "x86_64 iam rest"),
    ],
    ids=str,
)
def test_make_deploy_deploys_the_form_of_what_it_builds(asked: list[str], forms: str):
    environment = {name: value for name, value in os.environ.items() if name not in {"AUTH", "URLS"}}
    environment.pop("ARCHITECTURE", None)
    command = ["make", "--dry-run", "--always-make", "deploy", *asked]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert f"sam build --parameter-overrides Architecture={forms.split()[0]}" in ran.stdout
    assert f"-m infra.variants {forms}\n" in ran.stdout
    assert f".aws-sam/build/{forms.replace(' ', '-')}.yaml\n" in ran.stdout


def test_make_builds_for_no_processor_that_lambda_does_not_have():
    command = ["make", "--dry-run", "build", "ARCHITECTURE=amd64"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode
    assert "ARCHITECTURE is arm64 or x86_64" in ran.stderr


COMBINED = [pair for pair in itertools.combinations(FORMS, 2) if pair != PROCESSORS]


@pytest.mark.parametrize("forms", COMBINED, ids="-".join)
def test_forms_are_made_one_upon_the_other(form: Callable[..., Json], forms: tuple[str, str]):
    assert form(*forms) == form(*reversed(forms))


LOSSES = [
    ("buffered", "CreateResponseFunction", "Timeout"),
    ("buffered", "GetResponseFunction", "Environment"),
    ("iam", "Api", "Auth"),
    ("iam", "Api", "GatewayResponses"),
    ("rest", "GetResponseFunction", "Policies"),
]


@pytest.mark.parametrize(("name", "resource", "lost"), LOSSES)
def test_a_form_whose_object_is_gone_is_not_made(tmp_path: Path, name: str, resource: str, lost: str):
    template = copy.deepcopy(TEMPLATE)
    del template["Resources"][resource]["Properties"][lost]
    with pytest.raises(VariantError, match="no longer has"):
        write_variant(built(template, tmp_path), name)
    assert not (tmp_path / f"{name}.yaml").exists()


def test_a_template_that_streams_nowhere_has_no_buffered_form(tmp_path: Path):
    place = write_variant(built(TEMPLATE, tmp_path), "buffered")
    with pytest.raises(VariantError, match="No function"):
        write_variant(place, "buffered")


def test_a_template_without_function_urls_has_no_rest_form(tmp_path: Path):
    place = write_variant(built(TEMPLATE, tmp_path), "rest")
    with pytest.raises(VariantError, match="No function"):
        write_variant(place, "rest")


def test_a_choice_that_is_left_somewhere_is_noticed(tmp_path: Path):
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["Logs"]["Properties"]["LogGroupName"] = {"Fn::Sub": "/logs/${JwtIssuer}"}
    with pytest.raises(VariantError, match="JwtIssuer"):
        write_variant(built(template, tmp_path), "iam")


def test_only_what_sam_build_wrote_has_forms(tmp_path: Path):
    """In the repository's template paths are relative to another folder, and functions have short names."""
    place = tmp_path / "template.yaml"
    place.write_text((ROOT / "template.yaml").read_text())
    for of in (place, tmp_path / "nothing.yaml"):
        with pytest.raises(VariantError, match="sam build"):
            write_variant(of, "iam")


@pytest.mark.parametrize("name", FORMS)
def test_the_command_writes_the_form(tmp_path: Path, name: str):
    command = [sys.executable, "-m", "infra.variants", name, "--of", str(built(TEMPLATE, tmp_path))]
    subprocess.run(command, cwd=ROOT, check=True)
    assert (tmp_path / f"{name}.yaml").exists()


def test_the_command_says_in_a_sentence_what_it_lacks(tmp_path: Path):
    command = [sys.executable, "-m", "infra.variants", "iam", "--of", str(tmp_path / "nothing.yaml")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "sam build" in ran.stderr
    assert "Traceback" not in ran.stderr
