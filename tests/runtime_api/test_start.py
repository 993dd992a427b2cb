"""A process that starts, or says why it cannot; and one that starts from a snapshot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.runtime_api.events import rest_event
from tests.runtime_api.function_process import DOORS, SCRIPT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime_api.conftest import Start
    from tests.runtime_api.strict_api import StrictApi

SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("toy", "MalformedHandlerName", "Bad handler 'toy'"),
        ("", "MalformedHandlerName", "Bad handler ''"),
        ("toy.nothing", "HandlerNotFound", "Handler 'nothing' missing on module 'toy'"),
        (
            "absent.lambda_handler",
            "ImportModuleError",
            "Unable to import module 'absent': No module named 'absent'",
        ),
        (
            "broken_import.lambda_handler",
            "ImportModuleError",
            "Unable to import module 'broken_import': No module named 'a_library_that_nobody_has'",
        ),
        (
            "broken_settings.lambda_handler",
            "SettingsError",
            "RESPONSES_STORE cannot be used: there is no such place.",
        ),
    ],
)
def test_a_start_that_fails_says_why(api: StrictApi, start: Start, handler: str, kind: str, message: str):
    process = start(handler)
    assert api.fault("/init/error")[0] == f"Runtime.{kind}"
    assert process.exit_status == 1
    assert (process.lines[-1]["fault"], process.lines[-1]["told"]) == (kind, message)
    assert len(process.lines) == 1


def test_a_start_that_breaks_says_where_and_not_what_it_said(api: StrictApi, start: Start):
    process = start("broken_start.lambda_handler")
    kind, fault = api.fault("/init/error")
    assert kind == "Runtime.RuntimeError"
    assert "broken_start.py" in fault["errorMessage"]
    assert process.exit_status == 1
    assert "a secret" not in str(process.lines) + str(fault)


def test_a_syntax_error_says_where(api: StrictApi, start: Start, tmp_path: Path):
    (tmp_path / "typo.py").write_text("lambda_handler = =\n", encoding="utf-8")
    process = start("typo.lambda_handler", LAMBDA_TASK_ROOT=str(tmp_path))
    kind, fault = api.fault("/init/error")
    assert kind == "Runtime.UserCodeSyntaxError"
    assert "typo.py, line 1" in fault["errorMessage"]
    assert process.exit_status == 1


def test_a_door_that_asks_nobody_who_they_are_does_not_open(api: StrictApi, start: Start):
    process = start("functions.create_response.handler.lambda_handler", RESPONSES_AUTH="none")
    kind, fault = api.fault("/init/error")
    assert (kind, fault["errorMessage"]) == (
        "Runtime.SettingsError",
        "RESPONSES_AUTH is none, which is for loopback alone.",
    )
    assert process.exit_status == 1


def test_hooks_run_around_the_snapshot(api: StrictApi, start: Start):
    process = start(TOY_HOOKS="all", **SNAP_START)
    api.expect("GET", "/restore/next")
    api.reply(200)
    api.invoke(rest_event())
    assert api.connections == 2
    api.answer().read()
    api.reply()
    api.wait_for_more()
    hooks = [line["hook"] for line in process.lines if "hook" in line]
    assert hooks == ["before 2", "before 1", "after 1", "after 2"]


def test_a_hook_that_fails_before_the_snapshot_prevents_it(api: StrictApi, start: Start):
    process = start(TOY_HOOKS="before 1", **SNAP_START)
    kind, fault = api.fault("/init/error")
    assert kind == "Runtime.BeforeSnapshotError"
    assert fault["errorMessage"].startswith("ValueError in doors/toy.py")
    assert process.exit_status == 64
    assert "a secret" not in str(process.lines) + str(fault)


def test_a_hook_that_fails_after_a_restore_ends_the_process(api: StrictApi, start: Start):
    process = start(TOY_HOOKS="after 1", **SNAP_START)
    api.expect("GET", "/restore/next")
    api.reply(200)
    kind, _ = api.fault("/restore/error")
    assert kind == "Runtime.AfterRestoreError"
    assert process.exit_status == 65
    assert [line["hook"] for line in process.lines if "hook" in line][-1] == "after 1"


@pytest.mark.parametrize("hangs_up", [True, False])
def test_a_snapshot_that_is_refused_ends_the_process(api: StrictApi, start: Start, hangs_up: bool):
    process = start(**SNAP_START)
    api.expect("GET", "/restore/next")
    if hangs_up:
        api.hang_up()
    else:
        api.reply(403)
    assert api.fault("/init/error")[0] == "Runtime.BeforeSnapshotError"
    assert process.exit_status == 64


def test_the_script_puts_the_function_the_layer_and_the_runtime_on_the_path(tmp_path: Path):
    script = tmp_path / "streaming-runtime"
    script.write_bytes(SCRIPT.read_bytes())
    package = tmp_path / "python" / "lambda_responses" / "runtime" / "streaming"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "__main__.py").write_text("import json, sys; print(json.dumps([sys.executable, sys.path]))")
    script.chmod(0o755)
    environment = {
        "LAMBDA_TASK_ROOT": "/the/function",
        "PYTHONPATH": "/what/was/there",
        "LAMBDA_RUNTIME_DIR": "/the/runtime",
    }
    command = [str(script), sys.executable, "/the/runtime/bootstrap.py"]
    run = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True)
    executable, path = json.loads(run.stdout)
    assert executable == sys.executable
    assert path[1:5] == ["/the/function", str(tmp_path / "python"), "/what/was/there", "/the/runtime"]


def test_the_script_may_be_run():
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_bytes().startswith(b"#!/bin/sh\n")
    assert DOORS.is_dir()
