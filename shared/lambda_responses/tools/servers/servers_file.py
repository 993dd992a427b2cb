"""What an operator tells us about servers of tools, in the form that other MCP clients read too.

    {
      "mcpServers": {
        "dice": {"url": "https://dice.example.com/mcp"},
        "search": {
          "url": "https://search.example.com/mcp",
          "type": "http",                                       or "sse"; otherwise whichever it speaks
          "headers": {"x-team": "${TEAM}"},
          "auth": {"type": "bearer", "token": "${SEARCH_TOKEN}"},
          "description": "Our wiki and tickets.",
          "allowed_tools": ["find", "read"],                    or {"tool_names": […], "read_only": true}
          "require_approval": {"never": {"read_only": true}},   or "always", "never"
          "trusts_hints": true,                                 believe what its tools say of themselves
          "pins": {"find": "<sha256>", "read": "<sha256>"},     see `python -m lambda_responses mcp list`
          "defer_loading": true,                                offer its tools once they are searched for
          "call_seconds": 120, "list_seconds": 5, "list_ttl": 3600, "result_bytes": 65536,
          "context_bytes": 16384, "on_list_failure": "degrade",
          "tenants": ["acme"], "keys": ["key_0123456789abcdef"] whose requests may use it
        },
        "files": {"command": "mcp-files", "args": ["."], "env": {"TOKEN": "${FILES_TOKEN}"}}
      }
    }

`auth` is one of

    {"type": "bearer", "token": "${…}"}
    {"type": "header", "name": "x-api-key", "value": "${…}"}
    {"type": "oauth_client_credentials", "token_url": "https://…", "client_id": "…", "client_secret": "${…}",
     "scope": "…", "resource": "…", "in_body": false}
    {"type": "sigv4", "service": "lambda", "region": "eu-central-1"}
    {"type": "passthrough"}                                     what the caller brings along

`${NAME}` stands for a secret, in any string of `url`, `headers`, `auth`, `args` and `env`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import ValidationError

from lambda_responses.outbound.faults import Refused
from lambda_responses.outbound.urls import read_url
from lambda_responses.tools.approvals import ApprovalPolicy
from lambda_responses.tools.filters import read_filter
from lambda_responses.tools.servers.headers import is_field
from lambda_responses.tools.servers.registry import NamedServer
from lambda_responses.tools.servers.server import ClientCredentials, Http, SigV4, Stdio
from lambda_responses.wire.faults import path_to
from lambda_responses.wire.mcp_tools import ALLOWED_TOOLS, REQUIRE_APPROVAL
from lambda_responses.wire.shapes import (
    FLAG,
    NAMED,
    TEXT,
    by_type,
    list_of,
    map_of,
    need,
    one_of,
    record,
    text,
    validator,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.tools.servers.registry import Limits
    from lambda_responses.tools.servers.server import HttpKind
    from lambda_responses.wire.json import Json

NAME = text(pattern="^[A-Za-z0-9_-]{1,64}$")
"""A server's name is its label, unless a request gives it another one."""
AUTH = by_type(
    {
        "bearer": record(token=need(NAMED)),
        "header": record(name=need(NAMED), value=need(NAMED)),
        "oauth_client_credentials": record(
            token_url=need(NAMED),
            client_id=need(NAMED),
            client_secret=need(NAMED),
            scope=TEXT,
            resource=TEXT,
            in_body=FLAG,
        ),
        "sigv4": record(service=need(NAMED), region=need(NAMED)),
        "passthrough": record(),
    }
)
LIMITS = {
    "call_seconds": whole(least=1, most=300),
    "list_seconds": whole(least=1, most=60),
    "result_bytes": whole(least=1_024),
    "context_bytes": whole(least=1_024),
    "list_ttl": whole(least=0, most=86_400),
}
SERVER = record(
    {
        "url": NAMED,
        "command": NAMED,
        "args": list_of(TEXT),
        "env": map_of(TEXT),
        "type": one_of("http", "sse", "stdio"),
        "headers": map_of(TEXT),
        "auth": AUTH,
        "description": TEXT,
        "allowed_tools": ALLOWED_TOOLS,
        "require_approval": REQUIRE_APPROVAL,
        "trusts_hints": FLAG,
        "pins": map_of(text(pattern="^[0-9a-f]{64}$")),
        "defer_loading": FLAG,
        "on_list_failure": one_of("fail", "degrade"),
        "tenants": list_of(NAMED),
        "keys": list_of(NAMED),
        **LIMITS,
    }
)
FILE = record(mcpServers=map_of(SERVER, keys=NAME))
OF_URLS = ("headers", "auth")
OF_PROGRAMS = ("args", "env")

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class ServersFileError(Exception):
    """The file cannot be used; the message says why, without a period, and quotes no value."""


def read_servers_file(
    content: Any, *, secrets: Mapping[str, str], limits: Limits, programs: bool
) -> Mapping[str, NamedServer]:
    """The file's servers, in its order, once it is parsed. `programs`: whether it may name some to start.

    `secrets` are filled in by name; `limits` hold where the file says nothing else. Raises
    `ServersFileError`.
    """
    try:
        validator(FILE).validate_python(content)
    except ValidationError as error:
        raise _fault(error) from None
    entries: Mapping[str, Json] = content.get("mcpServers") or {}
    return {
        name: _Entry(name, {key: value for key, value in entry.items() if value is not None}, secrets).server(
            limits, programs=programs
        )
        for name, entry in entries.items()
    }


