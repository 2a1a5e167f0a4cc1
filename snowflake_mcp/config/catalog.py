"""The settings of the shared list of what there is in an account."""

from dataclasses import dataclass, field

__all__ = ["CatalogSettings"]


@dataclass(frozen=True, slots=True)
class CatalogSettings:
    """What is kept of the names of an account's objects: section ``catalog``."""

    max_objects: int = field(default=300_000, metadata={"low": 1_000, "high": 2_000_000})
    """Kept of all connections and roles together; about 150 bytes each, 300 with comments."""
    refresh_s: float = field(default=600.0, metadata={"low": 10.0, "high": 86_400.0})
    """Past this age the next one who asks has the list read anew in the background."""
    load_timeout_s: float = field(default=300.0, metadata={"low": 5.0, "high": 3_600.0})
    """One reading of the list ends after so long with what it has."""
