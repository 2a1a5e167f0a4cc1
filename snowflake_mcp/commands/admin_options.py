"""The options of ``snowflake-mcp admin``, and its run."""

# mypy: allow-untyped-calls

import sys
from collections.abc import Sequence
from typing import ClassVar

from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from snowflake_mcp.commands import admin
from snowflake_mcp.version import VERSION

__all__ = ["AdminOptions", "run"]


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

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"snowflake-mcp {VERSION}")  # noqa: T201 - that is what was asked for
        sys.exit(0)

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


def run(options: AdminOptions) -> int:
    """Ask the server, and tell what it answers; returns the exit status."""
    return admin.run(
        options.action,
        options.words,
        url=options["url"],
        token_file=options["token-file"],
        as_json=bool(options["json"]),
        out=sys.stdout,
        err=sys.stderr,
    )
