"""The parts of the console command that read the server's configuration; each loads its own."""

# mypy: allow-untyped-calls

import os
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import globalLogBeginner
from twisted.python.usage import UsageError

from snowflake_mcp.commands.daemon import ACTIONS
from snowflake_mcp.commands.tokens import TOKEN_ACTIONS, TokenCommand, TokenRequest
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.ops.logs import stderr_text
from snowflake_mcp.ops.platform import steady
from snowflake_mcp.tap import ConfiguredOptions
from snowflake_mcp.tap import Options as ServerOptions

__all__ = ["PARTS", "DaemonOptions", "TokenOptions", "run"]


class StdioOptions(ConfiguredOptions):
    """Options of ``snowflake-mcp stdio``."""

    synopsis = "[options]"
    longdesc = "Serve one MCP client on standard input and output; the log goes to standard error."


class HttpOptions(ServerOptions):
    """Options of ``snowflake-mcp http``: those of the server."""

    synopsis = "[options]"
    longdesc = (
        "Serve the network in the foreground: the same as twistd -n --pidfile= snowflake-mcp."
    )


class CheckOptions(ServerOptions):
    """Options of ``snowflake-mcp check-config``: those of the server."""

    synopsis = "[options]"
    longdesc = "Read the configuration as a start would, show what counts, and start nothing."


class DoctorOptions(ServerOptions):
    """Options of ``snowflake-mcp doctor``: those of the server."""

    synopsis = "[options]"
    longdesc = (
        "Check what a start needs, from the files to a login in Snowflake, and say for each what "
        "to do next. Starts nothing; runs no statement that needs a warehouse."
    )


class GrantsOptions(ServerOptions):
    """Options of ``snowflake-mcp grants``: those of the server."""

    synopsis = "[options]"
    longdesc = (
        "Print the SQL of the configured roles with the least privileges; read it, then run it."
    )


