"""`make emulate`: the real template on a local AWS emulator, which stays until `make emulate-stop`."""

from __future__ import annotations

import argparse
import os
import sys

from infra.emulator.emulator import KEY, REGION, ROOT, SECRET, Emulator, EmulatorError
from infra.emulator.stack import Stack

_BANNER = """
lambda-responses is deployed on the emulator at {address}, in this machine's memory.

  base URL   {base_url}
  table      {table}

Requests are signed with AWS credentials, as the template asks for:

  curl -s {base_url}/responses --aws-sigv4 aws:amz:{region}:execute-api --user {key}:{secret} \\
    -H 'content-type: application/json' -d '{{"model": "scripted/echo", "input": "Say hello."}}'

`make emulate` again deploys what has changed; `make emulate-stop` ends it.
"""


def main() -> int:
    """Start or stop; the exit status."""
    parser = argparse.ArgumentParser(prog="make emulate", description=__doc__)
    parser.add_argument("command", nargs="?", default="start", choices=["start", "stop"])
    command: str = parser.parse_args().command
    port = int(os.environ.get("EMULATOR_PORT") or 4566)
    emulator = Emulator(ROOT / ".aws-sam" / "emulator", port, outlives=True)
    try:
        _start(emulator) if command == "start" else emulator.stop()
    except EmulatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _start(emulator: Emulator) -> None:
    stack = Stack(emulator)
    print("Building for this machine", flush=True)
    stack.build()
    if not emulator.answers:
        print("Starting the emulator", flush=True)
        emulator.start()
    print("Deploying", flush=True)
    stack.deploy()
    table = stack.outputs["TableName"]
    facts = {"region": REGION, "key": KEY, "secret": SECRET, "table": table, "base_url": stack.base_url}
    print(_BANNER.format(address=emulator.address, **facts))


if __name__ == "__main__":
    sys.exit(main())
