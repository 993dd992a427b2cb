"""Where access tokens of Google's cloud come from, one class for each kind of credentials file.

The requests are those of https://google.aip.dev/auth (4111, 4112, 4113, 4117). Google's own library does
more, and would make the layer too large.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from lambda_responses.providers.aws import AwsCredentials, region_of, signed, unpaid
from lambda_responses.providers.base import ProviderSettingsError, UpstreamUnreachable
from lambda_responses.providers.framings import parsed_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_responses.providers.connections import Connections
    from lambda_responses.wire.json import Json

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LIFETIME = 3600
"""Seconds for which a token is asked for."""

_TOKEN_URL = "https://oauth2.googleapis.com/token"
_AWS_URL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
_PATIENCE = 10.0
"""Seconds for each request."""


class Token(NamedTuple):
    """An access token, and when it ends, in seconds since 1970."""

    value: str
    ends: float


class TokenSource(Protocol):
    """Somebody who gives tokens."""

    async def token(self) -> Token:
        """A fresh one. Raises `UpstreamRefused` (401) where it is refused, else `UpstreamUnreachable`."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """What sources need besides their file. `clock` tells seconds since 1970."""

    environment: Mapping[str, str]
    connections: Connections
    clock: Callable[[], float]

    async def ask(self, method: str, url: str, **options: Any) -> str:
        """The body of a successful answer. `options` are httpx's."""
        import httpx

        try:
            answer = await self.connections.client.request(method, url, timeout=_PATIENCE, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UpstreamUnreachable(f"google: {type(error).__name__} while asking for a token") from None
        if answer.status_code >= 500:
            raise UpstreamUnreachable(f"google: status {answer.status_code} while asking for a token")
        if not answer.is_success:
            raise unpaid()
        return answer.text

    async def granted(self, url: str, form: Mapping[str, str]) -> Token:
        """The token that a token endpoint grants for that form."""
        match parsed_object(await self.ask("POST", url, data=dict(form))):
            case {"access_token": str(value), "expires_in": int(seconds)}:
                return Token(value, self.clock() + seconds)
            case {"access_token": str(value)}:
                return Token(value, self.clock() + LIFETIME)
            case _:
                raise unpaid()


def token_source(info: Json, world: World) -> TokenSource:
    """The source for a credentials file of that content. Raises `ProviderSettingsError`, quoting no value."""
    try:
        return _source(info, world)
    except KeyError as error:
        raise ProviderSettingsError(f"{VARIABLE} has no member {error}.") from None


def _source(info: Json, world: World) -> TokenSource:
    match info.get("type"):
        case "service_account":
            url = info.get("token_uri") or _TOKEN_URL
            return ServiceAccount(
                info["client_email"], info["private_key"], info.get("private_key_id"), url, world
            )
        case "authorized_user":
            form = {key: info[key] for key in ("client_id", "client_secret", "refresh_token")}
            return Login(form, info.get("token_uri") or _TOKEN_URL, world)
        case "external_account":
            form = {key: info[key] for key in ("audience", "subject_token_type")}
            source = ForeignIdentity(form, info["token_url"], info["credential_source"], world)
            url = info.get("service_account_impersonation_url")
            return Guise(source, url, world) if url else source
        case "impersonated_service_account":
            return Guise(
                _source(info["source_credentials"], world), info["service_account_impersonation_url"], world
            )
        case _:
            raise ProviderSettingsError(f"{VARIABLE} is of a type that this server does not know.")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """An account with a private key, which signs what it claims to be."""

    email: str
    private_key: str
    key_id: str | None
    url: str
    world: World

    async def token(self) -> Token:
        """See `TokenSource.token`."""
        assertion = await asyncio.to_thread(self._assertion)
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return await self.world.granted(self.url, {"grant_type": grant, "assertion": assertion})

    def _assertion(self) -> str:
        import jwt

        now = int(self.world.clock())
        claims = {"iss": self.email, "scope": SCOPE, "aud": self.url, "iat": now, "exp": now + LIFETIME}
        headers = {"kid": self.key_id} if self.key_id else None
        try:
            return jwt.encode(claims, self.private_key, algorithm="RS256", headers=headers)
        except (jwt.PyJWTError, ValueError, TypeError):  # no key that can be read
            raise unpaid() from None


@dataclass(frozen=True, slots=True)
class Login:
    """A person who has logged in."""

    form: Mapping[str, str]
    url: str
    world: World

    async def token(self) -> Token:
        """See `TokenSource.token`."""
        return await self.world.granted(self.url, {"grant_type": "refresh_token", **self.form})


@dataclass(frozen=True, slots=True)
class ForeignIdentity:
    """An identity of another cloud or issuer, exchanged: AWS's own, or what a file or an address holds."""

    form: Mapping[str, str]
    url: str
    source: Json
    world: World

    def __post_init__(self) -> None:
        aws = str(self.source.get("environment_id", "")).startswith("aws")
        if not (aws or "file" in self.source or "url" in self.source):
            raise ProviderSettingsError(f"{VARIABLE} has a credential_source that this server does not know.")

    async def token(self) -> Token:
        """See `TokenSource.token`."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "scope": SCOPE,
            "subject_token": await self._subject_token(),
            **self.form,
        }
        return await self.world.granted(self.url, form)

    async def _subject_token(self) -> str:
        source = self.source
        if "environment_id" in source:
            return await asyncio.to_thread(self._signed_by_aws)
        if "file" in source:
            text = await asyncio.to_thread(_content_of, source["file"])
        else:
            text = await self.world.ask("GET", source["url"], headers=source.get("headers"))
        return self._read(text)

    def _read(self, text: str) -> str:
        """The token in what a file or an address holds: all of it, or a member of its JSON."""
        match self.source.get("format"):
            case {"type": "json", "subject_token_field_name": str(name)}:
                token = (parsed_object(text) or {}).get(name)
                if not isinstance(token, str):
                    raise unpaid()
                return token
            case _:
                return text.strip()

    def _signed_by_aws(self) -> str:
        """A request that asks AWS who signed it, for Google to send."""
        environment = self.world.environment
        keys, region = AwsCredentials(environment).keys(), region_of(environment)
        if keys is None or not region:
            raise unpaid()
        template = self.source.get("regional_cred_verification_url") or _AWS_URL
        url = str(template).replace("{region}", region)
        named = {"host": urlsplit(url).netloc, "x-goog-cloud-target-resource": self.form["audience"]}
        headers = signed(keys, "sts", region, url, b"", named)
        headers["Authorization"] = headers.pop("authorization")
        listed = [{"key": name, "value": value} for name, value in headers.items()]
        return quote(json.dumps({"url": url, "method": "POST", "headers": listed}))


@dataclass(frozen=True, slots=True)
class Guise:
    """A service account that another identity may act as."""

    source: TokenSource
    url: str
    world: World

    async def token(self) -> Token:
        """See `TokenSource.token`."""
        own = await self.source.token()
        text = await self.world.ask(
            "POST",
            self.url,
            headers={"authorization": f"Bearer {own.value}"},
            json={"scope": [SCOPE], "lifetime": f"{LIFETIME}s"},
        )
        match parsed_object(text):
            case {"accessToken": str(value)}:
                return Token(value, self.world.clock() + LIFETIME)
            case _:
                raise unpaid()


def _content_of(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise unpaid() from None


def read_credentials(environment: Mapping[str, str], *, logged_in: bool = True) -> Json | None:
    """What the credentials file holds; None where there is none. The variable may hold it itself.

    `logged_in` is whether the login of this machine's user counts where the variable says nothing. Raises
    `ProviderSettingsError` for what is named and cannot be used.
    """
    named = environment.get(VARIABLE, "").strip()
    path = Path(named).expanduser() if named else _path_of_login(environment) if logged_in else None
    text = named
    if not named.startswith("{"):
        if path is None or not (named or path.is_file()):
            return None
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise ProviderSettingsError(f"{VARIABLE} names a file that cannot be read.") from None
    info = parsed_object(text)
    if info is None:
        raise ProviderSettingsError(f"{VARIABLE} is neither a JSON object nor the path of one.")
    return info


def _path_of_login(environment: Mapping[str, str]) -> Path | None:
    """Where `gcloud auth application-default login` leaves its file."""
    if folder := environment.get("CLOUDSDK_CONFIG"):
        return Path(folder, "application_default_credentials.json")
    if home := environment.get("HOME"):
        return Path(home, ".config", "gcloud", "application_default_credentials.json")
    return None
