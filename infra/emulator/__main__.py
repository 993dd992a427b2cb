"""`make emulate`: the real template on a local AWS emulator, which stays until `make emulate-stop`."""

from __future__ import annotations

import argparse
import os
import sys

from infra.deployed import described
from infra.emulator.emulator import ROOT, Emulator, EmulatorError
from infra.emulator.stack import Stack
from infra.variants import VariantError

_BANNER = """{described}
All of it is on the emulator at {address}, in this machine's memory, where nothing streams. `make emulate`
again deploys what has changed and makes another key; `make emulate-stop` ends it."""


def main() -> int:
    """Start or stop; the exit status."""
    parser = argparse.ArgumentParser(prog="make emulate", description=__doc__)
    parser.add_argument("command", nargs="?", default="start", choices=["start", "stop"])
    command: str = parser.parse_args().command
    port = int(os.environ.get("EMULATOR_PORT") or 4566)
    emulator = Emulator(ROOT / ".aws-sam" / "emulator", port, outlives=True)
    try:
        _start(emulator) if command == "start" else emulator.stop()
    except (EmulatorError, VariantError) as error:
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
    key = stack.make_key("--name", "make emulate")
    print(_BANNER.format(described=described(stack.outputs, key), address=emulator.address))


if __name__ == "__main__":
    sys.exit(main())
