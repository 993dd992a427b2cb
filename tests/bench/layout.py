"""The folders that a function starts from on Lambda: an interpreter, the layer, the code.

The interpreter's libraries are those that AWS's runtime for Python brings: its own client of the Runtime API
and the SDK. They have byte code here: what our functions are compared with is as quick as it can be.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
DOORS = sorted(path.parent.name for path in FUNCTIONS.glob("*/handler.py"))
STREAMED = ("compact_response", "create_response", "get_response")
"""Doors that the layer's `streaming-runtime` starts; AWS's client starts the others."""
ARCHITECTURE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
RUNS_HERE = sys.version_info[:2] == (3, 13) and sys.platform == "linux"
"""Whether this interpreter is one that the layer is built for."""

_OF_THE_RUNTIME = (
    *("awslambdaric", "simplejson", "snapshot-restore-py"),
    *("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are."""

    python: Path
    """The interpreter."""
    opt: Path
    """The layer, unpacked."""

    def command(self, door: str) -> list[str]:
        """How the process of a function is started."""
        aws = [str(self.python), "-m", "awslambdaric", "handler.lambda_handler"]
        return [str(self.opt / "streaming-runtime"), *aws] if door in STREAMED else aws

    def environment(self, task_root: Path) -> dict[str, str]:
        """What Lambda and the template set for a function, and nothing of whoever asks."""
        return {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_FUNCTION_NAME": "measured",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "measured",
            "AWS_LAMBDA_LOG_STREAM_NAME": "measured",
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "LAMBDA_TASK_ROOT": str(task_root),
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "PYTHONDONTWRITEBYTECODE": "1",  # on Lambda no folder of these can be written to
            "PYTHONPATH": f"{task_root}:{self.opt / 'python'}",
            "RESPONSES_AUTH": "keys",
            "RESPONSES_DEFAULT_PROVIDER": "openai",
            "RESPONSES_STORE": "dynamodb://measured",
            "TZ": ":UTC",
            "_HANDLER": "handler.lambda_handler",
        }


def lay_out(place: Path) -> Layout:
    """Make all of it in that folder."""
    return Layout(_interpreter(place / "lang"), built_layer(place / "opt"))


def built_layer(place: Path, architecture: str = ARCHITECTURE) -> Path:
    """The layer as `sam build` makes it."""
    environment = os.environ | {"ARTIFACTS_DIR": str(place), "ARCHITECTURE": architecture}
    make = ["make", "--silent", "--directory", str(ROOT / "shared"), "build-SharedLayer"]
    subprocess.run(make, env=environment, check=True, capture_output=True)
    return place


def without_byte_code(layer: Path, place: Path) -> Path:
    """A copy of the layer that has to be compiled at every start."""
    shutil.copytree(layer, place, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def _interpreter(place: Path) -> Path:
    venv.create(place, with_pip=False, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    for name in _OF_THE_RUNTIME:
        for file in metadata.files(name) or ():
            if file.parts[0] != ".." and file.suffix != ".pyc":
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), site / file)
    compiling = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(site)]
    subprocess.run([str(place / "bin" / "python"), *compiling], check=True)
    return place / "bin" / "python"
