"""How AWS is paid: requests signed with whatever credentials this machine has, by botocore.

botocore comes with Lambda's runtime and is imported for the first request that is to be signed. Looking for
credentials may read files and ask other servers, so it happens on a thread, as signing does.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from lambda_responses.providers.base import UpstreamRefused
from lambda_responses.transformers.base import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


class Keys(NamedTuple):
    """What a signature is made with, at one moment. Its members are named as botocore reads them."""

    access_key: str
    secret_key: str
    token: str | None


class AwsCredentials:
    """The credentials of this machine: of the environment, else of botocore's chain, which renews them."""

    def __init__(self, environment: Mapping[str, str], *, asks_instance: bool = True) -> None:
        """`asks_instance`: whether to ask the service that EC2 instances have. Elsewhere it takes seconds."""
        self._given = _given_keys(environment)
        self._asks_instance = asks_instance
        self._looking = threading.Lock()
        self._found: Any = None
        self._looked = False

    def keys(self) -> Keys | None:
        """The keys that count now; None where there are none. Blocks.

        Raises `UpstreamRefused` where there should be some that cannot be had: botocore has dozens of words
        for an expired login or a role that nobody reaches.
        """
        if self._given is not None:
            return self._given
        try:
            with self._looking:
                if not self._looked:
                    self._found = self._look()
                    self._looked = True
            frozen = self._found.get_frozen_credentials() if self._found is not None else None
        except Exception:
            raise unpaid() from None
        return Keys(frozen.access_key, frozen.secret_key, frozen.token) if frozen is not None else None

    def _look(self) -> Any:
        from botocore.session import Session

        session = Session()
        if not self._asks_instance:
            resolver: Any = session.get_component("credential_provider")
            resolver.remove("iam-role")
        return session.get_credentials()


class AwsSignature:
    """`Credential` of an AWS service in a region. Where `optional`, no credentials mean no signature."""

    def __init__(
        self, service: str, region: str, credentials: AwsCredentials, *, optional: bool = False
    ) -> None:
        self.service = service
        self.region = region
        self._credentials = credentials
        self._optional = optional

    async def headers_for(self, url: str, body: bytes) -> Mapping[str, str]:
        """See `Credential.headers_for`."""
        return await asyncio.to_thread(self._sign, url, body)

    def _sign(self, url: str, body: bytes) -> Mapping[str, str]:
        keys = self._credentials.keys()
        if keys is None:
            if self._optional:
                return {}
            raise unpaid()
        headers = {"content-type": "application/json"}
        return signed(keys, self.service, self.region, url, body, headers)


def unpaid() -> UpstreamRefused:
    """What a provider says of credentials that it does not take, for those that do not even get there."""
    return UpstreamRefused(UpstreamFailure(401, {}, ""))


def signed(
    keys: Keys, service: str, region: str, url: str, body: bytes, headers: Mapping[str, str]
) -> dict[str, str]:
    """These headers of a POST, and those that sign it (Signature Version 4), with names in lower case."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request: Any = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    signer: Any = SigV4Auth
    signer(keys, service, region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def region_of(environment: Mapping[str, str]) -> str:
    """The region that this environment, or the profile that it names, is about; empty where none is."""
    given = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return (given or _profile_region(environment)).strip()


def _profile_region(environment: Mapping[str, str]) -> str:
    from configparser import ConfigParser, Error
    from pathlib import Path

    path = environment.get("AWS_CONFIG_FILE") or (
        f"{environment['HOME']}/.aws/config" if environment.get("HOME") else ""
    )
    if not path:
        return ""
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    section = profile if profile == "default" else f"profile {profile}"
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(Path(path).expanduser(), encoding="utf-8")
    except (OSError, Error, UnicodeDecodeError):
        return ""
    return parser.get(section, "region", fallback="")


def _given_keys(environment: Mapping[str, str]) -> Keys | None:
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not (access and secret):
        return None
    return Keys(access, secret, environment.get("AWS_SESSION_TOKEN") or None)
