"""A function finds around it what Lambda promises."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from infra.host.declarations import read_deployment
from infra.host.environment import Surroundings, command_of, environment_of
from infra.host.template import TemplateError
from tests.hosted.hosting import TOYS

if TYPE_CHECKING:
    from tests.hosted.hosting import Toys

DEPLOYMENT = read_deployment(TOYS, region="eu-north-1")
PLAIN, ODD = DEPLOYMENT.functions["PlainFunction"], DEPLOYMENT.functions["OddFunction"]


@pytest.mark.anyio
async def test_a_function_finds_lambdas_variables_and_its_own(toys: Toys):
    told = (await toys.api.post("/plain/echo")).json()
    environment = told["environment"]
    expected = {
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "lambda-responses-plain",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/lambda-responses-plain",
        "AWS_REGION": "eu-north-1",
        "GREETING": "hello",
        "LAMBDA_TASK_ROOT": str(PLAIN.folder),
        "OVERRIDDEN": "yes",
        "OWN": "1",
        "TZ": ":UTC",
        "_HANDLER": "handler.lambda_handler",
    }
    assert environment.items() >= expected.items()
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert environment["AWS_LAMBDA_RUNTIME_API"].startswith("127.0.0.1:")
    assert told["folder"] == str(PLAIN.folder)
    assert told["arn"] == PLAIN.arn
    assert 19_000 < told["remaining"] <= 20_000


def test_what_says_how_the_host_runs_says_nothing_to_functions():
    shell = {
        "AWS_LAMBDA_FUNCTION_NAME": "other",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "GROQ_API_KEY": "key",
        "LAMBDA_TASK_ROOT": "/elsewhere",
        "PATH": "/bin",
        "PYTHONPATH": "/elsewhere",
        "VIRTUAL_ENV": "/elsewhere",
        "_HANDLER": "other",
    }
    environment = environment_of(PLAIN, "127.0.0.1:1", Surroundings(shell))
    assert "/elsewhere" not in "".join(environment.values())
    assert "other" not in environment.values()
    assert (environment["GROQ_API_KEY"], environment["AWS_SECRET_ACCESS_KEY"]) == ("key", "secret")


def test_what_the_host_sets_outweighs_the_template():
    environment = environment_of(PLAIN, "127.0.0.1:1", Surroundings({"OWN": "shell"}, {"GREETING": "host"}))
    assert (environment["GREETING"], environment["OWN"]) == ("host", "1")


def test_the_layer_is_found_on_the_path_and_under_opt():
    layer = TOYS.parent / "layer"
    assert str(layer / "python") in environment_of(ODD, "", Surroundings())["PYTHONPATH"].split(":")
    assert command_of(ODD)[:2] == (str(layer / "odd-runtime"), sys.executable)
    assert command_of(PLAIN) == (sys.executable, "-m", "awslambdaric", "handler.lambda_handler")


@pytest.mark.parametrize("wrapper", ["/opt/nothing", "/elsewhere/odd-runtime"])
def test_a_wrapper_that_no_layer_has_is_refused(wrapper: str):
    with pytest.raises(TemplateError, match=wrapper):
        command_of(replace(ODD, environment={"AWS_LAMBDA_EXEC_WRAPPER": wrapper}))


def test_a_snapshot_is_for_functions_that_are_to_have_one():
    kinds = {
        snap_start: [
            environment_of(function, "", Surroundings(snap_start=snap_start))[
                "AWS_LAMBDA_INITIALIZATION_TYPE"
            ]
            for function in (ODD, PLAIN)
        ]
        for snap_start in (True, False)
    }
    assert kinds == {True: ["snap-start", "on-demand"], False: ["on-demand", "on-demand"]}
