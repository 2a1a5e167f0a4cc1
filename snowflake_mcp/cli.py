"""The ``snowflake-mcp`` command: stdio for one client, and the simulator by itself."""

# mypy: allow-untyped-calls

import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.logger import globalLogBeginner
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from snowflake_mcp.app import stdio_services
from snowflake_mcp.config.model import Config
from snowflake_mcp.ops.logs import stderr_text
from snowflake_mcp.simulator import __main__ as simulator
from snowflake_mcp.tap import ConfiguredOptions

__all__ = ["main"]


class StdioOptions(ConfiguredOptions):
    """Options of ``snowflake-mcp stdio``."""

    synopsis = "[options]"
    longdesc = "Serve one MCP client on standard input and output; the log goes to standard error."


class CommandOptions(TwistedOptions):
    """The command and its parts."""

    synopsis = "stdio [options]"
    longdesc = (
        "To serve the network, run: twistd -n snowflake-mcp --port 8000. "
        "The embedded Snowflake-compatible endpoint alone: snowflake-mcp simulator --help."
    )
    subCommands: ClassVar[list[list[Any]]] = [
        ["stdio", None, StdioOptions, "Serve one client on standard input and output."],
    ]

    def postOptions(self) -> None:
        """A part has to be named."""
        if self.subCommand is None:
            raise UsageError("name a command: stdio or simulator")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exits with status 1 and one message when it cannot."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["simulator"]:
        simulator.main(given[1:])
        return
    options = CommandOptions()
    try:
        options.parseOptions(given)
    except UsageError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None
    chosen: StdioOptions = options.subOptions
    if chosen.config is None:
        raise SystemExit("snowflake-mcp: the options have not been read")
    _stdio(chosen.config, chosen.reread)


def _stdio(config: Config, reread: Callable[[], Config]) -> None:
    # The reactor is installed by its import, so it waits until the options are known good.
    from twisted.internet import reactor as installed

    reactor: Any = installed
    globalLogBeginner.beginLoggingTo([stderr_text()], redirectStandardIO=False, discardBuffer=True)
    try:
        services = stdio_services(config, reactor, reactor.stop, reread)
    except ValueError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None
    reactor.callWhenRunning(services.startService)
    reactor.addSystemEventTrigger("before", "shutdown", services.stopService)
    reactor.run()
