"""Results of tools from the configuration, kept for the next call with the same arguments."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.tools.render import Rendered
from snowflake_mcp.warehouse.results import Outcome

__all__ = ["Kept", "KeptResults"]

_FIXED_BYTES: Final = 2_048
"""Of what a result needs beside its rows."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One result, finished and masked, and what the gate said of its statement."""

    outcome: Outcome[Rendered]
    verdict: Verdict
    read_at: float

    @property
    def size(self) -> int:
        """In bytes, about."""
        rendered = self.outcome.value
        rows = len(rendered.rows) + len(rendered.columns)
        return _FIXED_BYTES + rows + len(rendered.body) + len(self.verdict.sql)


class KeptResults:
    """Results by key, bounded in bytes and age; reactor thread only.

    The key holds all that a result depends on: the statement with its values, the seat that it
    ran at, and whatever bounds and masks it. Whose call it was is no part of it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self.size = 0
        """In bytes, about."""

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, since: float) -> Kept | None:
        """What was read for that key at ``since`` or later."""
        found = self._kept.get(key)
        if found is None or found.read_at < since:
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, kept: Kept, most: int) -> None:
        """Keep a result; those that were longest not asked for make room within ``most`` bytes."""
        self._drop(key)
        if kept.size > most:
            return
        self._kept[key] = kept
        self.size += kept.size
        while self.size > most:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.size -= found.size
