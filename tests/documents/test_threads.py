"""What the page on threads tells a user to type does what it says."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from lambda_responses.wire.thread_lines import VERSION
from tests.documents.pages import ROOT, code
from tests.fakes.server import plain_environment

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "threads.md").read_text()


def run(folder: Path, *arguments: str, given: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=plain_environment(),
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_of_the_page_prints_what_it_says(tmp_path: Path):
    [program] = code(PAGE, "python")
    assert run(tmp_path, "-c", program) == "Plan a day in Rome | And with children? | Rather in Milan\n3\n"


def test_the_commands_of_the_page_move_a_thread(tmp_path: Path):
    [program] = code(PAGE, "python")
    run(tmp_path, "-c", program)
    listing = "import lambda_responses as l; print(l.responses(model='scripted/echo', input='hi').id)"
    response_id = run(tmp_path, "-c", listing).strip()
    typed = next(block for block in code(PAGE) if "threads list" in block).splitlines()
    (tmp_path / "elsewhere").mkdir()
    found: dict[str, str] = {}
    for line in typed:
        python, *words = (
            line.partition(" >")[0].partition(" <")[0].replace("RESPONSE_ID", response_id).split()
        )
        assert python == "python"
        folder = tmp_path / "elsewhere" if "import" in words else tmp_path
        found[words[3]] = run(folder, *words, given=found.get("export"))
    assert found["list"].startswith(response_id)
    assert response_id in found["export"]
    moved = run(tmp_path / "elsewhere", "-m", "lambda_responses", "threads", "list", response_id)
    assert moved == found["list"]


def test_the_page_names_every_member_of_a_line():
    members = ["version", "id", "previous_id", "created_at", "expires_at", "target", "deleted", "response"]
    table = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = "".join(line.split("|")[1] for line in table)
    assert all(f"`{member}`" in named for member in (*members, "input", "origins", "before"))
    assert f"| `version` | {VERSION} |" in PAGE
