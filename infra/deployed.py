"""What a deployed stack has for its clients: where it answers and, once, the first API key.

    python -m infra.deployed [--stack-name NAME] [--region REGION] [--profile PROFILE]

Without arguments it is the stack that `sam deploy --guided` was told of and kept in samconfig.toml. `make
deploy` ends with this; whoever runs it again is told all but the key.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]

_ADDRESSES = {
    "BaseUrl": "  base URL               {}",
    "CreateResponseUrl": "  POST v1/responses      {}   (without API Gateway)",
    "GetResponseUrl": "  GET v1/responses/…     {}   (without API Gateway)",
}
"""By the outputs that tell them. A stack may have no function URLs."""
_KEY = """
API key of the tenant `default`, which is shown this once:

  {key}

  curl -s {BaseUrl}/responses -H 'authorization: Bearer {key}' \\
    -H 'content-type: application/json' -d '{{"model": "scripted/echo", "input": "Say hello."}}'
"""
_OTHER_WAYS = {
    "keys": """
Its first API key was shown when it was made. `python -m lambda_responses keys create` makes others, with
RESPONSES_STORE=dynamodb://{TableName} and your AWS credentials.
""",
    "jwt": """
Callers show a token of the identity provider: -H 'authorization: Bearer <token>'.
""",
    "iam": """
Callers sign with AWS credentials, for the service execute-api; function URLs are signed for lambda:

  curl -s {BaseUrl}/models --aws-sigv4 aws:amz:<region>:execute-api --user <access key id>:<secret access key>
""",
}


class NotDeployed(Exception):
    """The stack cannot be looked at; the message says why, and what to do."""


def make_key(table: str, environment: Mapping[str, str], *arguments: str) -> str | None:
    """The key that `keys create` makes in that table; None where it makes none.

    Raises `subprocess.CalledProcessError`; what is wrong has been said by then.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith("RESPONSES_")}
    command = [sys.executable, "-m", "lambda_responses", "keys", "create", *arguments]
    store = {"RESPONSES_STORE": f"dynamodb://{table}"}
    made = subprocess.run(command, env=kept | store, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return made.stdout.strip() or None


def described(outputs: Mapping[str, str], key: str | None) -> str:
    """What whoever deployed is told, from the stack's outputs and a key that was made."""
    addresses = [line.format(outputs[name]) for name, line in _ADDRESSES.items() if name in outputs]
    how = _OTHER_WAYS[outputs["Auth"]] if key is None else _KEY
    return "\n".join(["\nlambda-responses answers at\n", *addresses, how.format(key=key, **outputs)])


def saved_arguments(samconfig: Path) -> dict[str, str]:
    """`stack_name`, `region` and `profile` of `sam deploy`, as far as the file has them."""
    try:
        told: dict[str, Any] = tomllib.loads(samconfig.read_text(encoding="utf-8")).get("default", {})
    except (OSError, tomllib.TOMLDecodeError):
        return {}
    merged: dict[str, Any] = {}
    for command in ("global", "deploy"):
        merged |= told.get(command, {}).get("parameters", {})
    return {name: str(merged[name]) for name in ("stack_name", "region", "profile") if name in merged}


def outputs_of(session: Any, stack: str) -> dict[str, str]:
    """The stack's outputs. Raises `NotDeployed`."""
    try:
        found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except (BotoCoreError, ClientError) as fault:
        raise NotDeployed(
            f"The stack {stack} cannot be looked at: {fault}\n"
            "If yours has another name, region or profile: .venv/bin/python -m infra.deployed --help"
        ) from None
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


def main() -> int:
    """Tell of one stack; the exit status."""
    saved = saved_arguments(ROOT / "samconfig.toml")
    parser = argparse.ArgumentParser(prog="python -m infra.deployed", description=__doc__)
    parser.add_argument("--stack-name", default=saved.get("stack_name", "lambda-responses"))
    parser.add_argument("--region", default=saved.get("region"))
    parser.add_argument("--profile", default=saved.get("profile"))
    given = parser.parse_args()
    environment = dict(os.environ)
    environment |= {"AWS_PROFILE": given.profile} if given.profile else {}
    environment |= {"AWS_REGION": given.region, "AWS_DEFAULT_REGION": given.region} if given.region else {}
    try:
        session: Any = boto3.Session(profile_name=given.profile, region_name=given.region)
        outputs = outputs_of(session, given.stack_name)
        key = make_key(outputs["TableName"], environment, "--first") if outputs["Auth"] == "keys" else None
    except (NotDeployed, BotoCoreError) as fault:
        print(fault, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError:
        return 1
    print(described(outputs, key))
    return 0


if __name__ == "__main__":
    sys.exit(main())
