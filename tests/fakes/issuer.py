"""An issuer of tokens: private keys, the documents that tell of the public ones, and tokens to order."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lambda_responses.outbound.client import Answer

ISSUER = "https://issuer.example/tenant"
AUDIENCE = "responses"
CONFIGURATION = f"{ISSUER}/.well-known/openid-configuration"
JWKS = "https://keys.example/jwks.json"


def private_key(kind: str, number: int = 0) -> Any:
    """A key of that kind; of one number always the same."""
    return _made(kind, number)


@cache
def _made(kind: str, _number: int) -> Any:
    match kind:
        case "RSA":
            return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        case "weak":
            return rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
        case "P-256":
            return ec.generate_private_key(ec.SECP256R1())
        case "P-384":
            return ec.generate_private_key(ec.SECP384R1())
        case "P-521":
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return ed25519.Ed25519PrivateKey.generate()


ALGORITHM_OF = {
    "RSA": "RS256",
    "weak": "RS256",
    "P-256": "ES256",
    "P-384": "ES384",
    "P-521": "ES512",
    "Ed25519": "EdDSA",
}


def public_jwk(kind: str, number: int = 0, **members: Any) -> dict[str, Any]:
    """The public half of a key, as an issuer publishes it."""
    algorithm: Any = jwt.get_algorithm_by_name(ALGORITHM_OF[kind])
    published = json.loads(algorithm.to_jwk(private_key(kind, number).public_key()))
    published.pop("key_ops", None)
    return {**published, **members}


def claims(**changed: Any) -> dict[str, Any]:
    """What a good token says; what is changed to None is left out."""
    now = int(time.time())
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    } | changed
    return {name: value for name, value in said.items() if value is not None}


def token(
    kind: str = "RSA", number: int = 0, *, kid: str | None = "k0", algorithm: str = "", **changed: Any
) -> str:
    """A token, signed."""
    headers = {"kid": kid} if kid is not None else None
    return jwt.encode(claims(**changed), private_key(kind, number), algorithm or ALGORITHM_OF[kind], headers)


@dataclass
class Documents:
    """`Outbound`, as far as an issuer's documents go: notes what is asked for, and may fail."""

    keys: list[Any] = field(default_factory=lambda: [public_jwk("RSA", kid="k0", use="sig")])
    asked: list[str] = field(default_factory=list[str])
    fault: Exception | None = None
    status: int = 200
    configuration: Any = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": JWKS})

    async def request(self, method: str, url: str, *, largest: int) -> Answer:
        self.asked.append(url)
        if self.fault is not None:
            raise self.fault
        document = self.configuration if url == CONFIGURATION else {"keys": self.keys}
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        assert len(data) <= largest
        return Answer(self.status, {"content-type": "application/json"}, data)
