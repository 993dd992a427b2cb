"""The layer, built as `sam build` builds it, and what the functions on it are made of."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.bench.layout import ARCHITECTURE, DOORS, FUNCTIONS, RUNS_HERE, Layout, built_layer, lay_out

MEGABYTE = 1_000_000

pytestmark = pytest.mark.slow
here = pytest.mark.skipif(not RUNS_HERE, reason="needs Python 3.13 on Linux, as Lambda has")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the layer for `arm64` or `x86_64`, once each."""
    return cache(lambda architecture: built_layer(tmp_path_factory.mktemp(architecture), architecture))


@pytest.fixture(params=["arm64", "x86_64"])
def layer(request: pytest.FixtureRequest, build: Callable[[str], Path]) -> Path:
    return build(request.param)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return lay_out(tmp_path_factory.mktemp("lambda"))


def zipped(layer: Path, place: Path) -> Path:
    """The layer as one file, with times that say nothing, as SAM makes it."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in layer.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(layer).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return place


def test_the_layer_is_small(layer: Path, tmp_path: Path):
    assert zipped(layer, tmp_path / "layer.zip").stat().st_size <= 17 * MEGABYTE


def test_two_builds_are_the_same_to_the_last_byte(layer: Path, tmp_path: Path):
    again = built_layer(tmp_path / "again", "arm64" if layer.name.startswith("arm64") else "x86_64")
    first, second = zipped(layer, tmp_path / "1.zip"), zipped(again, tmp_path / "2.zip")
    assert first.read_bytes() == second.read_bytes()


def test_the_wrapper_of_the_streaming_doors_can_be_executed(layer: Path):
    wrapper = layer / "streaming-runtime"
    assert wrapper.stat().st_mode & 0o777 == 0o755
    assert wrapper.read_bytes().startswith(b"#!/bin/sh\n")


@pytest.mark.parametrize("door", DOORS)
def test_a_function_holds_nothing_but_its_door(door: str):
    held = {path.name for path in (FUNCTIONS / door).iterdir()}
    assert held - {"__pycache__"} == {"handler.py"}  # which `make build` takes out


def test_all_code_of_the_layer_has_byte_code(layer: Path):
    sources = [path for path in (layer / "python").rglob("*.py")]
    missing = [p for p in sources if not (p.parent / "__pycache__" / f"{p.stem}.cpython-313.pyc").exists()]
    assert sources
    assert missing == []


def test_byte_code_is_valid_whatever_the_time_of_its_source(layer: Path):
    """PEP 552: the second word is 1 for byte code that is never compared with its source."""
    flags = {path.read_bytes()[4:8] for path in layer.rglob("*.pyc")}
    assert flags == {(1).to_bytes(4, "little")}


def test_every_library_of_the_layer_brings_its_licence_and_version(layer: Path):
    for distribution in (layer / "python").glob("*.dist-info"):
        assert (distribution / "METADATA").exists()


def test_the_layer_runs_on_the_processor_that_was_asked_for(layer: Path):
    machines = {"arm64": b"\xb7\x00", "x86_64": b"\x3e\x00"}  # e_machine of the ELF header
    wanted = next(code for name, code in machines.items() if layer.name.startswith(name))
    assert {path.read_bytes()[18:20] for path in layer.rglob("*.so")} == {wanted}


def test_the_layer_leaves_the_aws_sdk_to_the_runtime(layer: Path):
    assert [path.name for path in (layer / "python").glob("boto*")] == []


OPEN = """
import sys
sys.path[:0] = sys.argv[1:]
import handler
print(getattr(handler.lambda_handler, "operation", handler.lambda_handler))
"""


@here
@pytest.mark.parametrize("door", DOORS)
def test_a_door_opens_on_the_layer_alone(build: Callable[[str], Path], door: str):
    layer = build(ARCHITECTURE)
    command = [sys.executable, "-I", "-S", "-c", OPEN, str(FUNCTIONS / door), str(layer / "python")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


IMPORT_ALL = """
import importlib, pkgutil, sys
import lambda_responses
for module in pkgutil.walk_packages(lambda_responses.__path__, "lambda_responses."):
    if module.name not in ("lambda_responses.__main__", "lambda_responses.endpoints.development"):
        importlib.import_module(module.name)
"""
USES = (
    "from mcp import Client; import mcp.client.sse, mcp.client.streamable_http",
    "import jwt; from cryptography.hazmat.primitives.ciphers.aead import AESGCM; jwt.algorithms.RSAAlgorithm",
    "from cryptography.hazmat.primitives.serialization import load_pem_private_key",
    "from aws_lambda_powertools import Logger, Metrics, Tracer",
    "from aws_lambda_powertools.utilities import batch, data_classes, parameters",
    "from starlette.requests import Request; from starlette.formparsers import FormParser, MultiPartParser",
    "from pydantic import BaseModel; type('Model', (BaseModel,), {'__annotations__': {'a': int}})(a='1')",
)
"""What the package does with its libraries, or is going to."""


@here
@pytest.mark.parametrize("program", [IMPORT_ALL, *USES])
def test_what_was_left_out_of_the_layer_is_not_missed(layout: Layout, program: str):
    environment = {"PYTHONPATH": str(layout.opt / "python"), "PATH": os.defpath}
    command = [str(layout.python), "-W", "error::ImportWarning", "-c", program]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
