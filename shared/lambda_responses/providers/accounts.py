"""Whose credentials pay for a provider, and where they are taken: of a key, or of one of the large clouds.

An account reads the environment once and raises `ProviderSettingsError` for what in it cannot be used. It
asks nobody for anything before there is a request.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from lambda_responses.providers.addresses import is_address, is_loopback, moved
from lambda_responses.providers.base import ProviderSettingsError
from lambda_responses.providers.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambda_responses.providers.base import Credential
    from lambda_responses.providers.catalog import Row, Way
    from lambda_responses.providers.connections import Connections
    from lambda_responses.wire.json import Json


class Door(NamedTuple):
    """Where requests of one way go, and what goes with them."""

    base_url: str
    query: str = ""
    credential: Credential | None = None


class Account(Protocol):
    """One provider's, in this environment."""

    named: bool
    """Whether the environment says anything about this provider."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request carries: the key."""
        ...

    @property
    def missing(self) -> str | None:
        """The variable without which nothing can be called."""
        ...

    def door(self, way: Way) -> Door:
        """Where models of that way are; not to be asked for while something is missing."""
        ...


def account_of(row: Row, environment: Mapping[str, str], connections: Connections) -> Account:
    """The row's. Raises `ProviderSettingsError`."""
    match row.account:
        case "key":
            return KeyAccount(row, environment)
        case "azure":
            return AzureAccount(row, environment)
        case "aws":
            return AwsAccount(row, environment)
        case "google":
            return GoogleAccount(row, environment, connections)


class KeyAccount:
    """A key, which every request carries in a header, and one address."""

    def __init__(self, row: Row, environment: Mapping[str, str]) -> None:
        key = first_set(environment, f"{row.env_prefix}_API_KEY", *row.keys)
        version = first_set(environment, f"{row.env_prefix}_API_VERSION")
        self._row = row
        self._root = own_root(row, environment)
        self._query = version_query(version)
        self.named = bool(key or version or first_set(environment, f"{row.env_prefix}_BASE_URL"))
        self.headers = key_header(row, key)

    @property
    def missing(self) -> str | None:
        """See `Account.missing`."""
        row = self._row
        if not (self._root or row.base_url):
            return f"{row.env_prefix}_BASE_URL"
        return None if self._root or self.headers or not row.needs_key else f"{row.env_prefix}_API_KEY"

    def door(self, way: Way) -> Door:
        """See `Account.door`."""
        return Door(self._root or way.base_url or self._row.base_url, self._query)


class AzureAccount:
    """A resource of Azure's, with a key or a token of Entra's.

    Its API of today is at `…/openai/v1`. An API of a dated version is at addresses of its own, where each
    deployment has one for chat; it is meant where a version is set and the address is the resource's alone.
    """

    def __init__(self, row: Row, environment: Mapping[str, str]) -> None:
        prefix = row.env_prefix
        key = first_set(environment, f"{prefix}_API_KEY", *row.keys)
        token = first_set(environment, f"{prefix}_AD_TOKEN")
        version = first_set(environment, f"{prefix}_API_VERSION")
        named = root_in(environment, f"{prefix}_ENDPOINT")
        self._root = own_root(row, environment) or named
        self._dated = version[:1].isdecimal()
        self._query = version_query(version)
        self.named = bool(key or token or version or self._root)
        self.headers = key_header(row, key)
        if token and not key:
            self.headers = {"authorization": f"Bearer {checked(token, f'{prefix}_AD_TOKEN')}"}
        self.missing = None if self._root else f"{prefix}_BASE_URL"

    def door(self, way: Way) -> Door:
        """See `Account.door`."""
        resource = self._root.removesuffix("/openai")
        if urlsplit(resource).path:
            return Door(self._root, self._query)
        if not self._dated:
            return Door(f"{resource}/openai/v1", self._query)
        deployment = "/deployments/{model}" if way.format == "chat_completions" else ""
        return Door(f"{resource}/openai{deployment}", self._query)


class AwsAccount:
    """This machine's AWS account, or a key of Bedrock's, in a region."""

    def __init__(self, row: Row, environment: Mapping[str, str]) -> None:
        from lambda_responses.providers.aws import AwsCredentials, region_of

        prefix = row.env_prefix
        key = first_set(environment, f"{prefix}_API_KEY", "AWS_BEARER_TOKEN_BEDROCK")
        root = own_root(row, environment)
        self._roots = {
            service: root or root_in(environment, variable) for service, variable in _AWS_ENDPOINTS.items()
        }
        own = [each for each in self._roots.values() if each]
        self._row = row
        self._region = region_of(environment)
        self._credentials = AwsCredentials(environment, asks_instance=not any(map(is_loopback, own)))
        self.named = bool(key or own)
        self.headers = key_header(row, key)
        self.missing = None if self._region or own else "AWS_REGION"

    def door(self, way: Way) -> Door:
        """See `Account.door`."""
        from lambda_responses.providers.aws import AwsSignature

        region = self._region or _REGION_OF_NOWHERE
        base_url = (way.base_url or self._row.base_url).replace("{region}", region)
        root = self._roots[way.service]
        if root:
            base_url = moved(base_url, root)
        if self.headers:
            return Door(base_url)
        signature = AwsSignature(way.service, region, self._credentials, optional=bool(root))
        return Door(base_url, credential=signature)


