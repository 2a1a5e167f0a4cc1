"""Child processes that do what a test says, on a clock that starts them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

__all__ = ["Machine", "Pipes"]

PipesT = TypeVar("PipesT", bound="Pipes")


class Pipes:
    """A process that does what the test says."""

    def __init__(self, protocol: Any, arguments: list[bytes], environment: Any) -> None:
        self.protocol = protocol
        self.arguments = arguments
        self.environment = environment
        self.written: list[Any] = []
        self.signals: list[str] = []
        self.closed: list[bool] = []
        self.pid = 4242
        self.gone = False
        protocol.transport = self
        protocol.connectionMade()

    @property
    def open(self) -> bool:
        """Whether its standard input is."""
        return not self.closed

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def closeStdin(self) -> None:
        self.closed.append(True)

    def signalProcess(self, name: str) -> None:
        if self.gone:
            raise ProcessExitedAlready
        self.signals.append(name)

    def say(self, message: msgspec.Struct | bytes) -> None:
        line = message if isinstance(message, bytes) else msgspec.json.encode(message) + b"\n"
        self.protocol.outReceived(line)

    def die(self, status: int | None = None, signal: int | None = 9) -> None:
        self.gone = True
        ended = ProcessDone(0) if status == 0 else ProcessTerminated(status, signal)
        self.protocol.processEnded(Failure(ended))


class Machine(Clock, Generic[PipesT]):
    """A clock that also starts processes."""

    def __init__(self, pipes: Callable[[Any, list[bytes], Any], PipesT]) -> None:
        super().__init__()
        self._pipes = pipes
        self.started: list[PipesT] = []

    def spawnProcess(
        self, protocol: Any, executable: bytes, args: list[bytes], env: Any = None
    ) -> PipesT:
        self.started.append(self._pipes(protocol, args, env))
        return self.started[-1]
