"""The hashed locks: in step with pyproject.toml, complete, and free of addresses."""

import re
import tomllib
from functools import cache
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = {
    "shared/requirements.txt": ((), ()),
    "requirements/dev.txt": (("aws", "serve"), ("install",)),
    "requirements/test.txt": (("aws", "serve"), ("test",)),
    "requirements/local-model.txt": (None, ("local-model",)),
    "requirements/emulator.txt": (None, ("emulator",)),
    "requirements/sam.txt": (None, ("sam",)),
    "requirements/checkov.txt": (None, ("checkov",)),
}
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;]+)( ; (?P<marker>[^\\]+))? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


@cache
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(extras: tuple[str, ...] | None, groups: tuple[str, ...]) -> list[Requirement]:
    """What a lock is made from; `extras` is None where the project itself is not in it."""
    lines: list[str] = []
    if extras is not None:
        lines += project()["project"]["dependencies"]
        for extra in extras:
            lines += project()["project"]["optional-dependencies"][extra]
    for group in groups:
        lines += in_group(group)
    return [Requirement(line) for line in lines]


def in_group(name: str) -> list[str]:
    entries = project()["dependency-groups"][name]
    return [line for e in entries for line in (in_group(e["include-group"]) if isinstance(e, dict) else [e])]


def pins(lock: str) -> dict[str, set[str]]:
    """Versions by name; more than one where they depend on the machine."""
    found: dict[str, set[str]] = {}
    for match in PIN.finditer((ROOT / lock).read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_hashes_and_nothing_else(lock: str):
    text = (ROOT / lock).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if not PIN.fullmatch(line) and not HASH.fullmatch(line)] == []
    assert "://" not in text
    assert not re.search(r"^\s*-(-?index|-i|f|-find|-extra|-trusted)", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str):
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    assert [pin for pin, below in pairwise(lines) if PIN.fullmatch(pin) and not HASH.fullmatch(below)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_answers_what_the_project_asks(lock: str):
    held = pins(lock)
    for requirement in wanted(*LOCKS[lock]):
        versions = held.get(canonicalize_name(requirement.name), set())
        assert versions, f"{lock} lacks {requirement}: run make lock"
        assert all(version in requirement.specifier for version in versions), f"{requirement}: run make lock"


@pytest.mark.parametrize("lock", ["shared/requirements.txt", "requirements/dev.txt", "requirements/test.txt"])
def test_a_lock_is_complete(lock: str):
    """What the pinned packages themselves ask for is pinned too, at a version that they accept."""
    held = pins(lock)
    for name in held:
        for line in installed_requirements(name):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                versions = held.get(canonicalize_name(requirement.name), set())
                assert versions, f"{name} in {lock} asks for {requirement}"
                assert requirement.name in overridden() or any(
                    version in requirement.specifier for version in versions
                ), f"{name}: {requirement}"


@cache
def overridden() -> set[str]:
    lines = (ROOT / "requirements" / "overrides.txt").read_text(encoding="utf-8").splitlines()
    return {Requirement(line).name for line in lines if not line.startswith("#")}


def installed_requirements(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another platform
        return []


def test_tests_translate_the_template_as_deployments_do():
    translator = pins("requirements/sam.txt")["aws-sam-translator"]
    assert pins("requirements/test.txt")["aws-sam-translator"] == translator
    assert pins("requirements/emulator.txt")["aws-sam-translator"] == translator


def test_the_layer_leaves_the_aws_sdk_to_the_runtime():
    assert pins("shared/requirements.txt").keys() & {"boto3", "botocore", "s3transfer"} == set()


def test_all_environments_run_the_same_libraries():
    for name, versions in pins("shared/requirements.txt").items():
        assert versions <= pins("requirements/dev.txt")[name] & pins("requirements/test.txt")[name], name
