"""What a function's process finds in its environment and how it is started, as on Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from infra.host.deployment import WRAPPER
from infra.host.template import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.host.deployment import Function

_CLIENT = "awslambdaric"
_OPT = "/opt/"
_SNAP_START = "snap-start"

_OURS = re.compile(r"(AWS_LAMBDA_|LAMBDA_|PYTHON|VIRTUAL_ENV)|_HANDLER$")
"""Of the host's own environment, what says how a process is run, and therefore not how its functions are."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all functions of a host have besides what their template says."""

    inherited: Mapping[str, str] = field(default_factory=dict[str, str])
    """The host's environment: providers' keys and addresses, and AWS credentials in place of a role's."""
    overrides: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """What this host sets otherwise than the template, or does not set: the store above all."""
    snap_start: bool = False
    """Whether functions with SnapStart go through a snapshot."""


def what_lacks() -> str | None:
    """Why this machine cannot run functions, as a sentence; None where it can."""
    if find_spec(_CLIENT) is not None:
        return None
    return f"Functions run under {_CLIENT}, AWS's own client, which is installed on Linux alone."


def command_of(function: Function) -> tuple[str, ...]:
    """How the process of a function is started. Raises `TemplateError` where its wrapper is missing."""
    command = (sys.executable, "-m", _CLIENT, function.handler)
    wrapper = function.environment.get(WRAPPER)
    return command if wrapper is None else (str(_on_layers(function, wrapper)), *command)


def environment_of(function: Function, runtime_api: str, surroundings: Surroundings) -> dict[str, str]:
    """The environment of one instance."""
    inherited = {name: value for name, value in surroundings.inherited.items() if not _OURS.match(name)}
    told = {**function.environment, **surroundings.overrides}
    search = [str(function.folder), *(str(layer / "python") for layer in function.layers)]
    return {
        **inherited,
        "AWS_EC2_METADATA_DISABLED": "true",  # a role's credentials come by environment, never by address
        **{name: value for name, value in told.items() if value is not None},
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": _SNAP_START if snaps(function, surroundings) else "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{function.name}[{function.version}]{runtime_api}",
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": function.region,
        "LAMBDA_TASK_ROOT": str(function.folder),
        "LANG": "en_US.UTF-8",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(search),
        "PYTHONUTF8": "1",  # where the locale above is not installed
        "TZ": ":UTC",
        "_HANDLER": function.handler,
    }


def snaps(function: Function, surroundings: Surroundings) -> bool:
    """Whether instances of a function start from a snapshot."""
    return surroundings.snap_start and function.snap_start


def _on_layers(function: Function, path: str) -> Path:
    name = path.removeprefix(_OPT)
    for layer in reversed(function.layers):  # the last one lies on top
        if name != path and (found := layer / name).exists():
            return found
    raise TemplateError(f"{function.logical_id} is started by {path}, which none of its layers has.")
