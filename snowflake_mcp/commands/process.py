"""A daemon as its pid file and its port show it, from another process; blocks, own program only."""

import errno
import http.client
import os
import signal
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["Daemon", "Probe", "address_of"]

_PROBE_S: Final = 5.0
_STEP_S: Final = 0.05
_WORD: Final = "snowflake-mcp"

Probe = tuple[int, Any]
"""Status and decoded body of an answer."""
UNASKED: Final[Probe] = (
    0,
    {"status": "unknown, as it answers only clients that show a certificate", "checks": []},
)


@dataclass(frozen=True, slots=True)
class Daemon:
    """The process that a pid file names, if it is one of ours."""

    pid_file: Path

    def pid(self) -> int | None:
        """The process id; ``None`` when no server of ours runs under this file.

        A number that another program has by now is not taken for the server's.
        """
        pid = self.written_pid()
        if pid is None or not _exists(pid) or not _is_ours(pid):
            return None
        return pid

    def written_pid(self) -> int | None:
        """What the file says, alive or not; ``None`` without a file or a number in it."""
        try:
            text = self.pid_file.read_text().strip()
        except OSError:
            return None
        return int(text) if text.isdigit() and int(text) > 0 else None

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal; ``False`` when there is nobody to send it to."""
        pid = self.pid()
        if pid is None:
            return False
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def gone_within(self, limit_s: float, wait: Callable[[float], None]) -> bool:
        """Whether it ends in time; ``wait`` pauses between two looks."""
        pid = self.pid()
        looks = round(limit_s / _STEP_S)
        while pid is not None and _exists(pid) and _is_ours(pid):
            if looks <= 0:
                return False
            wait(_STEP_S)
            looks -= 1
        return True


def address_of(endpoints: Sequence[str]) -> tuple[str, int] | None:
    """Where a probe reaches the first TCP endpoint; ``None`` when there is none to be reached."""
    for endpoint in endpoints:
        kind, _, rest = endpoint.replace("\\:", "\0").partition(":")
        number, _, options = rest.partition(":")
        if kind not in {"tcp", "tcp6"} or not number.isdigit() or number == "0":
            continue
        named = dict(option.partition("=")[::2] for option in options.split(":"))
        interface = named.get("interface", "").replace("\0", ":")
        anywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104 # noqa: S104 - read, not bound
        return anywhere.get(interface, interface), int(number)
    return None


def ask(address: tuple[str, int], path: str, *, tls: bool = False) -> Probe | None:
    """The answer to a GET, or ``None`` when nobody answers within 5 s.

    A server that wants a certificate of its clients does answer; ``UNASKED`` stands for what it
    would have said.
    """
    with closing(_connection(*address, tls=tls)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, msgspec.json.decode(answer.read())
        except ssl.SSLError as error:
            return UNASKED if _wants_certificate(error) else None
        except (OSError, http.client.HTTPException, msgspec.DecodeError):
            return None


def _connection(host: str, port: int, *, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection(host, port, timeout=_PROBE_S)
    context = ssl.create_default_context()
    # The certificate is for the name that clients use, not for the address that is asked here,
    # and one that has expired must not look like a server that is down. No secret is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_PROBE_S, context=context)


def _wants_certificate(error: ssl.SSLError) -> bool:
    return "CERTIFICATE_REQUIRED" in str(error.reason) or "HANDSHAKE_FAILURE" in str(error.reason)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    except OverflowError:
        return False
    return True


def _is_ours(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        # No /proc on this system: the pid file is all there is to go by.
        return not Path("/proc/self").exists()
    return _WORD.encode() in words
