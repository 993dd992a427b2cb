"""What is hosted, as far as a request can tell: functions, routes, who may ask, what strangers are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping
    from pathlib import Path

    from infra.host.template import Json

IAM = "AWS_IAM"
"""What stands in an authorizer's place where callers sign."""
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
"""The variable that names the script by which a function is started."""


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A function's own address. On this host every function has one, for the sake of its events."""

    auth: str
    """`NONE` or `AWS_IAM`."""
    streams: bool


@dataclass(frozen=True, slots=True)
class Function:
    """One function."""

    logical_id: str
    name: str
    arn: str
    """As it is invoked: with its alias, where it has one."""
    region: str
    version: str
    runtime: str
    handler: str
    folder: Path
    """The task root."""
    layers: tuple[Path, ...]
    """Folders that are `/opt` on Lambda."""
    timeout: float
    """Seconds."""
    memory: int
    """Megabytes."""
    environment: Mapping[str, str]
    log_group: str
    log_format: str
    snap_start: bool
    url: FunctionUrl
    limit: int | None = None
    """Instances that it may have, where it has some reserved."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path of the REST API."""

    method: str
    """Upper case, or `ANY`."""
    path: str
    """Such as `/responses/{response_id}`: below the stage."""
    function: Function
    authorizer: str | None
    """The name of an authorizer, `AWS_IAM`, or nobody."""
    streams: bool
    timeout: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A TOKEN authorizer."""

    function: Function
    header: str
    pattern: re.Pattern[str] | None
    """What a token must look like for the function to be asked."""
    seconds: int
    """How long an answer is kept."""


@dataclass(frozen=True, slots=True)
class GatewayResponse:
    """What API Gateway answers by itself, as far as the template says."""

    status: int | None
    headers: Mapping[str, str]
    """Names, and values as the template has them: `'*'` in quotes of its own, or `context.requestId`."""
    template: str | None
    """Of `application/json`."""


@dataclass(frozen=True, slots=True)
class Cors:
    """What a preflight is answered, by header; the methods where the template names them."""

    headers: Mapping[str, str]
    methods: str | None
    authorized: bool
    """Whether the default authorizer stands before it."""


@dataclass(frozen=True, slots=True)
class RestApi:
    """The API Gateway of the template."""

    stage: str
    routes: tuple[Route, ...]
    authorizers: Mapping[str, Authorizer]
    default_authorizer: str | None
    cors: Cors | None
    responses: Mapping[str, GatewayResponse]
    binary: tuple[str, ...] = ()
    """Media types that are passed in base64."""


@dataclass(frozen=True, slots=True)
class DeclaredQueue:
    """A queue."""

    name: str
    url: str
    arn: str
    visibility: float
    """Seconds for which nobody else sees what somebody received."""
    aside: str | None
    """The logical id of its dead-letter queue."""
    receives: int
    """How often a message is received before it goes there."""


@dataclass(frozen=True, slots=True)
class QueueSource:
    """An event source mapping from a queue to a function."""

    queue: str
    """Its logical id."""
    arn: str
    function: Function
    batch: int
    """Messages of one event."""
    partial: bool
    """Whether the function says which messages of an event failed."""
    most: int | None
    """Events at a time."""


@dataclass(frozen=True, slots=True)
class TableSource:
    """An event source mapping from what is written into a table to a function."""

    function: Function
    batch: int
    patterns: tuple[Json, ...]
    """What a record has to look like; any will do where there are none."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """What calls a function again and again."""

    name: str
    function: Function
    seconds: float
    event: str | None
    """JSON in place of the usual event."""


@dataclass(frozen=True, slots=True)
class EventSources:
    """What calls functions that no client asks for."""

    queues: Mapping[str, DeclaredQueue]
    """By logical id."""
    mappings: tuple[QueueSource, ...]
    tables: tuple[TableSource, ...]
    schedules: tuple[Schedule, ...]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that is hosted."""

    functions: Mapping[str, Function]
    """By logical id."""
    api: RestApi
    sources: EventSources
    region: str


def unquoted(value: str) -> str:
    """A static value of API Gateway, without the quotes that say that it is one."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == "'" else value
