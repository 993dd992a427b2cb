"""`python -m lambda_responses dev`: serve the API on this machine."""

from __future__ import annotations

import argparse
import os
import sys


def main() -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(prog="lambda_responses", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("dev", help="serve the API on 127.0.0.1:$PORT (8080), data in $DATA_DIR (.data)")
    parser.parse_args()

    from lambda_responses.endpoints.development import serve
    from lambda_responses.runtime.settings import SettingsError

    try:
        serve(os.environ)
    except KeyboardInterrupt:  # the server has ended in good order by then
        return 130
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
