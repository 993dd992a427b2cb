"""`python -m lambda_responses jobs`, without anybody who works at jobs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lambda_responses.__main__ import main
from lambda_responses.queue.local import SQLiteQueue
from lambda_responses.wire.job_messages import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambda_responses.queue.port import Received

FULL = Path("/dev/full")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("RESPONSES_STORE", raising=False)
    return tmp_path


def on_queue(here: Path, name: str) -> Sequence[Received]:
    """What can be taken off a queue now; it is given back."""

    async def look() -> Sequence[Received]:
        queue = SQLiteQueue(here / "responses.db.queue", name=name)
        received = await queue.receive(100, visible_after=60)
        for each in received:
            await queue.put_back(each.receipt, 0)
        queue.close()
        return received

    return asyncio.run(look())


def put(here: Path, name: str, message: Any, **attributes: str) -> None:
    async def send() -> None:
        queue = SQLiteQueue(here / "responses.db.queue", name=name)
        await queue.send(message, group="me", attributes=attributes)
        queue.close()

    asyncio.run(send())


def test_who_drops_jobs_where_nobody_serves_is_told_so(here: Path, capsys: pytest.CaptureFixture[str]):
    file = here / "jobs.jsonl"
    file.write_text("{}\n", encoding="utf-8")
    main(["jobs", "submit", str(file)])
    told = capsys.readouterr().err
    assert "Jobs dropped: 1." in told
    assert f"Nobody has served {here}/responses.db yet" in told
    (here / "responses.db").touch()
    main(["jobs", "submit", str(file)])
    assert capsys.readouterr().err == "Jobs dropped: 1.\n"


@pytest.mark.parametrize("verb", ["results", "dead-letters"])
def test_where_no_queue_is_none_is_made(here: Path, capsys: pytest.CaptureFixture[str], verb: str):
    assert main(["jobs", verb]) == 1
    assert f"There is no {here}/responses.db.queue" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_a_dead_letter_says_which_line_of_which_file_it_was(here: Path):
    put(here, "dead letters", "{", **{"reason": "It is broken.", NAME: "jobs.jsonl#17-0a1b2c3d"})
    output = here / "letters.jsonl"
    assert main(["jobs", "dead-letters", "--output", str(output)]) == 0
    told = {"reason": "It is broken.", "name": "jobs.jsonl#17-0a1b2c3d", "message": "{"}
    assert json.loads(output.read_text(encoding="utf-8")) == told


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, where nothing can be written")
def test_what_could_not_be_written_is_there_again_at_once(here: Path, capsys: pytest.CaptureFixture[str]):
    put(here, "results", {"custom_id": "one"})
    assert main(["jobs", "results", "--output", str(FULL)]) == 1
    assert capsys.readouterr().err == "/dev/full cannot be used: No space left on device.\n"
    assert [each.message for each in on_queue(here, "results")] == [{"custom_id": "one"}]


@pytest.mark.parametrize(
    "odd",
    [
        ("--wait", "nan"),
        ("--wait", "inf"),
        ("--wait", "-5"),
        ("--wait", "long"),
        ("--count", "0"),
        ("--count", "-3"),
        ("--count", "x"),
    ],
)
def test_what_would_never_end_or_take_nothing_is_refused(
    odd: tuple[str, str], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        main(["jobs", "results", *odd])
    assert left.value.code == 2
    assert f"argument {odd[0]}: expected " in capsys.readouterr().err
