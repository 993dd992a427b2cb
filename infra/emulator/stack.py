"""The real template on the emulator: built for this machine's processor, and otherwise as it goes to AWS."""

from __future__ import annotations

import json
import platform
import subprocess
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

from infra.emulator.emulator import KEY, REGION, ROOT, SECRET, EmulatorError

if TYPE_CHECKING:
    from infra.emulator.emulator import Emulator

_SAM = ROOT / ".venv-sam" / "bin" / "sam"


class Stack:
    """What `sam deploy` makes of the template on one emulator."""

    name = "lambda-responses"

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._built = emulator.home / "build"

    def build(self) -> None:
        """The layer and the functions, beside those that are built for AWS. Raises `EmulatorError`."""
        self._sam(
            "build", "--build-dir", str(self._built), *self._parameters, more={"ARCHITECTURE": _processor()}
        )

    def deploy(self) -> None:
        """Create the stack, or bring it up to date. Raises `EmulatorError`."""
        self.__dict__.pop("outputs", None)
        template = ("--template-file", str(self._built / "template.yaml"))
        quiet = ("--no-confirm-changeset", "--no-progressbar", "--no-fail-on-empty-changeset")
        asked = ("--stack-name", self.name, "--resolve-s3", "--capabilities", "CAPABILITY_IAM")
        self._sam("deploy", *template, *quiet, *asked, *self._parameters)

    def delete(self) -> None:
        """Take the stack away; the table stays, as it does on AWS. Raises `EmulatorError`."""
        self._sam("delete", "--stack-name", self.name, "--no-prompts", "--region", REGION)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by key."""
        command = ("list", "stack-outputs", "--stack-name", self.name, "--output", "json")
        return {each["OutputKey"]: each["OutputValue"] for each in json.loads(self._sam(*command))}

    @property
    def api_id(self) -> str:
        """The REST API's id: the first label of the base URL that the stack tells."""
        return self.outputs["BaseUrl"].removeprefix("https://").partition(".")[0]

    @property
    def base_url(self) -> str:
        """Where the emulator serves what `BaseUrl` names on AWS."""
        return f"{self._emulator.address}/restapis/{self.api_id}/v1/_user_request_"

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated account's root user."""
        session: Any = boto3.Session(KEY, SECRET, region_name=REGION)  # typed for services with stubs alone
        return session.client(service, endpoint_url=self._emulator.address)

    @property
    def _parameters(self) -> tuple[str, str]:
        return "--parameter-overrides", f"Architecture={_processor()}"

    def _sam(self, *arguments: str, more: dict[str, str] | None = None) -> str:
        environment = self._emulator.environment | (more or {})
        ran = subprocess.run(
            [str(_SAM), *arguments], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        if ran.returncode:
            raise EmulatorError(f"sam {arguments[0]} failed:\n{ran.stdout}{ran.stderr}{self._emulator.log}")
        return ran.stdout


def _processor() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
