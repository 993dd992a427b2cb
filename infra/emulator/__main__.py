"""`make emulate`: the real template on a local AWS emulator, which stays until `make emulate-stop`."""

from __future__ import annotations

import argparse
import os
import sys

from infra.deployed import described
from infra.emulator.emulator import KEY, REGION, ROOT, SECRET, Emulator, EmulatorError, what_lacks
from infra.emulator.stack import Stack
from infra.variants import VariantError

_BANNER = """{described}
All of it is on the emulator at {address}, in this machine's memory, where nothing streams. `make emulate`
again deploys what has changed and makes another key; `make emulate-stop` ends it. Its table is {table}; a key
of another tenant:

  AWS_ENDPOINT_URL={address} AWS_DEFAULT_REGION={region} \\
    AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY={secret} RESPONSES_STORE=dynamodb://{table} \\
    .venv-dev/bin/python -m lambda_responses keys create --tenant acme
"""


def main() -> int:
    """Start or stop; the exit status."""
    parser = argparse.ArgumentParser(prog="make emulate", description=__doc__)
    parser.add_argument("command", nargs="?", default="start", choices=["start", "stop"])
    command: str = parser.parse_args().command
    try:
        emulator = Emulator(ROOT / ".aws-sam" / "emulator", _port(), outlives=True)
        _start(emulator) if command == "start" else emulator.stop()
    except (EmulatorError, VariantError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _port() -> int:
    told = os.environ.get("EMULATOR_PORT") or "4566"
    if not (told.isascii() and told.isdecimal() and 0 < int(told) < 65_536):
        raise EmulatorError("EMULATOR_PORT is a number from 1 to 65535.")
    return int(told)


def _start(emulator: Emulator) -> None:
    runs = emulator.answers
    if not runs and (lack := what_lacks() or _taken(emulator)) is not None:
        raise EmulatorError(lack)
    stack = Stack(emulator)
    print("Building for this machine", flush=True)
    stack.build()
    if not runs:
        print("Starting the emulator", flush=True)
        emulator.start()
    print("Deploying", flush=True)
    stack.deploy()
    key = stack.make_key("--name", "make emulate")
    account = {"address": emulator.address, "region": REGION, "id": KEY, "secret": SECRET}
    told = described(stack.outputs, key)
    print(_BANNER.format(described=told, table=stack.outputs["TableName"], **account))


def _taken(emulator: Emulator) -> str | None:
    if emulator.may_listen:
        return None
    return f"{emulator.address} cannot be listened at: choose another EMULATOR_PORT."


if __name__ == "__main__":
    sys.exit(main())
