"""A thousand jobs of every form, some of them bad, dropped on the queue of a laptop and answered."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.official import judge_response
from tests.fakes.server import WORKING, Server, plain_environment

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

MODEL = "scripted/echo"
JOBS, EACH = 1_000, 33
"""One of so many is bad: 30 of 1,000, when it begins with the tenth."""
FIRST_BAD = 10


def jobs(
    data_dir: Path, *arguments: str, input: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """`python -m lambda_responses jobs …`, as a user calls it."""
    return subprocess.run(
        [sys.executable, "-m", "lambda_responses", "jobs", *arguments],
        env={**plain_environment(), "DATA_DIR": str(data_dir), **settings},
        cwd=data_dir,
        input=input,
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )


def lines_of(run: subprocess.CompletedProcess[str]) -> list[Json]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def body(said: str, **more: Any) -> Json:
    return {"model": MODEL, "input": said, **more}


def line(number: int, **changes: Any) -> Json:
    own = body(f"job {number}", metadata={"job": str(number)})
    return {"custom_id": f"job-{number}", "method": "POST", "url": "/v1/responses", "body": own, **changes}


def sound(number: int) -> Json:
    """A job, in one form after the other."""
    about = {"id": f"event-{number}", "source": "shop"}
    match number % 5:
        case 0:
            return line(number)
        case 1:
            return body(f"job {number}", metadata={"job": str(number)}, stream=True)
        case 2:
            return {"specversion": "1.0", "type": "order", **about, "data": line(number)}
        case 3:
            data = base64.b64encode(json.dumps(line(number)).encode()).decode()
            return {"specversion": "1.0", "type": "order", **about, "data_base64": data}
        case _:
            return {"detail-type": "order", **about, "detail": line(number)}


def bad(number: int) -> str:
    """A job that nobody can do, or none at all; with the reason that has to be told in `REASONS`."""
    return json.dumps(BAD[number % len(BAD)](number)) if number % 6 else "{broken"


BAD = (
    lambda number: line(number, body=body("x", colour="red")),
    lambda number: line(number, body={"model": "nobody/nothing", "input": "x"}),
    lambda number: line(number, body=body("x", previous_response_id="resp_0")),
    lambda number: line(number, url="/v1/embeddings"),
    lambda number: {"order": number},
)


def is_bad(number: int) -> bool:
    return number % EACH == FIRST_BAD


@pytest.mark.slow
def test_a_thousand_mixed_jobs_are_answered_or_refused_each_once(tmp_path: Path):
    texts = [bad(number) if is_bad(number) else json.dumps(sound(number)) for number in range(JOBS)]
    (tmp_path / "jobs.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
    with Server(tmp_path, RESPONSES_LOG_LEVEL="ERROR", **WORKING) as server:
        began = time.monotonic()
        dropped = jobs(tmp_path, "submit", "jobs.jsonl")
        assert f"Jobs dropped: {JOBS}." in dropped.stderr
        answers = lines_of(jobs(tmp_path, "results", "--wait", "10"))
        letters = lines_of(jobs(tmp_path, "dead-letters"))
        print(f"{JOBS} jobs in {time.monotonic() - began - 10:.1f} s")
    right = [answer for answer in answers if answer["error"] is None]
    refused = [answer for answer in answers if answer["error"] is not None]
    assert (len(right), len(refused) + len(letters)) == (970, 30)
    for answer in right:
        response = answer["response"]["body"]
        number = int(response["metadata"]["job"])
        judge_response(response)
        assert response["status"] == "completed"
        assert response["output"][0]["content"][0]["text"] == f"job {number}"
        assert answer["custom_id"] == f"job-{number}" or number % 5 == 1
    assert len({answer["response"]["body"]["metadata"]["job"] for answer in right}) == 970
    for answer in refused:
        assert is_bad(int(answer["custom_id"].removeprefix("job-")))
        assert answer["response"]["status_code"] == 400
        assert answer["error"]["message"].endswith(".")
    for letter in letters:
        assert letter["reason"].endswith(".")
        assert letter["message"].strip() in texts
    assert len({answer["id"] for answer in answers}) == len(answers)
    assert server.complaints == []


def test_jobs_dropped_on_a_machine_that_is_off_are_done_when_it_is_on_and_none_twice(tmp_path: Path):
    texts = [json.dumps(line(number)) for number in range(6)]
    jobs(tmp_path, "submit", input="\n".join(texts))
    with Server(tmp_path, **WORKING) as server:
        first = lines_of(jobs(tmp_path, "results", "--count", "6", "--wait", "30"))
    jobs(tmp_path, "submit", "-", input="\n".join(texts))
    with Server(tmp_path, RESPONSES_LOG_LEVEL="ERROR", **WORKING) as again:
        output = tmp_path / "answers.jsonl"
        jobs(tmp_path, "results", "--wait", "3", "--output", str(output))
    assert sorted(answer["custom_id"] for answer in first) == [f"job-{number}" for number in range(6)]
    assert output.read_text(encoding="utf-8") == ""
    assert server.complaints == []
    assert again.complaints == []


def test_a_user_of_the_commands_is_told_what_is_wrong(tmp_path: Path):
    run = subprocess.run(
        [sys.executable, "-m", "lambda_responses", "jobs", "submit", "nowhere.jsonl"],
        env={**plain_environment(), "DATA_DIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 1
    assert "nowhere.jsonl cannot be used: No such file or directory." in run.stderr
    assert "Traceback" not in run.stderr
