"""Private keys in every form that people keep them in, as the one form that drivers take."""

import base64
import binascii
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["KeyUnusableError", "private_key_der"]

_PEM: Final = b"-----BEGIN "
_MIN_RSA_BITS: Final = 2_048


class KeyUnusableError(Exception):
    """It is no key that Snowflake would take; the text says why and holds nothing of the key."""


def private_key_der(data: bytes, password: str | None) -> bytes:
    """The key as unencrypted PKCS#8 in DER; some milliseconds of work for an encrypted one.

    Args:
        data: PEM, DER, or the base64 of DER, as a file or a variable holds it.
        password: for an encrypted key.

    Raises:
        KeyUnusableError: it is not a private key, the password is missing or wrong, or Snowflake
            does not take keys of this kind.
    """
    secret = password.encode() if password else None
    try:
        if data.lstrip().startswith(_PEM):
            key = serialization.load_pem_private_key(data.strip() + b"\n", secret)
        else:
            key = serialization.load_der_private_key(_decoded(data), secret)
    except TypeError:
        # The library tells these two apart from a wrong password only by their type.
        needed = "is not encrypted: leave its password out" if secret else "is encrypted: give"
        raise KeyUnusableError(
            needed if secret else f"{needed} private_key_password (private_key_password_file)"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        why = "or its password is wrong" if secret else "(PEM, DER or base64 of DER, PKCS#8)"
        raise KeyUnusableError(f"is not a private key {why}") from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < _MIN_RSA_BITS:
            raise KeyUnusableError(f"has {key.key_size} bits; Snowflake takes RSA from 2048 on")
    elif not isinstance(key, EllipticCurvePrivateKey):
        raise KeyUnusableError("is neither RSA nor ECDSA, which is what Snowflake takes")
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _decoded(data: bytes) -> bytes:
    """DER, out of its base64 where it is that."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        return data
