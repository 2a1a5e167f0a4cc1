"""The ``snowflake-mcp`` command: serve, control a daemon, check, and the simulator by itself."""

# mypy: allow-untyped-calls

import os
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

from twisted.logger import globalLogBeginner
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from snowflake_mcp.app import stdio_services
from snowflake_mcp.commands import admin, audit, configuration, least_privilege
from snowflake_mcp.commands.daemon import (
    ACTIONS,
    Control,
    Places,
    default_folder,
    twistd_command,
)
from snowflake_mcp.commands.doctor import examine
from snowflake_mcp.commands.entry import public_key
from snowflake_mcp.commands.findings import tell
from snowflake_mcp.commands.tokens import TOKEN_ACTIONS, TokenCommand, TokenRequest
from snowflake_mcp.config.model import Config
from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.ops.logs import stderr_text
from snowflake_mcp.ops.platform import steady
from snowflake_mcp.simulator import __main__ as simulator
from snowflake_mcp.tap import ConfiguredOptions
from snowflake_mcp.tap import Options as ServerOptions

__all__ = ["CommandOptions", "daemon", "http", "main"]


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

    def _unusable(self, config: Config) -> str | None:
        # Nothing is served, so nothing need be installed for it.
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

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """The action comes first; what follows it is the server's, but for the folder."""
        words = list(options or ())
        if not words or words[0].startswith("--help"):
            super().parseOptions(words or ["--help"])
        self.action, self.given = words[0], _without(words[1:], "--state-dir")
        if self.action not in ACTIONS:
            raise UsageError(f"daemon: the action is one of {', '.join(ACTIONS)}")
        super().parseOptions(words[1:])


class AdminOptions(TwistedOptions):
    """Options of ``snowflake-mcp admin``; they concern a server that runs."""

    synopsis = "ACTION [what it concerns] [options]"
    longdesc = "Look at a running server and steer it. " + " ".join(
        f"{order.usage(name)}: {order.help}" for name, order in admin.ORDERS.items()
    )
    optFlags: ClassVar[list[list[str | None]]] = [
        ["json", None, "Print the answer as JSON instead of a table."],
    ]
    optParameters: ClassVar[list[list[str | None]]] = [
        ["url", None, admin.DEFAULT_URL, "Where the server answers."],
        ["token-file", None, None, "File with the bearer token of a principal with the right."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.words: list[str] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """The action comes first, then what it concerns; options may stand before that or after."""
        given = list(options or ())
        if not given or given[0].startswith("-"):
            super().parseOptions(given or ["--help"])
            raise UsageError("admin: name an action first")
        self.action = given[0]
        if self.action not in admin.ORDERS:
            raise UsageError(f"admin: the action is one of {', '.join(admin.ORDERS)}")
        first = next((n for n, word in enumerate(given) if word.startswith("--")), len(given))
        self.words = given[1:first]
        super().parseOptions(given[first:])

    def parseArgs(self, *more: str) -> None:
        """What stands after the options."""
        self.words += more


class CommandOptions(TwistedOptions):
    """The command and its parts."""

    synopsis = "COMMAND [options]"
    longdesc = (
        "To serve the network under a supervisor, run: twistd -n snowflake-mcp --port 8000. "
        "The embedded Snowflake-compatible endpoint alone: snowflake-mcp simulator --help. "
        "Files of the audit: snowflake-mcp audit --help."
    )
    subCommands: ClassVar[list[list[Any]]] = [
        ["stdio", None, StdioOptions, "Serve one client on standard input and output."],
        ["http", None, HttpOptions, "Serve the network in the foreground."],
        ["daemon", None, DaemonOptions, "Start, stop or look after a server in the background."],
        ["admin", None, AdminOptions, "Look at a running server and steer it."],
        ["token", None, TokenOptions, "Make, list or take back tokens of callers."],
        ["check-config", None, CheckOptions, "Check the configuration and show what counts."],
        ["doctor", None, DoctorOptions, "Check the way to Snowflake, each step with its remedy."],
        ["grants", None, GrantsOptions, "Print the SQL of a role with the least privileges."],
    ]

    def postOptions(self) -> None:
        """A part has to be named."""
        if self.subCommand is None:
            names = [str(part[0]) for part in self.subCommands]
            raise UsageError(f"name a command: {', '.join([*names, 'audit', 'simulator'])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exits with status 1 and one message when it cannot."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["simulator"]:
        raise SystemExit(simulator.main(given[1:]))
    if given[:1] == ["audit"]:
        raise SystemExit(audit.main(given[1:], sys.stdout, os.environ))
    options = CommandOptions()
    try:
        options.parseOptions(given)
    except UsageError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None
    if isinstance(options.subOptions, AdminOptions):
        raise SystemExit(_admin(options.subOptions))
    chosen: ConfiguredOptions = options.subOptions
    if chosen.config is None:
        raise SystemExit("snowflake-mcp: the options have not been read")
    if isinstance(chosen, DaemonOptions):
        folder = Path(chosen["state-dir"] or default_folder()).absolute()
        control = Control(Places(folder), chosen.config, chosen.given, sys.stdout)
        raise SystemExit(control.run(chosen.action))
    if isinstance(chosen, TokenOptions):
        _token(chosen)
    elif isinstance(chosen, CheckOptions):
        _check(chosen.config)
    elif isinstance(chosen, DoctorOptions):
        raise SystemExit(0 if tell(examine(chosen.config, chosen["config"]), sys.stdout) else 1)
    elif isinstance(chosen, GrantsOptions):
        _grants(chosen.config)
    elif isinstance(chosen, HttpOptions):
        command = [*twistd_command(), "-n", "--pidfile=", "snowflake-mcp", *given[1:]]
        # The same process goes on as twistd: a supervisor's signals reach the server itself.
        os.execv(command[0], command)  # nosec B606 # noqa: S606 - our own program with the caller's options
    else:
        _stdio(chosen.config, chosen.reread)


def _admin(options: AdminOptions) -> int:
    return admin.run(
        options.action,
        options.words,
        url=options["url"],
        token_file=options["token-file"],
        as_json=bool(options["json"]),
        out=sys.stdout,
        err=sys.stderr,
    )


def _grants(config: Config) -> None:
    roles = least_privilege.wanted(config)
    if not roles:
        raise SystemExit("snowflake-mcp: no role is configured; name one in the connection")
    for each in roles:
        own = each.user == config.connection.parameters.get("user")
        key = public_key(config.connection.parameters) if own else None
        sys.stdout.writelines(f"{line}\n" for line in least_privilege.statements(each, key))


def _check(config: Config) -> None:
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


def daemon() -> None:
    """The command ``snowflake-mcp-daemon``: ``snowflake-mcp daemon``."""
    main(["daemon", *sys.argv[1:]])


def http() -> None:
    """The command ``snowflake-mcp-http``: ``snowflake-mcp http``."""
    main(["http", *sys.argv[1:]])


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
