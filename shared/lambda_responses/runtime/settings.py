"""Everything that an operator may set: one typed object, read once.

Each setting is an environment variable `RESPONSES_<NAME>`. A name that is not known, or a value that does not
fit, stops the start with one sentence: a misspelt setting that is silently ignored is worse than no server.

Pydantic judges them by shapes, as it judges requests. No function starts without its settings, and to
import what pydantic's models need would be a sixth of the time that the smaller ones take to start.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from pydantic_core import ValidationError

from lambda_responses.wire.shapes import FLAG, NAMED, TEXT, Shape, number, one_of, text, validator, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
Auth: TypeAlias = Literal["none", "keys", "jwt", "iam"]
DeleteMode: TypeAlias = Literal["keep", "erase"]
LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
ListFailure: TypeAlias = Literal["fail", "degrade"]

PREFIX = "RESPONSES_"


class SettingsError(Exception):
    """The environment cannot be used; the message says why in one sentence."""


def _setting(default: T, shape: Shape, *, shown: bool = True) -> T:
    """A setting's default, and the shape of what may stand in its place; `shown` to whoever prints it."""
    made: Any = field(default=default, metadata={"shape": shape}, repr=shown)
    return made


@dataclass(frozen=True)
class Settings:
    """The settings, with their defaults. Only `read_settings` holds them to their shapes."""

    store: str = _setting("sqlite:///.data/responses.db", text(pattern="^(sqlite:///|dynamodb://).+$"))
    """`sqlite:///<path>` or `dynamodb://<table>`."""
    retention_days: int = _setting(30, whole(least=1, most=3650))
    """Days until a stored response is gone."""
    bucket: str | None = _setting(None, NAMED)
    """With DynamoDB: the S3 bucket for media, and for what is too large for rows. By default there is none,
    and such input is refused. Beside SQLite a folder has that part."""
    queue_url: str | None = _setting(None, NAMED)
    """With DynamoDB: the SQS queue of background responses. By default there is none, and they are refused.
    Beside SQLite a file has that part."""
    background_seconds: int = _setting(86_400, whole(least=1, most=604_800))
    """Seconds after which a background response that has not ended is failed."""
    tenant_concurrency: int = _setting(0, whole(least=0, most=1_000))
    """Background responses of one tenant that run at once; 0 for as many as there are workers."""
    workers: int = _setting(2, whole(least=0, most=64))
    """Beside SQLite: processes that `make dev` starts to run background responses. With 0 they stay queued;
    only streams run, in the server."""
    worker_concurrency: int = _setting(5, whole(least=1, most=1_000))
    """Background responses that each of those processes runs at once."""
    worker_seconds: int = _setting(0, whole(least=0, most=86_400))
    """Seconds that such a process gives a background response at a time, as functions have 900; 0 for no
    limit."""
    request_tenant: str | None = _setting(None, text(pattern="^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,127}$"))
    """The tenant that requests from the input queue belong to."""
    request_queue_url: str | None = _setting(None, NAMED)
    """With DynamoDB: the input queue of SQS itself, so that what could not be queued comes again soon."""
    request_bucket: str | None = _setting(None, NAMED)
    """The S3 bucket, or `<bucket>/<prefix>`, whose objects queued requests may name."""
    dead_letter_queue_url: str | None = _setting(None, NAMED)
    """The SQS queue for messages on the input queue that cannot be read, each with the reason beside it."""
    result_queue_url: str | None = _setting(None, NAMED)
    """The SQS queue for answers to queued requests."""
    result_bucket: str | None = _setting(None, NAMED)
    """The S3 bucket for answers to queued requests, and for those that are too long for their queue."""
    event_bus: str | None = _setting(None, NAMED)
    """The EventBridge bus that is told how background responses ended."""
    delete_mode: DeleteMode = _setting("keep", one_of(*get_args(DeleteMode)))
    """What a deleted response added to the context of later ones: `keep` leaves it until they are gone too,
    `erase` blanks it at once."""
    auth: Auth = _setting("none", one_of(*get_args(Auth)))
    """How callers are known: by API `keys` of ours, by an issuer's tokens (`jwt`), by AWS signatures that AWS
    has checked (`iam`). `none` trusts whoever is on this machine, and its web pages alone."""
    jwt_issuer: str | None = _setting(None, TEXT)
    """With `jwt`: the issuer that tokens must name (`iss`); its OpenID configuration tells where keys are."""
    jwt_audience: str | None = _setting(None, TEXT)
    """With `jwt`: the audience that tokens must name (`aud`)."""
    jwt_tenant_claim: str = _setting("sub", NAMED)
    """With `jwt`: the claim that names the tenant. By default each subject is a tenant of its own."""
    jwt_jwks_url: str | None = _setting(None, TEXT)
    """With `jwt`: where the issuer's public keys are, if not where its configuration says."""
    default_provider: str = _setting("openai", TEXT)
    """The provider of model names without one."""
    models: str | None = _setting(None, TEXT)
    """The models file (aliases, more providers): its path, or `ssm:<name>` of a parameter that holds it."""
    secrets: str | None = _setting(None, TEXT)
    """Name or ARN of one secret that holds provider keys as a JSON object of environment names."""
    sealing_keys: str | None = _setting(None, TEXT, shown=False)
    """Keys that seal reasoning, `id:base64,…`; the first seals, all open. By default the store keeps one."""
    outbound_allow: str = _setting("", TEXT)
    """Hosts, networks and buckets, with commas between, that clients may name besides public addresses."""
    media_max_bytes: int = _setting(20_000_000, whole(least=1))
    """Size of a file that is fetched for a provider that takes no addresses."""
    media_timeout_ms: int = _setting(10_000, whole(least=1))
    """How long such a file may take to fetch."""
    first_event_wait_ms: int = _setting(250, whole(least=0, most=60_000))
    """How long a stream's status line waits for the upstream's first event."""
    attach_retries: bool = _setting(True, FLAG)
    """Answer what an SDK sends again with the response to its first try, which runs to its end for that."""
    connect_timeout_ms: int = _setting(5_000, whole(least=1))
    """How long a connection to an upstream may take to open."""
    read_timeout_ms: int = _setting(300_000, whole(least=1))
    """Silence after which an upstream counts as gone."""
    max_retries: int = _setting(2, whole(least=0, most=10))
    """Further tries of an upstream request that has not answered yet."""
    max_steps: int = _setting(16, whole(least=1, most=1_000))
    """Upstream steps of one response."""
    max_background_steps: int = _setting(500, whole(least=1, most=10_000))
    """The same of a background response, which may take hours."""
    max_tool_calls: int = _setting(64, whole(least=1, most=10_000))
    """Calls of MCP tools that one response makes."""
    max_seconds: int = _setting(0, whole(least=0, most=604_800))
    """Seconds after which a response gets one last turn of the model, without tools; 0 for no such time."""
    max_tokens: int = _setting(0, whole(least=0))
    """Tokens of all its steps, read and written, after which it does; 0 for no such number."""
    max_cost: float = _setting(0.0, number(least=0))
    """US dollars after which it does, by the prices of the models file; 0 for no such sum."""
    mcp_servers: str | None = _setting(None, TEXT)
    """The MCP servers that requests may name: the path of a JSON file, or `ssm:<name>` of a parameter."""
    mcp_urls: bool | None = _setting(None, FLAG)
    """Whether any caller may name MCP servers by their addresses. By default only those of a laptop and of
    the library may, and keys that were made with `--mcp-urls`."""
    mcp_upstream: str = _setting("", TEXT)
    """Providers, with commas between, that speak this API and call the MCP servers that clients address by
    themselves."""
    mcp_list_failure: ListFailure = _setting("fail", one_of(*get_args(ListFailure)))
    """What comes of a response where an MCP server does not tell its tools: it fails, or goes on without
    them (`degrade`)."""
    mcp_list_seconds: int = _setting(10, whole(least=1, most=60))
    """How long a server may take to tell its tools."""
    mcp_list_ttl: int = _setting(300, whole(least=0, most=86_400))
    """Seconds for which the tools of a server that the operator named count as known."""
    mcp_call_seconds: int = _setting(60, whole(least=1, most=300))
    """How long one call of a tool may take."""
    mcp_result_bytes: int = _setting(4_194_304, whole(least=1_024))
    """Size of what a server answers to one call."""
    mcp_context_bytes: int = _setting(262_144, whole(least=1_024))
    """So much of one result is kept and shown to the model."""
    keep_alive_ms: int = _setting(15_000, whole(least=10))
    """Silence after which a stream gets a comment line."""
    done_marker: bool = _setting(False, FLAG)
    """End streams with `data: [DONE]`, as Open Responses specifies and the live API does not."""
    check_streams: bool = _setting(False, FLAG)
    """Check every stream against the event grammar while it is made; a fault is a bug, and is logged."""
    log_level: LogLevel = _setting("INFO", one_of(*get_args(LogLevel)))
    """What is worth a line in the log; `INFO` gives each exchange one."""

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store."""
        scheme, _, place = self.store.partition("://")
        return Path(place.removeprefix("/")) if scheme == "sqlite" else None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of that environment. Raises `SettingsError`."""
    given: Any = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    try:
        return Settings(**validator(_shape()).validate_strings(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper()
        if first["type"] == "extra_forbidden":
            raise SettingsError(f"{name} is not a setting of this server.") from None
        raise SettingsError(f"{name} cannot be used: {first['msg']}.") from None


def _shape() -> Shape:
    members = {
        each.name: {"type": "typed-dict-field", "required": False, "schema": each.metadata["shape"]}
        for each in fields(Settings)
    }
    return {"type": "typed-dict", "extra_behavior": "forbid", "fields": members}


def local_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """An environment with the store of this machine where it names none: SQLite in `$DATA_DIR` (`.data`)."""
    folder = environment.get("DATA_DIR") or ".data"
    return {"RESPONSES_STORE": f"sqlite:///{folder}/responses.db", **environment}
