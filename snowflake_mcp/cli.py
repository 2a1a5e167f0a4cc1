"""The ``snowflake-mcp`` command: serve, control a daemon, check, and the simulator by itself.

Nothing is imported here but what every part needs: a part that looks at a running server starts in
a fifth of a second, and the server's own modules take more than one.
"""

# mypy: allow-untyped-calls

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from snowflake_mcp.version import VERSION

__all__ = ["CommandOptions", "daemon", "http", "main"]


def _part(name: str) -> Callable[[], Any]:
    """Makes the options of a part, once they are wanted."""

    def options() -> Any:
        from snowflake_mcp.parts import PARTS

        return PARTS[name]()

    return options


def _admin() -> Any:
    from snowflake_mcp.commands.admin_options import AdminOptions

    return AdminOptions()


def _labs() -> Any:
    from snowflake_mcp.commands.labs import LabsOptions

    return LabsOptions()


class CommandOptions(TwistedOptions):
    """The command and its parts."""

    synopsis = "COMMAND [options]"
    longdesc = (
        "To serve the network under a supervisor, run: twistd -n snowflake-mcp --port 8000. "
        "The embedded Snowflake-compatible endpoint alone: snowflake-mcp simulator --help. "
        "Files of the audit: snowflake-mcp audit --help."
    )
    subCommands: ClassVar[list[list[Any]]] = [
        ["stdio", None, _part("stdio"), "Serve one client on standard input and output."],
        ["http", None, _part("http"), "Serve the network in the foreground."],
        ["daemon", None, _part("daemon"), "Start, stop or look after a server in the background."],
        ["admin", None, _admin, "Look at a running server and steer it."],
        ["token", None, _part("token"), "Make, list or take back tokens of callers."],
        [
            "check-config",
            None,
            _part("check-config"),
            "Check the configuration and show what counts.",
        ],
        ["doctor", None, _part("doctor"), "Check the way to Snowflake, each step with its remedy."],
        ["import-labs", None, _labs, "Print the configuration of snowflake-labs-mcp in ours."],
        ["grants", None, _part("grants"), "Print the SQL of a role with the least privileges."],
    ]

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"snowflake-mcp {VERSION}")  # noqa: T201 - that is what was asked for
        sys.exit(0)

    def postOptions(self) -> None:
        """A part has to be named."""
        if self.subCommand is None:
            names = [str(part[0]) for part in self.subCommands]
            raise UsageError(f"name a command: {', '.join([*names, 'audit', 'simulator'])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exits with status 1 and one message when it cannot."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["simulator"]:
        from snowflake_mcp.simulator import __main__ as simulator

        raise SystemExit(simulator.main(given[1:]))
    if given[:1] == ["audit"]:
        from snowflake_mcp.commands import audit

        raise SystemExit(audit.main(given[1:], sys.stdout, os.environ))
    options = CommandOptions()
    try:
        options.parseOptions(given)
    except UsageError as error:
        raise SystemExit(f"snowflake-mcp: {error}") from None
    if options.subCommand == "admin":
        from snowflake_mcp.commands import admin_options

        raise SystemExit(admin_options.run(options.subOptions))
    if options.subCommand == "import-labs":
        from snowflake_mcp.commands import labs

        raise SystemExit(labs.run(options.subOptions.path, sys.stdout, sys.stderr))
    from snowflake_mcp.parts import run

    status = run(options.subOptions, given)
    if status is not None:
        raise SystemExit(status)


def daemon() -> None:
    """The command ``snowflake-mcp-daemon``: ``snowflake-mcp daemon``."""
    main(["daemon", *sys.argv[1:]])


def http() -> None:
    """The command ``snowflake-mcp-http``: ``snowflake-mcp http``."""
    main(["http", *sys.argv[1:]])
