"""An OAuth provider for tests: its keys, the tokens that it signs, and its documents."""

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

__all__ = ["AUDIENCE", "ISSUER", "Issuer", "unsigned"]

ISSUER = "https://idp.example.com/realms/one"
AUDIENCE = "https://mcp.example.com/mcp"


@cache
def private_key(kind: str, number: int) -> Any:
    """The same key for the same number."""
    if kind == "RSA":
        return rsa.generate_private_key(65_537, 2_048)
    if kind == "short RSA":
        return rsa.generate_private_key(65_537, 1_024)
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA", "short RSA": "RS256"}


class Issuer:
    """One provider with its keys by id."""

    def __init__(self, url: str = ISSUER, **kinds: str) -> None:
        self.url = url
        self.kinds = kinds or {"k1": "RSA"}

    def public(self, kid: str) -> dict[str, Any]:
        """A key as its document shows it."""
        kind = self.kinds[kid]
        algorithm = jwt.get_algorithm_by_name(ALGORITHMS[kind])
        key = private_key(kind, hash(kid)).public_key()
        shown = json.loads(algorithm.to_jwk(key))
        return {**shown, "kid": kid, "use": "sig"}

    def jwks(self) -> bytes:
        """The document of the keys."""
        return json.dumps({"keys": [self.public(kid) for kid in self.kinds]}).encode()

    def metadata(self, **changes: Any) -> bytes:
        """The document that says where the keys are."""
        found = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return json.dumps({**found, **changes}).encode()

    def sign(
        self,
        kid: str = "k1",
        *,
        headers: Mapping[str, Any] | None = None,
        without: tuple[str, ...] = (),
        **claims: Any,
    ) -> str:
        """An access token; it begins at 900 and ends at 2000 unless the test says otherwise."""
        kind = self.kinds[kid]
        whole = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ana",
            "iat": 900,
            "exp": 2_000,
            "scope": "mcp",
            **claims,
        }
        shown = {"kid": kid, **(headers or {})}
        return jwt.encode(
            {name: value for name, value in whole.items() if name not in without},
            private_key(kind, hash(kid)),
            algorithm=ALGORITHMS[kind],
            headers={name: value for name, value in shown.items() if value is not None},
        )


def unsigned(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """A token that somebody has put together by hand."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    return ".".join(
        [part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature)]
    )
