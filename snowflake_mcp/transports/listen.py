"""Listening: every configured endpoint, all or none, with errors that name the address."""

# mypy: allow-untyped-calls

from collections.abc import Callable, Iterable
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure

from snowflake_mcp.transports.tls import Certificates

__all__ = ["ListenError", "Listener", "endpoint_string"]

_MAX_PORT: Final = 65_535
_BACKLOG: Final = 1_024
"""Connections that the kernel keeps until they are taken; with Twisted's 50 a burst of clients
loses packets, and each loss costs its client a second."""
_SECURE: Final = frozenset({"ssl", "tls"})
_log = Logger()


class ListenError(Exception):
    """An endpoint could not be opened; the message names it and says why."""


def endpoint_string(text: str, host: str) -> str:
    """An endpoint string from what an operator writes: a bare number is a TCP port on ``host``.

    Raises:
        ValueError: a number that is no port.
    """
    text = text.strip()
    if not text.isascii() or not text.isdigit():
        return text
    if int(text) > _MAX_PORT:
        raise ValueError(f"{text} is not a port number (0 to {_MAX_PORT})")
    kind = "tcp6" if ":" in host else "tcp"
    interface = host.strip("[]").replace(":", "\\:")
    return f"{kind}:{int(text)}:backlog={_BACKLOG}:interface={interface}"


class Listener(Service):
    """The listening ports as a service; reactor thread only.

    Ports open in ``privilegedStartService``, before any change of user. An endpoint that cannot
    be opened raises there, so that the process ends with status 1 instead of serving half.
    ``admit`` is asked about each port with the address that it really has, before anybody can
    have connected; a ``ValueError`` says why it may not be open.
    """

    name = "listener"

    def __init__(
        self,
        reactor: Any,
        factory: IProtocolFactory,
        endpoints: Iterable[str],
        certificates: Certificates | None = None,
        admit: Callable[[str, IAddress], None] | None = None,
    ) -> None:
        """With ``certificates`` every endpoint but Unix sockets speaks TLS.

        A factory that has ``has_room`` is asked whether an address may connect once more.
        """
        self._certificates = certificates
        self._reactor = reactor
        self._factory = factory
        self._endpoints = tuple(endpoints)
        self._admit = admit
        self._ports: list[IListeningPort] = []

    def privilegedStartService(self) -> None:
        """Open every endpoint.

        Raises:
            ListenError: one of them could not be opened; those before it are closed again.
        """
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        """Open what is not open yet, for a parent that was already running."""
        super().startService()
        self._listen()

    def stopService(self) -> Deferred[None]:
        """Accept no new connection; the open ones are not touched."""
        super().stopService()
        return Deferred.fromCoroutine(self._close())

    def addresses(self) -> list[IAddress]:
        """Where it listens; the real port where 0 was asked for."""
        return [port.getHost() for port in self._ports]

    def _listen(self) -> None:
        if self._ports:
            return
        for endpoint in self._endpoints:
            try:
                self._ports.append(self._open(endpoint))
                if self._admit is not None:
                    self._admit(endpoint, self._ports[-1].getHost())
            except Exception as error:
                for port in self._ports:
                    port.stopListening()
                self._ports.clear()
                raise ListenError(f"cannot listen on {endpoint}: {error}") from error
        for address in self.addresses():
            _log.info("listening on {address}", address=str(address))

    def _open(self, endpoint: str) -> IListeningPort:
        """Listen, and learn at once whether it worked: Twisted's own endpoints never wait."""
        factory, kind = self._factory, endpoint.partition(":")[0]
        if self._certificates is not None and not _is_local(endpoint):
            if kind in _SECURE:
                raise RuntimeError(f"{kind} has a certificate of its own beside tls; write tcp")
            factory = self._certificates.wrap(factory, self._reactor)
        has_room = getattr(self._factory, "has_room", None)
        if has_room is not None and kind != "haproxy":
            # There the address comes with the connection's own bytes, and the factory asks itself.
            factory = _Doorway(factory, has_room)
        outcome: list[Any] = []
        serverFromString(self._reactor, endpoint).listen(factory).addBoth(outcome.append)
        if not outcome:
            raise RuntimeError("the endpoint does not say at once whether it listens")
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        port: IListeningPort = outcome[0]
        return port

    async def _close(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            stopped = port.stopListening()
            if stopped is not None:
                await stopped


class _Doorway(WrappingFactory[Any]):
    """Turns connections away before anything is made for them: their socket closes at once."""

    noisy = False

    def __init__(self, factory: IProtocolFactory, has_room: Callable[[str | None], bool]) -> None:
        super().__init__(factory)
        self._has_room = has_room

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """What serves the connection; ``None`` closes it."""
        if not self._has_room(getattr(addr, "host", None)):
            return None
        made: Any = self.wrappedFactory
        return made.buildProtocol(addr)


def _is_local(endpoint: str) -> bool:
    kind, _, rest = endpoint.partition(":")
    return kind == "unix" or (kind == "systemd" and "domain=UNIX" in rest.split(":"))
