"""The layer, built as `sam build` builds it."""

import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEGABYTE = 1_000_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the layer for `arm64` or `x86_64`, once each."""

    @cache
    def layer_for(architecture: str) -> Path:
        place = tmp_path_factory.mktemp(architecture)
        environment = os.environ | {"ARTIFACTS_DIR": str(place), "ARCHITECTURE": architecture}
        make = ["make", "--silent", "--directory", str(ROOT / "shared"), "build-SharedLayer"]
        subprocess.run(make, env=environment, check=True, capture_output=True)
        return place

    return layer_for


@pytest.fixture(params=["arm64", "x86_64"])
def layer(request: pytest.FixtureRequest, build: Callable[[str], Path]) -> Path:
    return build(request.param)


def test_the_layer_is_small(layer: Path, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(layer.rglob("*")):
            archive.write(path, path.relative_to(layer))
    assert (tmp_path / "layer.zip").stat().st_size <= 17 * MEGABYTE


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


RUNS_HERE = sys.version_info[:2] == (3, 13) and sys.platform == "linux"
OPEN = """
import sys
sys.path[:0] = sys.argv[1:]
import handler
print(callable(handler.lambda_handler))
"""


@pytest.mark.skipif(not RUNS_HERE, reason="needs Python 3.13 on Linux, as Lambda has")
@pytest.mark.parametrize("door", sorted(path.parent.name for path in ROOT.glob("functions/*/handler.py")))
def test_a_door_opens_on_the_layer_alone(build: Callable[[str], Path], door: str):
    layer = build({"aarch64": "arm64"}.get(platform.machine(), "x86_64"))
    command = [sys.executable, "-I", "-S", "-c", OPEN, str(ROOT / "functions" / door), str(layer / "python")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "True", run.stderr


NEEDED = (
    "import cryptography.hazmat.primitives.ciphers.aead, mcp.client.streamable_http; from mcp import Client"
)


@pytest.mark.skipif(not RUNS_HERE, reason="needs Python 3.13 on Linux, as Lambda has")
def test_what_was_left_out_of_the_layer_is_not_missed(build: Callable[[str], Path]):
    layer = build({"aarch64": "arm64"}.get(platform.machine(), "x86_64"))
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = sys.argv[1:]; {NEEDED}"]
    run = subprocess.run([*command, str(layer / "python")], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
