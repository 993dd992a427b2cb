"""The real template on the emulator: built for this machine's processor, without streams and TLS."""

from __future__ import annotations

import json
import platform
import subprocess
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

from infra.deployed import make_key
from infra.emulator.emulator import KEY, REGION, ROOT, SECRET, EmulatorError
from infra.emulator.event_sources import put_concurrency
from infra.emulator.gateway_responses import put_gateway_responses
from infra.variants import write_variant

if TYPE_CHECKING:
    from infra.emulator.emulator import Emulator

_SAM = ROOT / ".venv-sam" / "bin" / "sam"


class Stack:
    """What `sam deploy` makes of the template, in `forms` of it besides, on one emulator."""

    def __init__(self, emulator: Emulator, *forms: str, name: str = "lambda-responses") -> None:
        self.name = name
        self.built = emulator.home / "build"
        self._emulator = emulator
        self._forms = ("buffered", "http", *forms)

    def build(self) -> None:
        """The layer and the functions, beside those that are built for AWS. Raises `EmulatorError`."""
        parameters = _parameters(Architecture=_processor())
        self._sam("build", "--build-dir", str(self.built), *parameters, more={"ARCHITECTURE": _processor()})

    def deploy(self, **parameters: str) -> None:
        """Create the stack, or bring it up to date. Raises `EmulatorError`, `VariantError`."""
        self.__dict__.pop("outputs", None)
        form = write_variant(self.built / "template.yaml", *self._forms)
        quiet = ("--no-confirm-changeset", "--no-progressbar", "--no-fail-on-empty-changeset")
        asked = ("--stack-name", self.name, "--resolve-s3", "--capabilities", "CAPABILITY_IAM")
        told = _parameters(Architecture=_processor(), **parameters)
        self._sam("deploy", "--template-file", str(form), *quiet, *asked, *told)
        put_gateway_responses(self.client("apigateway"), self.api_id, "v1", form)
        put_concurrency(self.client("lambda"))

    def delete(self) -> None:
        """Take the stack away; the table stays, as it does on AWS. Raises `EmulatorError`."""
        self._sam("delete", "--stack-name", self.name, "--no-prompts", "--region", REGION)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by key, its addresses as the emulator serves them."""
        command = ("list", "stack-outputs", "--stack-name", self.name, "--output", "json")
        told = {each["OutputKey"]: each["OutputValue"] for each in json.loads(self._sam(*command))}
        return {name: self._served(value) for name, value in told.items()}

    @property
    def api_id(self) -> str:
        """The REST API's id."""
        return self.outputs["BaseUrl"].split("/")[4]

    def make_key(self, *arguments: str) -> str:
        """An API key, made as an operator makes it: with `keys create`, and these arguments."""
        return make_key(self.outputs["TableName"], self._emulator.environment, *arguments) or ""

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated account's root user."""
        session: Any = boto3.Session(KEY, SECRET, region_name=REGION)  # typed for services with stubs alone
        return session.client(service, endpoint_url=self._emulator.address)

    def _served(self, value: str) -> str:
        """Where the emulator, which has one address for all, serves what is at that one on AWS."""
        host, _, path = value.removeprefix("https://").partition("/")
        match host.split("."):
            case [id, "execute-api", *_]:
                return f"{self._emulator.address}/restapis/{id}/{path}/_user_request_"
            case [id, "lambda-url", *_]:
                return f"{self._emulator.address}/_aws/lambda-url/{id}/{path}"
            case _:
                return value

    def _sam(self, *arguments: str, more: dict[str, str] | None = None) -> str:
        environment = self._emulator.environment | (more or {})
        ran = subprocess.run(
            [str(_SAM), *arguments], env=environment, cwd=ROOT, capture_output=True, text=True
        )
        if ran.returncode:
            raise EmulatorError(f"sam {arguments[0]} failed:\n{ran.stdout}{ran.stderr}{self._emulator.log}")
        return ran.stdout


def _parameters(**parameters: str) -> list[str]:
    return ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]


def _processor() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
