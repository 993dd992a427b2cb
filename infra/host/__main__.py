"""`make host`: the template's functions on this machine, each in processes of its own, as Lambda runs them.

Its environment is that of `make dev`: PORT (8081 here), DATA_DIR, RESPONSES_*, and what providers need.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.host.declarations import read_deployment
from infra.host.environment import Surroundings, what_lacks
from infra.host.host import CONCURRENCY, Host
from infra.host.template import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
SQLITE = "sqlite:///"
_KEYS_CREATE = ("-m", "lambda_responses", "keys", "create")

_BANNER = """
lambda-responses is hosted as on Lambda: a process for each instance of a function, frozen between calls.

  base URL       {base_url}
  function URLs  {url_base_url}
{key}
Try it:

  curl -s {base_url}/responses -H "authorization: Bearer $OPENAI_API_KEY" \\
    -H 'content-type: application/json' -d '{{"model": "scripted/echo", "input": "Say hello."}}'

What follows is the functions' log. Stop with Ctrl-C.
"""


def main() -> int:
    """Serve until interrupted; the exit status."""
    given = _arguments()
    try:
        asyncio.run(_serve(given, os.environ))
    except (Unusable, TemplateError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


class Unusable(Exception):
    """The environment cannot be used; the message says why in one sentence."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.host", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--template", type=Path, default=ROOT / "template.yaml", help="as written, or as built"
    )
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="a value for the template"
    )
    parser.add_argument(
        "--concurrency", type=int, default=CONCURRENCY, help="instances of a function at most"
    )
    parser.add_argument("--snap-start", action="store_true", help="take functions with SnapStart through it")
    return parser.parse_args()


async def _serve(given: argparse.Namespace, environment: Mapping[str, str]) -> None:
    if (lack := what_lacks()) is not None:
        raise Unusable(lack)
    parameters: list[str] = given.parameter
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    deployment = read_deployment(
        given.template,
        {name: value for name, _, value in (each.partition("=") for each in parameters)},
        region=region,
    )
    auth = {each.environment.get("RESPONSES_AUTH") for each in deployment.functions.values()}
    if environment.get("RESPONSES_AUTH") not in {None, *auth}:
        raise Unusable(
            "How callers are known is the template's to say: --parameter Auth=…, not RESPONSES_AUTH."
        )
    overrides = _overrides(environment)
    surroundings = Surroundings(environment, overrides, given.snap_start)
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    store = overrides["RESPONSES_STORE"] or ""
    database = Path(store.removeprefix(SQLITE)) if store.startswith(SQLITE) else None
    host = Host(deployment, surroundings, log=_log, limit=given.concurrency, database=database)
    try:
        await host.start(_port(environment.get("PORT") or "8081"))
        kept = {name: value for name, value in overrides.items() if value is not None}
        reached = {**environment, "AWS_DEFAULT_REGION": region, **kept}
        key = _first_key(reached) if "keys" in auth else ""
        told = _BANNER.format(base_url=host.base_url, url_base_url=host.url_base_url, key=key)
        print(told, flush=True)
        await stopping.wait()
    finally:
        await host.stop()


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise Unusable(f"PORT {text} cannot be used: it is no port.")
    return int(text)


_NOWHERE = (
    "RESPONSES_BUCKET",
    "RESPONSES_EVENT_BUS",
    "RESPONSES_REQUEST_BUCKET",
    "RESPONSES_RESULT_BUCKET",
)
"""What of the template's is on AWS alone."""
_QUEUES = ("RESPONSES_QUEUE_URL", "RESPONSES_RESULT_QUEUE_URL", "RESPONSES_DEAD_LETTER_QUEUE_URL")
"""What is a file beside a store that is one."""


def _overrides(environment: Mapping[str, str]) -> dict[str, str | None]:
    """What this machine has in place of what the template names: the shell's settings, a store on disk.

    What is large lies beside that, and queues do; beside a table there are buckets and a bus where the shell
    names them.
    """
    settings = {name: value for name, value in environment.items() if name.startswith("RESPONSES_")}
    data = Path(environment.get("DATA_DIR") or ".data")
    store = environment.get("RESPONSES_STORE", f"{SQLITE}{data / 'responses.db'}")
    here = store.startswith(SQLITE)
    if here:  # functions run in folders of their own
        store = SQLITE + str(Path(store.removeprefix(SQLITE)).absolute())
    for file in ("RESPONSES_MODELS", "RESPONSES_MCP_SERVERS"):
        place = settings.get(file)
        if place is not None and not place.startswith("ssm:"):
            settings[file] = str(Path(place).absolute())
    absent: dict[str, str | None] = dict.fromkeys(_NOWHERE + (_QUEUES if here else ()))
    return {**absent, **settings, "RESPONSES_STORE": store}


def _first_key(environment: Mapping[str, str]) -> str:
    """A line with a new API key, or on how to make one where there are some already.

    Raises `Unusable` where none can be made.
    """
    command = [sys.executable, *_KEYS_CREATE, "--first", "--name", "host"]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Unusable(made.stderr.strip())
    key = made.stdout.strip()
    if key:
        return f"  API key        {key}\n"
    store = environment["RESPONSES_STORE"]
    return f"  API key        as made before; for another: {_another(store)}\n"


def _another(store: str) -> str:
    return f"RESPONSES_STORE={shlex.quote(store)} {shlex.join([sys.executable, *_KEYS_CREATE])}"


def _log(function: str, line: str) -> None:
    print(f"[{function}] {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
