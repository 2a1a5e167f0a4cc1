"""The scripted endpoint as a process of its own: answers that no engine gives.

``python -m tests.support.scripted module:function`` calls the function with a ``SnowflakeWire``
to set up, and serves it until standard input ends.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from tests.support.server import clean_environ
from tests.support.snowflake_wire import SnowflakeWire

__all__ = ["scripted"]

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def scripted(folder: Path, setup: Callable[[SnowflakeWire], None]) -> Iterator[dict[str, str]]:
    """Serve what ``setup`` scripts; gives the settings that make a server log in there."""
    name = f"{setup.__module__}:{setup.__qualname__}"
    environ = clean_environ(folder, {"PYTHONPATH": str(_ROOT)})
    with (folder / "scripted.log").open("wb") as log:
        process = Popen(
            [sys.executable, "-m", "tests.support.scripted", name],
            cwd=folder,
            env=environ,
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "scripted.log").read_text()
        yield {
            "SNOWFLAKE_ACCOUNT": "acme",
            "SNOWFLAKE_USER": "tester",
            "SNOWFLAKE_PASSWORD": "unchecked",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(json.loads(line)),
            "SNOWFLAKE_PROTOCOL": "http",
        }
    finally:
        process.kill()
        process.communicate(timeout=10)


def _main(name: str) -> None:
    from twisted.internet import reactor as installed
    from twisted.internet.protocol import Protocol, connectionDone
    from twisted.internet.stdio import StandardIO
    from twisted.python.failure import Failure

    reactor: Any = installed

    class EndWithInput(Protocol):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            os._exit(0)

    module, _, function = name.partition(":")
    wire = SnowflakeWire(reactor)
    getattr(import_module(module), function)(wire)
    wire.start()
    sys.stdout.write(f"{wire.port}\n")
    sys.stdout.flush()
    StandardIO(EndWithInput())
    reactor.run()


if __name__ == "__main__":
    _main(sys.argv[1])
