"""``twistd snowflake-mcp``: command-line options in, services out."""

# mypy: allow-untyped-calls

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from twisted.application.service import IService, Service
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from snowflake_mcp.config.audit import audit_problems
from snowflake_mcp.config.exports import export_problems
from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.ops.platform import steady
from snowflake_mcp.simulator.available import demo_problem
from snowflake_mcp.version import VERSION

__all__ = ["ConfiguredOptions", "Options", "makeService"]


class ConfiguredOptions(TwistedOptions):
    """The options that every way of starting the server shares."""

    optFlags: ClassVar[list[list[str | None]]] = [
        ["demo", None, "Answer from the embedded demo warehouse, whatever else is configured."],
        ["no-demo", None, "Refuse to start without a Snowflake connection."],
    ]
    optParameters: ClassVar[list[list[str | None]]] = [
        ["config", None, None, "TOML file with settings and connections."],
        ["connection", None, None, "Name of the Snowflake connection to use."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["ports"] = []
        self.config: Config | None = None
        self._flags = Flags()

    def reread(self) -> Config:
        """The configuration as it is written now.

        Raises:
            ConfigError: it cannot be used any more.
        """
        return _usable(self._flags)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"snowflake-mcp {VERSION}")  # noqa: T201 - that is what was asked for
        sys.exit(0)

    def postOptions(self) -> None:
        """Merge every source into one configuration, and tell every problem at once."""
        flags = Flags(
            config=self["config"],
            connection=self["connection"],
            ports=tuple(self["ports"]),
            host=self.get("host"),
            demo=bool(self["demo"]),
            no_demo=bool(self["no-demo"]),
        )
        try:
            self.config = self._read(flags)
        except ConfigError as error:
            raise UsageError(_listed(error.problems)) from None
        if flags.config is not None:
            # twistd may change its folder before anybody asks for a reload.
            flags = replace(flags, config=str(Path(flags.config).absolute()))
        self._flags = flags
        problem = self._unusable(self.config)
        if problem:
            raise UsageError(_listed([problem]))

    def _read(self, flags: Flags) -> Config:
        return _usable(flags)

    def _unusable(self, config: Config) -> str | None:
        return demo_problem() if config.is_demo else None


def _usable(flags: Flags) -> Config:
    """The configuration, with what it says of tools and SQL looked at as well.

    Raises:
        ConfigError: it cannot be used.
    """
    # The tools are the larger part of a start, and not everybody who has options serves them.
    from snowflake_mcp.tools.offering import problems

    config = load(flags, os.environ)
    if found := [
        *problems(config),
        *audit_problems(config.audit),
        *export_problems(config.exports),
    ]:
        raise ConfigError(found)
    return config


class Options(ConfiguredOptions):
    """Options of the network server."""

    synopsis = "[options]"
    longdesc = (
        "Serve Snowflake to AI agents: MCP over HTTP and WebSocket, REST and health probes, all "
        "on one port. Without any Snowflake setting an embedded demo warehouse answers. "
        "Settings come from the file of --config, then the environment (SNOWFLAKE_*, "
        "SNOWFLAKE_MCP_*), then these options."
    )
    optParameters: ClassVar[list[list[str | None]]] = [
        ["host", None, None, "Address to bind where --port is only a number [127.0.0.1]."],
    ]

    def opt_port(self, endpoint: str) -> None:
        """Port number or Twisted endpoint string; may be given several times [8000]."""
        self["ports"].append(endpoint)


def makeService(options: Options) -> IService:
    """The services of one process; called before twistd forks, so nothing starts here."""
    # The reactor is chosen by twistd's own options, which have been read by now.
    from twisted.internet import reactor

    from snowflake_mcp.app import network_services

    if options.config is None:
        raise UsageError("the options have not been read")
    try:
        services = network_services(options.config, steady(reactor), options.reread)
    except ValueError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None
    return _OneLineFailure(services) if _foreground(options) else services


class _OneLineFailure(Service):
    """The services, with a failed start told in one line instead of a traceback."""

    def __init__(self, inner: Service) -> None:
        self._inner = inner

    def privilegedStartService(self) -> None:
        """Open the ports."""
        from snowflake_mcp.transports.listen import ListenError

        try:
            self._inner.privilegedStartService()
        except ListenError as error:
            # twistd lets this exception end the process with status 1 after removing the pid
            # file; the interpreter prints it, and the reader needs its text only.
            sys.tracebacklimit = 0
            raise ListenError(*error.args) from None

    def startService(self) -> None:
        """Start what is inside."""
        self._inner.startService()

    def stopService(self) -> Any:
        """Stop what is inside."""
        return self._inner.stopService()


def _foreground(options: Options) -> bool:
    parent: Any = getattr(options, "parent", None)
    return bool(parent is not None and parent.get("nodaemon"))


def _listed(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return f"{len(problems)} problems in the configuration:\n{lines}"
