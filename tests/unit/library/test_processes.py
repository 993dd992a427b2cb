"""The library from a process's start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[[str], subprocess.CompletedProcess[str]]


def begun(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env=os.environ | {"DATA_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program to its end, in which it complains of nothing."""

    def to_the_end(program: str) -> subprocess.CompletedProcess[str]:
        process = begun(program, tmp_path)
        said, complained = process.communicate(timeout=30)
        assert complained == ""
        return subprocess.CompletedProcess([], process.returncode, said, complained)

    return to_the_end


def test_to_import_the_package_loads_nothing_else(run: Run):
    loaded = run("""
        import sys
        import lambda_responses
        ours = ("lambda_responses", "pydantic", "asyncio")
        print(sorted(name for name in sys.modules if name.startswith(ours)))
    """)
    assert loaded.stdout == "['lambda_responses']\n"


def test_types_of_pydantic_load_only_with_a_form(run: Run):
    loaded = run("""
        import sys
        from lambda_responses import responses
        responses("Hello.", "scripted/echo")
        print([name for name in ("pydantic.main", "httpx", "boto3", "mcp", "uvicorn") if name in sys.modules])
    """)
    assert loaded.stdout == "[]\n"


@pytest.mark.parametrize(
    "ending",
    [
        "pass",
        "next(responses('[[slow:60000]]', 'scripted/echo', stream=True))",
        "stream = responses('[[words:5000]]', 'scripted/echo', stream=True); next(stream)",
        "threading.Thread(target=responses, args=('[[slow:60000]]', 'scripted/echo'), daemon=True).start()",
        "responses('Hello.', 'scripted/echo'); asyncio.run(aresponses('Hello.', 'scripted/echo'))",
    ],
)
def test_a_program_ends_whatever_is_at_work(run: Run, ending: str):
    ended = run(f"""
        import asyncio, threading, time
        from lambda_responses import aresponses, responses
        responses("Hello.", "scripted/echo")
        {ending}
        print(time.monotonic())
    """)
    assert ended.returncode == 0


def test_an_interrupt_stops_a_blocking_call(tmp_path: Path):
    process = begun(
        """
        import os, signal
        from lambda_responses import on_response, responses
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background has not
        on_response(lambda record: os.write(1, b"abandoned\\n" if record.abandoned else b"told\\n"))
        try:
            print("asking", flush=True)
            responses("[[slow:60000]]", "scripted/echo")
        except KeyboardInterrupt:
            print(responses("Hello.", "scripted/echo").output_text)
        """,
        tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    seconds = 0.0
    while not (tmp_path / "responses.db-wal").exists() and seconds < 20:  # the call is on its way
        seconds += 0.05
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=30)
    assert complained == ""
    assert sorted(said.splitlines()) == ["Hello.", "abandoned", "told"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that interrupts")
@pytest.mark.parametrize("stream", [False, True])
def test_an_interrupt_at_any_moment_leaves_the_library_at_work(tmp_path: Path, stream: bool):
    """Also between two steps of a wait: what only one thread may hold is not held for ever then."""
    process = begun(
        f"""
        import random, signal
        from lambda_responses import responses

        def interrupt(*_):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, interrupt)
        responses("Hello.", "scripted/echo")
        chance, interrupted = random.Random(1), 0
        for _ in range(1_000):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 0.0015))
                answer = responses("Hello.", "scripted/echo", stream={stream})
                if {stream}:
                    list(answer)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(interrupted > 100, responses("Hello.", "scripted/echo").output_text)
        """,
        tmp_path,
    )
    try:
        said, _ = process.communicate(timeout=60)  # Python complains of interrupts in its own callbacks
    finally:
        process.kill()
    assert said == "True Hello.\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_makes_calls_of_its_own(run: Run):
    ended = run("""
        import os, warnings
        from lambda_responses import get_responses, responses
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python: the parent has threads
        made = responses("Hello.", "scripted/echo")
        child = os.fork()
        if child == 0:
            responses("From the child.", "scripted/echo", previous_response_id=made.id)
            print(get_responses(made.id).output_text, flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(status, get_responses(made.id).output_text)
    """)
    assert ended.stdout == "Hello.\n0 Hello.\n"


def test_the_callers_context_is_the_callbacks(run: Run):
    ended = run("""
        import contextvars
        from lambda_responses import on_response, responses
        trace = contextvars.ContextVar("trace")
        on_response(lambda record: print(trace.get()))
        trace.set("t-1")
        responses("Hello.", "scripted/echo")
        list(responses("Hello.", "scripted/echo", stream=True))
    """)
    assert ended.stdout == "t-1\nt-1\n"


def test_a_call_as_the_program_ends_works_where_the_library_is_at_work(run: Run):
    ended = run("""
        import atexit
        from lambda_responses import responses
        responses("Hello.", "scripted/echo")
        atexit.register(lambda: print(responses("Goodbye.", "scripted/echo").output_text))
    """)
    assert ended.stdout == "Goodbye.\n"


def test_a_first_call_as_the_program_ends_is_refused_in_a_sentence(run: Run):
    ended = run("""
        import atexit, threading
        import lambda_responses
        @atexit.register
        def too_late():
            try:
                lambda_responses.responses("Hello.", "scripted/echo")
            except RuntimeError as error:
                print(error)
    """)
    assert ended.stdout == "The program is ending: it is too late for the first call of the library.\n"
