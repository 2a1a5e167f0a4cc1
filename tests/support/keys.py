"""Key pairs for tests, in the forms in which people keep them."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

__all__ = [
    "der",
    "edwards_pem",
    "elliptic_pem",
    "fingerprint",
    "pem",
    "public_of",
    "public_pem",
    "self_signed",
    "small_pem",
]

_NONE = serialization.NoEncryption()


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


def _encryption(password: str | None) -> serialization.KeySerializationEncryption:
    return serialization.BestAvailableEncryption(password.encode()) if password else _NONE


def pem(number: int = 1, password: str | None = None) -> bytes:
    """The private key of that number as PEM."""
    return _key(number).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _encryption(password)
    )


def der(number: int = 1, password: str | None = None) -> bytes:
    """The same as DER."""
    return _key(number).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, _encryption(password)
    )


def public_pem(number: int = 1) -> bytes:
    """Its public half, as ALTER USER ... SET RSA_PUBLIC_KEY takes it."""
    return (
        _key(number)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def elliptic_pem() -> bytes:
    """A private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _NONE
    )


def public_of(private: bytes) -> bytes:
    """The public half of a private key in PEM."""
    return (
        serialization.load_pem_private_key(private, None)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def fingerprint(public: bytes) -> str:
    """The fingerprint that DESCRIBE USER shows of a public key."""
    data = serialization.load_pem_public_key(public).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def small_pem() -> bytes:
    """An RSA key of 1024 bits, which is too weak."""
    return rsa.generate_private_key(65_537, 1_024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _NONE
    )


def edwards_pem() -> bytes:
    """An Ed25519 key, a kind that Snowflake does not take."""
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _NONE
    )


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a host that signs itself, and its key, as files."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, _key(9).public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(_key(9), hashes.SHA256())
    )
    files = folder / "self-signed.pem", folder / "self-signed.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(pem(9))
    return files
