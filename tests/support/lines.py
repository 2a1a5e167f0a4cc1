"""Where the two lines of snowflake-connector-python differ in what the tests see: all of it."""

from importlib.metadata import version
from typing import Final

__all__ = [
    "CONNECTOR",
    "OPENS_FILES_FOR_S3",
    "READS_HALF_SURROGATES",
    "REPEATS_SILENT_POLLS",
    "tracebacks",
]

CONNECTOR: Final = int(version("snowflake-connector-python").partition(".")[0])

OPENS_FILES_FOR_S3: Final = CONNECTOR == 5
"""Opens the named file when the result of any statement asks for an upload to a stage in S3.
Nothing forbids it: when this is no longer true, docs/security.md has a caveat too many."""

READS_HALF_SURROGATES: Final = CONNECTOR == 4
r"""Of answers in JSON with half a surrogate pair (``\ud800``) in a text; 5 refuses the answer."""

REPEATS_SILENT_POLLS: Final = CONNECTOR == 4
"""Asks once more, on another connection, where no answer came for 55 s; 5 gives up after 60 s."""


def tracebacks(log: str) -> list[str]:
    """The tracebacks in a server's log; 4 logs some of its own where it repeats a request."""
    found = [part.partition("\n20")[0] for part in log.split("Traceback (most recent")[1:]]
    return [one for one in found if CONNECTOR == 5 or "/snowflake_mcp/" in one]
