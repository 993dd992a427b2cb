"""`python -m lambda_responses dev`: serve the API on this machine. `… work`: run its background responses.
`… jobs`: drop requests that are answered in the background. `… keys`: who may use it. `… mcp`: which servers
of tools it knows. `… threads`: what it keeps, as trees.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    from lambda_responses.runtime.job_commands import add_job_commands, run_job_command
    from lambda_responses.runtime.key_commands import add_key_commands, run_key_command
    from lambda_responses.runtime.server_commands import add_server_commands, run_server_command
    from lambda_responses.runtime.settings import SettingsError

    parser = argparse.ArgumentParser(prog="python -m lambda_responses", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("dev", help="serve the API on 127.0.0.1:$PORT (8080), data in $DATA_DIR (.data)")
    worker = commands.add_parser(
        "work", help="run background responses beside `dev`, which starts such workers"
    )
    worker.add_argument("--attached", action="store_true", help="until standard input ends")
    add_key_commands(commands.add_parser("keys", help="make, list and revoke API keys in $RESPONSES_STORE"))
    add_job_commands(
        commands.add_parser("jobs", help="drop jobs on this machine's queue, take what came of them")
    )
    add_server_commands(commands.add_parser("mcp", help="list MCP servers, and their tools with the pins"))
    threads = commands.add_parser("threads", help="list, export and import trees of stored responses")
    if (sys.argv[1:] if arguments is None else arguments)[:1] == [
        "threads"
    ]:  # the library is not for servers
        from lambda_responses.library.thread_commands import add_thread_commands

        add_thread_commands(threads)
    given = parser.parse_args(_with_values(sys.argv[1:] if arguments is None else arguments))
    try:
        if given.command == "keys":
            return run_key_command(given, os.environ)
        if given.command == "jobs":
            return run_job_command(given, os.environ)
        if given.command == "mcp":
            return run_server_command(given, os.environ)
        if given.command == "threads":
            from lambda_responses.library.thread_commands import run_thread_command

            return run_thread_command(given, os.environ)
        if given.command == "work":
            from lambda_responses.endpoints.worker import run_worker

            run_worker(os.environ, attached=given.attached)
            return 0
        from lambda_responses.endpoints.development import serve

        serve(os.environ)
    except KeyboardInterrupt:  # the server has ended in good order by then
        return 130
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _with_values(arguments: Sequence[str]) -> list[str]:
    """`--expires -1d` as `--expires=-1d`: argparse takes for an option whatever begins with a dash."""
    given: list[str] = []
    for argument in arguments:
        if given and given[-1].startswith("--") and argument[:1] == "-" and argument[1:2].isdigit():
            given[-1] += f"={argument}"
        else:
            given.append(argument)
    return given


if __name__ == "__main__":
    sys.exit(main())
