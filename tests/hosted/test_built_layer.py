"""The functions run on the layer as `sam build` makes it, byte code, wrapper and all."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from openai import OpenAI

from tests.hosted.hosting import ROOT, Hosted, processes, write_built
from tests.kit import check

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.version_info[:2] != (3, 13) or sys.platform != "linux",
        reason="needs Python 3.13 on Linux, as Lambda has",
    ),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build` leaves, made in its way for this machine's processor."""
    place = tmp_path_factory.mktemp("build")
    processor = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    environment = os.environ | {"ARTIFACTS_DIR": str(place / "SharedLayer"), "ARCHITECTURE": processor}
    make = ["make", "--silent", "--directory", str(ROOT / "shared"), "build-SharedLayer"]
    subprocess.run(make, env=environment, check=True, capture_output=True)
    return write_built(place, layer="SharedLayer")


def test_functions_run_on_the_built_layer(template: Path, tmp_path: Path):
    hosted = Hosted(tmp_path, "--template", str(template), "--snap-start").started()
    try:
        for base_url in (hosted.base_url, hosted.url_base_url):
            with OpenAI(base_url=base_url, api_key=hosted.key, max_retries=0) as client:
                made = client.responses.create(model="scripted/echo", input="Hello")
                assert client.responses.retrieve(made.id) == made
                events = list(client.responses.create(model="scripted/echo", input="one two", stream=True))
                check(event.to_dict() for event in events)
                assert client.models.list().data
        loaded = [Path(f"/proc/{pid}/maps").read_text() for pid in hosted.workers()]
        assert len(loaded) == 4
        layer = str(template.parent / "SharedLayer" / "python" / "pydantic_core")
        assert all(layer in libraries for libraries in loaded if "pydantic_core" in libraries)
        assert any(layer in libraries for libraries in loaded)
    finally:
        assert hosted.stop() == 0, hosted.log
    assert not any(parent == hosted.pid for _, parent, *_ in processes())