class GoogleAccount:
    """A project in Google's cloud, in a location; or a key, for which Google knows the project."""

    def __init__(self, row: Row, environment: Mapping[str, str], connections: Connections) -> None:
        prefix = row.env_prefix
        key = first_set(environment, f"{prefix}_API_KEY", *row.keys)
        project = first_set(environment, f"{prefix}_PROJECT")
        location = first_set(environment, f"{prefix}_LOCATION")
        self._row = row
        self._environment = environment
        self._connections = connections
        self._root = own_root(row, environment)
        self._project = project or first_set(environment, "GOOGLE_CLOUD_PROJECT")
        self._location = location or first_set(environment, "GOOGLE_CLOUD_LOCATION") or "global"
        self.named = bool(key or project or location or self._root)
        self.headers = key_header(row, key)
        if self.named:
            _ = self._info  # so that what cannot be used stops the start

    @property
    def missing(self) -> str | None:
        """See `Account.missing`."""
        if self.headers or self._root:
            return None
        try:
            info = self._info
        except ProviderSettingsError:
            info = None
        if info is None:
            return "GOOGLE_APPLICATION_CREDENTIALS"
        return None if self._project_of(info) else f"{self._row.env_prefix}_PROJECT"

    def door(self, way: Way) -> Door:
        """See `Account.door`."""
        from lambda_responses.providers.google import host_of

        base_url = way.base_url or self._row.base_url
        project = self._project_of(self._info or {})
        if self.headers or not project:
            base_url = base_url.replace("projects/{project}/locations/{location}/", "")
            base_url = base_url.replace("{host}", host_of("global"))
        known = {"host": host_of(self._location), "project": project, "location": self._location}
        for name, value in known.items():
            base_url = base_url.replace(f"{{{name}}}", value)
        if self._root:
            base_url = self._root if "/publishers" in self._root else moved(base_url, self._root)
        return Door(base_url, credential=self._credential)

    @cached_property
    def _info(self) -> Json | None:
        """The credentials file's. At an address of the operator's own nobody's login counts unasked."""
        from lambda_responses.providers.google_tokens import read_credentials

        return None if self.headers else read_credentials(self._environment, logged_in=not self._root)

    @cached_property
    def _credential(self) -> Credential | None:
        from lambda_responses.providers.google import google_token

        info = self._info
        return google_token(info, self._environment, self._connections) if info else None

    def _project_of(self, info: Json) -> str:
        return self._project or str(info.get("project_id") or info.get("quota_project_id") or "")


_AWS_ENDPOINTS = {
    "bedrock": "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "bedrock-mantle": "AWS_ENDPOINT_URL_BEDROCK_MANTLE",
}
_REGION_OF_NOWHERE = "us-east-1"
"""For a signature that goes to an operator's own address, where no region is named."""


def first_set(environment: Mapping[str, str], *names: str) -> str:
    """The first of these variables that says something; empty where none does."""
    return next((value for name in names if (value := environment.get(name, "").strip())), "")


def own_root(row: Row, environment: Mapping[str, str]) -> str:
    """The address that the operator gives instead of the documented one; empty where none is given."""
    documented = CATALOG[row.name].base_url if row.name in CATALOG else ""
    changed = row.base_url if row.base_url != documented else ""
    return root_in(environment, f"{row.env_prefix}_BASE_URL") or changed.rstrip("/")


def root_in(environment: Mapping[str, str], variable: str) -> str:
    """The address in that variable, without a slash at its end. Raises `ProviderSettingsError`."""
    url = first_set(environment, variable)
    if url and not is_address(url):
        raise ProviderSettingsError(f"{variable} is not an http or https address.")
    return url.rstrip("/")


def version_query(version: str) -> str:
    """The query that asks for a version of an API."""
    return f"api-version={quote(version)}" if version else ""


def key_header(row: Row, key: str) -> dict[str, str]:
    """The header that carries a key; none without one. Raises `ProviderSettingsError`."""
    if not key:
        return {}
    key = checked(key, f"{row.env_prefix}_API_KEY")
    return {"authorization": f"Bearer {key}"} if row.auth == "bearer" else {row.auth: key}


def checked(key: str, variable: str) -> str:
    """The key, if a header may hold it. Raises `ProviderSettingsError`."""
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ProviderSettingsError(f"{variable} holds characters that no header may hold.")
    return key
