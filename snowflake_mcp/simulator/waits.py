"""SYSTEM$WAIT: a pause that needs no thread and can be aborted."""

import re
from typing import Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import Words, tokens

__all__ = ["take_waits"]

_UNITS: Final = {
    "DAYS": 86_400.0,
    "HOURS": 3_600.0,
    "MINUTES": 60.0,
    "SECONDS": 1.0,
    "MILLISECONDS": 0.001,
}
_MENTIONED: Final = re.compile(r"SYSTEM\$WAIT\b", re.IGNORECASE)


def take_waits(sql: str) -> tuple[float, str]:
    """The seconds that ``sql`` asks to wait, and the statement with the waits replaced.

    Each ``SYSTEM$WAIT(n[, 'unit'])`` becomes the text it gives on Snowflake; the caller waits
    before it runs the rest, so that a waiting statement holds no thread.

    :raises StatementFailed: a wait whose arguments are not literals.
    """
    if not _MENTIONED.search(sql):
        return 0.0, sql
    found = tokens(sql)
    total = 0.0
    pieces: list[str] = []
    copied = 0
    for place, token in enumerate(found):
        if token.keyword != "SYSTEM$WAIT":
            continue
        words = Words(found[place + 1 :])
        if not words.accept("("):
            continue
        number = words.take()
        unit = words.string().upper() if words.accept(",") else "SECONDS"
        if number.kind != "number" or unit not in _UNITS:
            raise StatementFailed(
                "001044", "42P13", "SQL compilation error:\nInvalid argument for SYSTEM$WAIT."
            )
        closing = words.take()
        if closing.text != ")":
            raise words.unexpected(closing)
        total += float(number.text) * _UNITS[unit]
        pieces.append(sql[copied : token.start])
        pieces.append(f"'waited {number.text} {unit.lower()}'")
        copied = closing.end
    pieces.append(sql[copied:])
    return total, "".join(pieces)
