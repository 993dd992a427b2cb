"""Each of the large packages is used in its rooms, and nowhere else."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "shared" / "lambda_responses"

# By the name that is imported; a package's own core counts as the package.
ROOMS = {
    "pydantic": {"wire", "runtime", "library", "tools/servers"},
    "httpx": {"outbound", "providers", "tools/servers"},
    "boto3": {
        *("storage", "queue", "runtime/parameters", "tools/servers/credentials"),
        *("providers/aws", "providers/aws_frames"),
    },
    "mangum": {"runtime"},
    "aws_lambda_powertools": {"runtime", "functions"},
    "mcp": {"tools/servers"},
    "cryptography": {"sealing"},
    "jwt": {"providers/google_tokens", "runtime/principals/tokens"},
}
ALIASES = {
    "pydantic_core": "pydantic",
    "botocore": "boto3",
    "mcp_types": "mcp",
    "httpx2": "httpx",
    "httpcore": "httpx",
}


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return {ALIASES.get(name, name) for name in names}


def sources() -> dict[str, set[str]]:
    """What each file imports, by its path inside the package; doors stand under `functions/`."""
    files = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    files |= {path.relative_to(ROOT).as_posix(): path for path in ROOT.glob("functions/*/*.py")}
    return {name: imported(path) for name, path in files.items()}


def in_rooms(name: str, rooms: set[str]) -> bool:
    return any(name.startswith((f"{room}/", f"{room}.py")) for room in rooms)


@pytest.mark.parametrize("package", ROOMS)
def test_a_large_package_stays_in_its_rooms(package: str):
    users = {name for name, imports in sources().items() if package in imports}
    assert {name for name in users if not in_rooms(name, ROOMS[package])} == set()


@pytest.mark.parametrize("package", ROOMS)
def test_a_large_package_is_used(package: str):
    assert any(package in imports for imports in sources().values())


def test_nothing_imports_the_folder_of_the_layer():
    everything = [*ROOT.glob("shared/**/*.py"), *ROOT.glob("functions/**/*.py"), *ROOT.glob("tests/**/*.py")]
    assert [path for path in everything if "shared" in imported(path)] == []


def test_a_door_imports_from_the_package_alone():
    doors = {name: imports for name, imports in sources().items() if name.startswith("functions/")}
    assert doors
    for name, imports in doors.items():
        assert imports <= {"lambda_responses", "aws_lambda_powertools"}, name


def test_a_door_is_one_line_of_wiring():
    for door in ROOT.glob("functions/*/handler.py"):
        assert len(door.read_text(encoding="utf-8").splitlines()) <= 20, door
