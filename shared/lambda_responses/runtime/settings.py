"""Everything that an operator may set: one typed object, read once.

Each setting is an environment variable `RESPONSES_<NAME>`. A name that is not known, or a value that does not
fit, stops the start with one sentence: a misspelt setting that is silently ignored is worse than no server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "RESPONSES_"


class SettingsError(Exception):
    """The environment cannot be used; the message says why in one sentence."""


class Settings(BaseModel):
    """The settings, with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = Field(default="sqlite:///.data/responses.db", pattern=r"^(sqlite:///|dynamodb://).+$")
    """`sqlite:///<path>` or `dynamodb://<table>`."""
    retention_days: int = Field(default=30, ge=1, le=3650)
    """Days until a stored response is gone."""
    auth: Literal["none", "keys", "jwt", "iam"] = "none"
    """How callers are known: by API `keys` of ours, by an issuer's tokens (`jwt`), by AWS signatures that AWS
    has checked (`iam`). `none` trusts whoever is on this machine, and its web pages alone."""
    jwt_issuer: str | None = None
    """With `jwt`: the issuer that tokens must name (`iss`); its OpenID configuration tells where keys are."""
    jwt_audience: str | None = None
    """With `jwt`: the audience that tokens must name (`aud`)."""
    jwt_tenant_claim: str = Field(default="sub", min_length=1)
    """With `jwt`: the claim that names the tenant. By default each subject is a tenant of its own."""
    jwt_jwks_url: str | None = None
    """With `jwt`: where the issuer's public keys are, if not where its configuration says."""
    default_provider: str = "openai"
    """The provider of model names without one."""
    models: str | None = None
    """The models file (aliases, more providers): its path, or `ssm:<name>` of a parameter that holds it."""
    secrets: str | None = None
    """Name or ARN of one secret that holds provider keys as a JSON object of environment names."""
    sealing_keys: str | None = Field(default=None, repr=False)
    """Keys that seal reasoning, `id:base64,…`; the first seals, all open. By default the store keeps one."""
    outbound_allow: str = ""
    """Hosts, networks and buckets, with commas between, that clients may name besides public addresses."""
    media_max_bytes: int = Field(default=20_000_000, ge=1)
    """Size of a file that is fetched for a provider that takes no addresses."""
    media_timeout_ms: int = Field(default=10_000, ge=1)
    """How long such a file may take to fetch."""
    first_event_wait_ms: int = Field(default=250, ge=0, le=60_000)
    """How long a stream's status line waits for the upstream's first event."""
    connect_timeout_ms: int = Field(default=5_000, ge=1)
    """How long a connection to an upstream may take to open."""
    read_timeout_ms: int = Field(default=300_000, ge=1)
    """Silence after which an upstream counts as gone."""
    max_retries: int = Field(default=2, ge=0, le=10)
    """Further tries of an upstream request that has not answered yet."""
    max_steps: int = Field(default=16, ge=1, le=1_000)
    """Upstream steps of one response."""
    keep_alive_ms: int = Field(default=15_000, ge=10)
    """Silence after which a stream gets a comment line."""
    done_marker: bool = False
    """End streams with `data: [DONE]`, as Open Responses specifies and the live API does not."""
    check_streams: bool = False
    """Check every stream against the event grammar while it is made; a fault is a bug, and is logged."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """What is worth a line in the log; `INFO` gives each exchange one."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of that environment. Raises `SettingsError`."""
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper()
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{name} is not a setting of this server.") from None
        raise SettingsError(f"{name} cannot be used: {first['msg']}.") from None


def local_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """An environment with the store of this machine where it names none: SQLite in `$DATA_DIR` (`.data`)."""
    folder = environment.get("DATA_DIR") or ".data"
    return {"RESPONSES_STORE": f"sqlite:///{folder}/responses.db", **environment}
