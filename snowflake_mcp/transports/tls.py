"""TLS of our own: the certificate that is shown, the ones that are asked for, and what they say.

The values are those of Mozilla's intermediate profile (ssl-config.mozilla.org, version 5.7),
without its finite-field ciphers, which no client of the last ten years needs.
"""

# mypy: allow-untyped-calls

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import (
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from snowflake_mcp.config.model import TlsSettings

__all__ = ["Certificates", "certificates", "handshake_failure", "name_of"]

CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""Of TLS 1.2; those of TLS 1.3 are all good, and none is left out."""
CURVES: Final = b"X25519:P-256:P-384"
_ALPN: Final = b"http/1.1"
_VERSIONS: Final = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
_VERIFY: Final = {
    "required": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
    "optional": SSL.VERIFY_PEER,
}
_NAME_CHARS: Final = 200
_DAY_S: Final = 86_400.0
_log = Logger()

Names = Callable[[x509.Certificate], list[str]]


def _common_names(certificate: x509.Certificate) -> list[str]:
    attributes = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [str(attribute.value) for attribute in attributes]


def _alternatives(kind: type[x509.GeneralName]) -> Names:
    def names(certificate: x509.Certificate) -> list[str]:
        try:
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        return [str(each.value) for each in found.value if isinstance(each, kind)]

    return names


_KINDS: Final[dict[str, Names]] = {
    "common_name": _common_names,
    "dns": _alternatives(x509.DNSName),
    "email": _alternatives(x509.RFC822Name),
    "uri": _alternatives(x509.UniformResourceIdentifier),
}


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """What every new handshake is made with; reactor thread only but for its making.

    ``load`` reads the files again. Open connections keep what they were made with.
    """

    def __init__(self, settings: TlsSettings, wall_clock: Callable[[], float]) -> None:
        """Read the files.

        Raises:
            ValueError: a file or a setting cannot be used.
        """
        for name, known in (
            ("min_version", _VERSIONS),
            ("client_certificate", _VERIFY),
            ("client_name", _KINDS),
        ):
            if (value := getattr(settings, name)) not in known:
                raise ValueError(f"tls.{name}: {value!r} is none of {', '.join(known)}")
        self._settings = settings
        self._wall_clock = wall_clock
        self._context, self._certificate = _context(settings)

    @property
    def settings(self) -> TlsSettings:
        """What it was made of."""
        return self._settings

    @property
    def expires_s(self) -> float:
        """When the certificate ends, in seconds since the epoch."""
        return self._certificate.not_valid_after_utc.timestamp()

    @property
    def days_left(self) -> float:
        """Days until the certificate ends; negative once it has."""
        return (self.expires_s - self._wall_clock()) / _DAY_S

    def load(self) -> bool:
        """Read the files again; what cannot be used changes nothing, and is logged."""
        try:
            self._context, self._certificate = _context(self._settings)
        except ValueError as error:
            _log.error("the certificate is not changed: {error}", error=str(error))
            return False
        _log.info("new connections are made with the certificate that {state}", state=self.state())
        return True

    def state(self) -> str:
        """Until when it is valid, for people."""
        day = f"{datetime.fromtimestamp(self.expires_s, UTC):%Y-%m-%d %H:%M} UTC"
        return f"expires {day}" if self.days_left >= 0 else f"expired {day}"

    def snapshot(self) -> dict[str, Any]:
        """For /status."""
        asked = bool(self._settings.client_ca_file)
        return {
            "certificate": self._certificate.subject.rfc4514_string()[:_NAME_CHARS],
            "expires": datetime.fromtimestamp(self.expires_s, UTC).isoformat(timespec="seconds"),
            "days_left": round(self.days_left, 1),
            "client_certificate": self._settings.client_certificate if asked else "none",
        }

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Begin a handshake with what was read last."""
        return SSL.Connection(self._context, None)

    def wrap(self, factory: IProtocolFactory, clock: IReactorTime) -> IProtocolFactory:
        """The same server, spoken to through TLS."""
        return TLSMemoryBIOFactory(self, False, factory, clock)


def certificates(settings: TlsSettings, wall_clock: Callable[[], float]) -> Certificates | None:
    """The certificates of a configuration; ``None`` where TLS is not configured.

    Raises:
        ValueError: it is configured by halves, or a file cannot be used.
    """
    if settings.certificate_file:
        return Certificates(settings, wall_clock)
    if settings.key_file or settings.client_ca_file:
        raise ValueError("tls.certificate_file: is needed as well")
    return None


def name_of(transport: Any, kind: str) -> str | None:
    """The name in the client's verified certificate, by ``tls.client_name``.

    Only one kind of name is ever read, so that a name that a CA gives as one kind is never taken
    for another. ``None`` without a certificate, or with none or several names of that kind.
    """
    certificate = getattr(transport, "getPeerCertificate", lambda: None)()
    if certificate is None:
        return None
    names = _KINDS[kind](certificate.to_cryptography())
    if len(names) != 1 or not names[0].isprintable() or not 0 < len(names[0]) <= _NAME_CHARS:
        return None
    return names[0]


def handshake_failure(reason: Failure) -> str | None:
    """OpenSSL's words for a connection that TLS ended; ``None`` when it was not TLS."""
    if reason.check(SSL.Error) is None:
        return None
    arguments: Any = getattr(reason.value, "args", ())
    told = arguments[0] if arguments else ()
    words = [str(part[-1]) for part in told if part] if isinstance(told, list | tuple) else []
    return ", ".join(words) or "unexpected end"


def _context(settings: TlsSettings) -> tuple[SSL.Context, x509.Certificate]:
    chain = _chain(settings.certificate_file)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(_VERSIONS[settings.min_version])
    context.set_cipher_list(CIPHERS)
    # private: pyOpenSSL has no public way to name more than one curve, and OpenSSL's own choice
    # holds two that the profile leaves out.
    library: Any = SSL
    if library._lib.SSL_CTX_set1_curves_list(context._context, CURVES) != 1:  # noqa: SLF001
        raise ValueError("this OpenSSL does not know the curves of the profile")
    # Resumption would save a client a millisecond and keep keys of old connections in memory;
    # every connection shows its certificate anew instead.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_alpn_select_callback(_choose)
    try:
        key = load_pem_private_key(_read("key_file", settings.key_file), None)
    except (TypeError, ValueError) as error:
        if str(error).startswith("tls."):
            raise
        raise ValueError(
            f"tls.key_file: {settings.key_file} holds no private key in PEM without a passphrase"
        ) from None
    try:
        context.use_certificate(chain[0])
        for each in chain[1:]:
            context.add_extra_chain_cert(each)
        context.use_privatekey(key)  # type: ignore[arg-type]  # keys of other kinds are refused there
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        raise ValueError(
            f"tls.key_file: {settings.key_file} does not belong to the certificate"
        ) from error
    if settings.client_ca_file:
        # Read by us first, for an error that says what is wrong.
        _chain(settings.client_ca_file, "client_ca_file")
        context.load_verify_locations(settings.client_ca_file)
        context.load_client_ca(settings.client_ca_file.encode())
        context.set_verify(_VERIFY[settings.client_certificate])
    return context, chain[0]


def _choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    return _ALPN if _ALPN in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _chain(path: str, name: str = "certificate_file") -> list[x509.Certificate]:
    data = _read(name, path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ValueError(f"tls.{name}: {path} holds no certificate in PEM") from None


def _read(name: str, path: str) -> bytes:
    if not path:
        raise ValueError(f"tls.{name}: is needed as well")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"tls.{name}: {path} cannot be read: {error.strerror}") from None
