"""What DuckDB cannot remember of Snowflake objects."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from snowflake_mcp.simulator.keys import Key

__all__ = ["Notes", "Path"]

Path = tuple[str, ...]
"""Names from the database down: one for a database, two for a schema, three for a table."""


@dataclass(slots=True)
class Notes:
    """What DuckDB cannot remember of Snowflake objects; any thread.

    Keys are paths as Snowflake has them.
    """

    _lock: Lock = field(default_factory=Lock)
    _created: dict[Path, datetime] = field(default_factory=dict)
    _comments: dict[Path, str] = field(default_factory=dict)
    _types: dict[Path, dict[str, str]] = field(default_factory=dict)
    _sources: dict[Path, str] = field(default_factory=dict)
    _keys: dict[Path, list[Key]] = field(default_factory=dict)
    _stored: dict[Path, str] = field(default_factory=dict)

    def created(self, path: Path) -> datetime:
        """When the object was made; first seen counts when nobody told."""
        with self._lock:
            return self._created.setdefault(path, datetime.now(UTC))

    def comment(self, path: Path) -> str:
        """The comment of a database, schema, view, ... or an empty string."""
        with self._lock:
            return self._comments.get(path, "")

    def types(self, path: Path) -> dict[str, str]:
        """Declared types by column, as Snowflake writes them."""
        with self._lock:
            return dict(self._types.get(path, {}))

    def source(self, path: Path) -> str:
        """The query of a view as it was written, or an empty string."""
        with self._lock:
            return self._sources.get(path, "")

    def all_keys(self) -> list[tuple[Path, Key]]:
        """All keys of all tables, by table."""
        with self._lock:
            return [(path, key) for path in sorted(self._keys) for key in self._keys[path]]

    def set_keys(self, path: Path, keys: list[Key]) -> None:
        """Remember the keys of a table instead of those of before."""
        with self._lock:
            self._keys[path] = list(keys)

    def move(self, path: Path, target: Path) -> None:
        """An object has another name now; its keys follow it as well as those that refer to it."""
        with self._lock:
            stores: tuple[dict[Path, Any], ...] = (
                self._created,
                self._comments,
                self._types,
                self._sources,
            )
            for store in stores:
                if path in store:
                    store[target] = store.pop(path)
            if path in self._keys:
                self._keys[target] = self._keys.pop(path)
            for owner, keys in self._keys.items():
                self._keys[owner] = [
                    replace(key, target=target) if key.target == path else key for key in keys
                ]

    def stored(self, path: Path) -> str:
        """The name that a table has in DuckDB: another one when two differ only in case."""
        with self._lock:
            return self._stored.get(path, path[-1])

    def known_as(self, path: Path) -> str:
        """The name of the table that DuckDB has at ``path``."""
        with self._lock:
            for shown, name in self._stored.items():
                if (*shown[:-1], name) == path:
                    return shown[-1]
        return path[-1]

    def store_apart(self, path: Path) -> str:
        """Choose a name in DuckDB for a table whose own is taken in another case."""
        with self._lock:
            return self._stored.setdefault(path, f"{path[-1]}~{len(self._stored) + 1}")

    def set_comment(self, path: Path, comment: str) -> None:
        """Remember a comment."""
        with self._lock:
            self._comments[path] = comment

    def set_type(self, path: Path, column: str, type_text: str) -> None:
        """Remember how a column was declared."""
        with self._lock:
            self._types.setdefault(path, {})[column] = type_text

    def set_created(self, path: Path, moment: datetime, source: str = "") -> None:
        """Remember that an object was made (again): all older notes are dropped."""
        with self._lock:
            key = path
            self._created[key] = moment
            self._sources[key] = source
            self._types.pop(key, None)
            self._comments.pop(key, None)
            self._keys.pop(path, None)

    def restate_created(self, path: Path, moment: datetime) -> None:
        """Say when an object was made, keeping all other notes."""
        with self._lock:
            self._created[path] = moment

    def forget(self, path: Path) -> None:
        """Drop everything about an object and what lies below it."""
        with self._lock:
            gone = path
            for store in (self._created, self._comments, self._types, self._sources):
                for key in [key for key in store if key[: len(gone)] == gone]:
                    del store[key]
            for facts in (self._keys, self._stored):
                for owner in [owner for owner in facts if owner[: len(path)] == path]:
                    del facts[owner]
