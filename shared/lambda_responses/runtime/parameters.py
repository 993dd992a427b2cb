"""What the operator keeps with AWS and may change while functions run: provider keys, the models file, and
which MCP servers there are.

Powertools Parameters reads them and remembers them for `FRESH_SECONDS`: a rotated key is in use within that
time, and a request in between costs no call. A look that fails later on leaves what was last read in place.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lambda_responses.runtime.logs import logger
from lambda_responses.runtime.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_responses.runtime.settings import Settings
    from lambda_responses.wire.json import Json

SSM = "ssm:"
"""How the name of a parameter in the Systems Manager begins, where something else could stand as well."""
FRESH_SECONDS = 300
QUIET_SECONDS = 30
"""How long nobody is asked again after a look that failed."""
_READERS = ("aws_lambda_powertools.utilities.parameters", "lambda_responses.storage.keyed.clients")


@dataclass(frozen=True, slots=True)
class Kept:
    """What was read."""

    secrets: Mapping[str, str]
    """By the name of the environment variable that each stands for."""
    models: Json
    """The content of the models file."""
    servers: Json = field(default_factory=dict[str, "Json"])
    """The content of the file of MCP servers."""


class AWSParameters:
    """Secrets Manager and the Systems Manager's parameters, asked with short patience."""

    def secret(self, name: str) -> str | bytes:
        """A secret, by name or ARN."""
        return self._secrets.get(name, max_age=FRESH_SECONDS)

    def parameter(self, name: str) -> str:
        """A parameter, decrypted where it is a secure one."""
        return self._parameters.get(name, max_age=FRESH_SECONDS, decrypt=True)

    @cached_property
    def _secrets(self) -> Any:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider

        return SecretsProvider(boto3_client=_patient_client("secretsmanager"))

    @cached_property
    def _parameters(self) -> Any:
        from aws_lambda_powertools.utilities.parameters import SSMProvider

        return SSMProvider(boto3_client=_patient_client("ssm"))


def _patient_client(service: str) -> Any:
    from botocore.config import Config

    from lambda_responses.storage.keyed.clients import client_of

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    return client_of(service, config=Config(connect_timeout=2, read_timeout=5, retries=retries))


class OperatorParameters:
    """The parameters that the settings name, as they are now."""

    def __init__(
        self,
        settings: Settings,
        *,
        source: AWSParameters | None = None,
        clock: Callable[[], float] = time.time,  # a frozen process thaws with what it read aged
    ) -> None:
        self._settings = settings
        self._source = source or AWSParameters()
        self._clock = clock
        files = (settings.models or "", settings.mcp_servers or "")
        self._of_aws = bool(settings.secrets) or any(file.startswith(SSM) for file in files)
        self._look_again_at = 0.0
        self._read: tuple[str | bytes, str, str] | None = None
        self._files: dict[str, str] = {}
        self._kept: Kept | None = None
        self._reading = threading.Lock()
        self._begun = False

    def read_early(self) -> None:
        """Begin to read, once, so that AWS is waited for while other things are made.

        What cannot be read is for `current` to tell.
        """
        begun, self._begun = self._begun, True
        if not begun and self._of_aws:
            for name in _READERS:  # not on the thread: two that import the same get in each other's way
                import_module(name)
            threading.Thread(target=self._read_quietly, daemon=True).start()

    @property
    def due(self) -> bool:
        """Whether it is time to look at them again, which `current` does."""
        return self._of_aws and self._clock() >= self._look_again_at

    def current(self) -> Kept:
        """The same object for as long as nothing has changed. It may take seconds where a look is due.

        Raises `SettingsError` when they cannot be read or used, unless they once could.
        """
        with self._reading:
            return self._current()

    def _read_quietly(self) -> None:
        with suppress(SettingsError):
            self.current()

    def _current(self) -> Kept:
        if self._kept is not None and not self.due:
            return self._kept
        try:
            read = (
                self._secrets_text(),
                self._text_of("RESPONSES_MODELS", self._settings.models),
                self._text_of("RESPONSES_MCP_SERVERS", self._settings.mcp_servers),
            )
            if self._kept is None or read != self._read:
                secrets, models, servers = read
                self._kept = Kept(
                    _secrets_in(secrets),
                    _content("RESPONSES_MODELS", models),
                    _content("RESPONSES_MCP_SERVERS", servers),
                )
                self._read = read
            self._look_again_at = self._clock() + FRESH_SECONDS
        except SettingsError as fault:
            if self._kept is None:
                raise
            logger.error("parameters kept as they were", fault=str(fault))
            self._look_again_at = self._clock() + QUIET_SECONDS
        return self._kept

    def _secrets_text(self) -> str | bytes:
        if self._settings.secrets is None:
            return "{}"
        try:
            return self._source.secret(self._settings.secrets)
        except Exception:  # no such secret, no right to read it, no credentials, no region, no boto3
            raise SettingsError("RESPONSES_SECRETS cannot be used: the secret cannot be read.") from None

    def _text_of(self, setting: str, place: str | None) -> str:
        """Of a file here, read once, or of a parameter."""
        if place is None:
            return "{}"
        if not place.startswith(SSM):
            if setting not in self._files:
                self._files[setting] = _file(setting, place)
            return self._files[setting]
        try:
            return self._source.parameter(place.removeprefix(SSM))
        except Exception:  # as above
            raise SettingsError(f"{setting} cannot be used: the parameter cannot be read.") from None


def _file(setting: str, path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise SettingsError(f"{setting} cannot be used: {error.strerror}.") from None
    except ValueError:
        raise SettingsError(f"{setting} cannot be used: it is not JSON.") from None


def _secrets_in(text: str | bytes) -> dict[str, str]:
    try:
        content: Any = json.loads(text)
    except ValueError:
        content = None
    if isinstance(content, dict):
        secrets = cast("Json", content)
        if all(isinstance(value, str) for value in secrets.values()):
            return secrets
    raise SettingsError("RESPONSES_SECRETS cannot be used: the secret is not a JSON object of strings.")


def _content(setting: str, text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        raise SettingsError(f"{setting} cannot be used: it is not JSON.") from None