class _Entry:
    """One entry on its way to a server."""

    def __init__(self, name: str, entry: Json, secrets: Mapping[str, str]) -> None:
        self._name = name
        self._entry = entry
        self._secrets = secrets
        self._filled_in: set[str] = set()

    def server(self, limits: Limits, *, programs: bool) -> NamedServer:
        entry = self._entry
        where = self._where(programs=programs)
        headers, auth = self._credentials()
        own = {limit: entry[limit] for limit in LIMITS if limit in entry}
        if "on_list_failure" in entry:
            own["required"] = entry["on_list_failure"] == "fail"
        return NamedServer(
            self._name,
            where,
            replace(limits, **own),
            headers=headers,
            auth=auth,
            secrets=frozenset(self._filled_in),
            passthrough=entry.get("auth", {}).get("type") == "passthrough",
            description=entry.get("description"),
            allowed=(read_filter(entry["allowed_tools"]),) if "allowed_tools" in entry else (),
            approval=ApprovalPolicy.of(entry["require_approval"]) if "require_approval" in entry else None,
            deferred=entry.get("defer_loading", False),
            pins=entry.get("pins"),
            trusts_hints=entry.get("trusts_hints", False),
            tenants=frozenset(entry["tenants"]) if "tenants" in entry else None,
            keys=frozenset(entry["keys"]) if "keys" in entry else None,
        )

    def _where(self, *, programs: bool) -> Http | Stdio:
        entry, kind = self._entry, self._entry.get("type")
        if ("url" in entry) == ("command" in entry):
            raise self._refused("has to have either 'url' or 'command'")
        if "url" in entry:
            self._refuse(OF_PROGRAMS, "a server with a 'url'")
            if kind == "stdio":
                raise self._refused("has a 'url', and is not of the type 'stdio'")
            return Http(self._address("url", entry["url"]), _KINDS[kind])
        self._refuse(OF_URLS, "a program to start")
        if kind not in (None, "stdio"):
            raise self._refused("has a 'command', and is of no type but 'stdio'")
        if not programs:
            raise self._refused(
                "is a program to start, which functions cannot do; name a server by its 'url'"
            )
        args = tuple(self._filled(f"args[{at}]", arg) for at, arg in enumerate(entry.get("args", ())))
        env = {name: self._filled(f"env.{name}", value) for name, value in entry.get("env", {}).items()}
        return Stdio(entry["command"], args, env)

    def _credentials(self) -> tuple[dict[str, str], ClientCredentials | SigV4 | None]:
        """The headers of every request, and what else it takes."""
        headers: dict[str, str] = {}
        for name, value in self._entry.get("headers", {}).items():
            self._add(headers, f"headers.{name}", name, value)
        auth = self._entry.get("auth", {})
        match auth.get("type"):
            case "bearer":
                self._add(headers, "auth.token", "authorization", f"Bearer {auth['token']}")
            case "header":
                self._add(headers, "auth.value", auth["name"], auth["value"])
            case "oauth_client_credentials":
                return headers, ClientCredentials(
                    self._address("auth.token_url", auth["token_url"]),
                    self._filled("auth.client_id", auth["client_id"]),
                    self._filled("auth.client_secret", auth["client_secret"]),
                    auth.get("scope"),
                    auth.get("resource"),
                    auth.get("in_body") or False,
                )
            case "sigv4":
                return headers, SigV4(auth["service"], auth["region"])
            case _:
                pass
        return headers, None

    def _add(self, headers: dict[str, str], path: str, name: str, value: str) -> None:
        value = self._filled(path, value)
        if not is_field(name, value):
            raise self._refused(f"{path} is no header that can be sent")
        if name.lower() in headers:
            raise self._refused(f"{path} is a header that it has already")
        headers[name.lower()] = value

    def _address(self, path: str, value: str) -> str:
        try:
            return read_url(self._filled(path, value)).url
        except Refused:
            raise self._refused(f"{path} is not a plain http or https address") from None

    def _filled(self, path: str, value: str) -> str:
        """A text with its secrets."""

        def secret(found: re.Match[str]) -> str:
            if found[1] not in self._secrets:
                raise self._refused(f"{path} needs {found[1]}, which is not set")
            self._filled_in.add(self._secrets[found[1]])
            return self._secrets[found[1]]

        return _SECRET.sub(secret, value)

    def _refuse(self, members: tuple[str, ...], what: str) -> None:
        for member in members:
            if member in self._entry:
                raise self._refused(f"{member} is not for {what}")

    def _refused(self, reason: str) -> ServersFileError:
        return ServersFileError(
            f"mcpServers.{self._name} {reason}"
            if reason.startswith(_VERBS)
            else f"mcpServers.{self._name}.{reason}"
        )


_VERBS = ("has ", "is ")
_KINDS: Mapping[str | None, HttpKind] = {None: "auto", "http": "http", "sse": "sse"}


def _fault(error: ValidationError) -> ServersFileError:
    first = error.errors(include_url=False, include_input=False)[0]
    *above, last = first["loc"] or ("",)
    match first["type"]:
        case "extra_forbidden":
            return ServersFileError(f"{_place(above)} has no member {str(last)[:100]!r}")
        case "string_pattern_mismatch" if last == "[key]":
            return ServersFileError(
                f"{_place(above[:-1])} holds a name that is not 1 to 64 letters, digits, _ or -"
            )
        case "missing":
            return ServersFileError(f"{_place(above)} has no {str(last)!r}")
        case "not_one_of_types" | "not_one_of_kinds":
            return ServersFileError(f"{_place(first['loc'])} is none of {first.get('ctx', {})['expected']}")
        case _:
            return ServersFileError(f"{_place(first['loc'])}: {first['msg']}")


def _place(location: Any) -> str:
    return path_to("", location).removeprefix(".") or "the file"