class TokenOptions(ConfiguredOptions):
    """Options of ``snowflake-mcp token``."""

    synopsis = f"{'|'.join(TOKEN_ACTIONS)} [ID] [options]"
    longdesc = (
        "Static tokens of callers. new makes one and prints it once; hash reads a secret from "
        "standard input and prints its entry; list shows ids, principals and expiry; revoke ID "
        "takes one back. The file is that of --file, or of auth.token_file in the configuration."
    )
    optParameters: ClassVar[list[list[str | None]]] = [
        ["file", None, None, "The token file."],
        ["principal", None, "", "Table [principals.NAME] that the token's callers belong to."],
        ["expires", None, "", "How long it is good: 90d, 12h, 30m, 2w [never]."],
        ["note", None, "", "A few words for the list."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.token_id = ""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """The action comes first, and for revoke the id."""
        words = list(options or ())
        if not words or words[0].startswith("--help"):
            super().parseOptions(words or ["--help"])
        self.action = words.pop(0)
        if self.action not in TOKEN_ACTIONS:
            raise UsageError(f"token: the action is one of {', '.join(TOKEN_ACTIONS)}")
        if self.action == "revoke":
            if not words or words[0].startswith("-"):
                raise UsageError("token revoke: name the id of the token")
            self.token_id = words.pop(0)
        super().parseOptions(words)

    def _read(self, flags: Flags) -> Config:
        # Nothing is served: tools and SQL are not looked at, and nothing need be installed.
        return load(flags, os.environ)

    def _unusable(self, config: Config) -> str | None:
        return None

    @property
    def request(self) -> TokenRequest:
        """What is asked for."""
        path = self["file"] or (self.config.auth.token_file if self.config is not None else "")
        return TokenRequest(
            self.action,
            Path(path) if path else None,
            self["principal"],
            self["expires"],
            self["note"],
            self.token_id,
        )


class DaemonOptions(ServerOptions):
    """Options of ``snowflake-mcp daemon``."""

    synopsis = f"{'|'.join(ACTIONS)} [options of the server]"
    longdesc = (
        "Control one server in the background. Give stop, restart, reload and status the same "
        "options as start: they say where it listens and which configuration counts."
    )
    optParameters: ClassVar[list[list[str | None]]] = [
        [
            "state-dir",
            None,
            None,
            "Folder of the pid file and the log [~/.local/state/snowflake-mcp].",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.given: list[str] = []

    def _read(self, flags: Flags) -> Config:
        # To look after a server or to end it, where it listens is all that has to be known.
        if self.action in {"stop", "status"}:
            return load(flags, os.environ)
        return super()._read(flags)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """The action comes first; what follows it is the server's, but for the folder."""
        words = list(options or ())
        if not words or words[0].startswith("--help"):
            super().parseOptions(words or ["--help"])
        self.action, self.given = words[0], _without(words[1:], "--state-dir")
        if self.action not in ACTIONS:
            raise UsageError(f"daemon: the action is one of {', '.join(ACTIONS)}")
        super().parseOptions(words[1:])


PARTS = {
    "stdio": StdioOptions,
    "http": HttpOptions,
    "daemon": DaemonOptions,
    "token": TokenOptions,
    "check-config": CheckOptions,
    "doctor": DoctorOptions,
    "grants": GrantsOptions,
}
"""By the name of the part."""


def run(chosen: ConfiguredOptions, given: Sequence[str]) -> int | None:
    """Do what was asked for with the words ``given``; returns the exit status, if it has one.

    Raises:
        SystemExit: it cannot be done, with one message.
    """
    if chosen.config is None:
        raise SystemExit("snowflake-mcp: the options have not been read")
    if isinstance(chosen, DaemonOptions):
        return _daemon(chosen, chosen.config)
    if isinstance(chosen, TokenOptions):
        _token(chosen)
    elif isinstance(chosen, CheckOptions):
        _check(chosen.config)
    elif isinstance(chosen, DoctorOptions):
        return _doctor(chosen.config, chosen["config"])
    elif isinstance(chosen, GrantsOptions):
        _grants(chosen.config)
    elif isinstance(chosen, HttpOptions):
        _http(given)
    else:
        _stdio(chosen.config, chosen.reread)
    return None


def _daemon(chosen: DaemonOptions, config: Config) -> int:
    from snowflake_mcp.commands.daemon import Control, Places, default_folder

    folder = Path(chosen["state-dir"] or default_folder()).absolute()
    return Control(Places(folder), config, chosen.given, sys.stdout).run(chosen.action)


def _doctor(config: Config, file: str | None) -> int:
    from snowflake_mcp.commands.doctor import examine
    from snowflake_mcp.commands.findings import tell

    return 0 if tell(examine(config, file), sys.stdout) else 1


def _http(given: Sequence[str]) -> None:
    from snowflake_mcp.commands.daemon import twistd_command

    command = [*twistd_command(), "-n", "--pidfile=", "snowflake-mcp", *given[1:]]
    # The same process goes on as twistd: a supervisor's signals reach the server itself.
    os.execv(command[0], command)  # nosec B606 # noqa: S606 - our own program with the caller's options


def _grants(config: Config) -> None:
    from snowflake_mcp.commands import least_privilege
    from snowflake_mcp.commands.entry import public_key

    roles = least_privilege.wanted(config)
    if not roles:
        raise SystemExit("snowflake-mcp: no role is configured; name one in the connection")
    for each in roles:
        own = each.user == config.connection.parameters.get("user")
        key = public_key(config.connection.parameters) if own else None
        sys.stdout.writelines(f"{line}\n" for line in least_privilege.statements(each, key))


def _check(config: Config) -> None:
    from snowflake_mcp.commands import configuration

    try:
        configuration.show(config, sys.stdout)
    except ValueError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None


def _token(chosen: TokenOptions) -> None:
    tables = None
    if chosen["config"] and chosen.config is not None:
        tables = list(chosen.config.principals)
    command = TokenCommand(sys.stdout, sys.stderr, sys.stdin.readline, wall_clock, tables)
    try:
        command.run(chosen.request)
    except (ValueError, OSError) as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None


def _without(words: Sequence[str], option: str) -> list[str]:
    """The words but for one option and its value."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word == option:
            skip = True
        elif not word.startswith(f"{option}="):
            kept.append(word)
    return kept


def _stdio(config: Config, reread: Callable[[], Config]) -> None:
    # The reactor is installed by its import, so it waits until the options are known good.
    from twisted.internet import reactor as installed

    from snowflake_mcp.app import stdio_services

    reactor: Any = steady(installed)
    globalLogBeginner.beginLoggingTo([stderr_text()], redirectStandardIO=False, discardBuffer=True)
    _give_streams_to_the_protocol()
    try:
        services = stdio_services(config, reactor, reactor.stop, reread)
    except ValueError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None
    reactor.callWhenRunning(services.startService)
    reactor.addSystemEventTrigger("before", "shutdown", services.stopService)
    reactor.run()


def _give_streams_to_the_protocol() -> None:
    """Keep what a library prints or asks for away from the messages.

    The transport uses the descriptors themselves. Connector 4.8 prints to standard output and
    reads standard input when a login opens a browser.
    """
    sys.stdout = sys.stderr
    sys.stdin = StringIO()
