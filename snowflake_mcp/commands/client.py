"""A caller of a server's admin surface from another process; blocks, own program only."""

import http.client
import ssl
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

__all__ = ["Client", "Reply", "UnreachableError"]

_TIMEOUT_S: Final = 30.0
_MAX_TOKEN_BYTES: Final = 65_536
_MAX_ANSWER_BYTES: Final = 64 << 20


class UnreachableError(Exception):
    """Nobody answered, or not as a server of ours does; its text says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    body: Any


class Client:
    """One server, and the credential for it.

    Raises:
        ValueError: the URL cannot be used, the token cannot be read, or it would travel
            unencrypted to another host.
    """

    def __init__(self, url: str, token_file: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"--url: {url} is no http or https URL")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("--url: give scheme, host, port and path only")
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if token_file is not None:
            if not self._tls and not _is_this_host(parts.hostname):
                raise ValueError("--token-file: a token goes to another host by https only")
            self._headers["Authorization"] = f"Bearer {_token(token_file)}"

    def ask(self, method: str, path: str, given: dict[str, Any]) -> Reply:
        """One request; ``given`` is the body of a POST and the query of a GET.

        Raises:
            UnreachableError: there was no answer, or none that could be read.
        """
        body, headers, target = None, dict(self._headers), self._base + path
        if method == "POST":
            body = msgspec.json.encode(given)
            headers["Content-Type"] = "application/json"
        elif given:
            target += "?" + urlencode(given)
        with closing(self._connection()) as connection:
            try:
                connection.request(method, target, body, headers)
                answer = connection.getresponse()
                return Reply(answer.status, msgspec.json.decode(answer.read(_MAX_ANSWER_BYTES)))
            except msgspec.DecodeError:
                raise UnreachableError("what answers there is no snowflake-mcp server") from None
            except (OSError, http.client.HTTPException) as error:
                raise UnreachableError(str(error) or type(error).__name__) from None

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=_TIMEOUT_S, context=ssl.create_default_context()
        )


def _token(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MAX_TOKEN_BYTES).decode("ascii").strip()
    except OSError as error:
        raise ValueError(f"--token-file: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"--token-file: {path} holds no token") from None
    if not text or not text.isprintable() or " " in text:
        raise ValueError(f"--token-file: {path} holds no token")
    return text


def _is_this_host(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
