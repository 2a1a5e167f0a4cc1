"""Texts and TOML values to typed settings: names, types, ranges, and all problems at once."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Final

from snowflake_mcp.config.model import (
    AuditSettings,
    AuthSettings,
    CatalogSettings,
    ChartSettings,
    CortexSettings,
    ExportSettings,
    FixtureSettings,
    HttpSettings,
    LimitSettings,
    LogSettings,
    MigrationSettings,
    OAuthSettings,
    PolicySettings,
    PoolSettings,
    RateSettings,
    TlsSettings,
    TracingSettings,
    WebSocketSettings,
)

__all__ = ["ENVIRONMENT_PREFIX", "SECTIONS", "Problems", "Setting", "apply", "settings"]

ENVIRONMENT_PREFIX: Final = "SNOWFLAKE_MCP_"

SECTIONS: Final[Mapping[str, Any]] = {
    "http": HttpSettings(),
    "tls": TlsSettings(),
    "websocket": WebSocketSettings(),
    "pool": PoolSettings(),
    "limits": LimitSettings(),
    "policy": PolicySettings(),
    "rates": RateSettings(),
    "auth": AuthSettings(),
    "oauth": OAuthSettings(),
    "testing": FixtureSettings(),
    "log": LogSettings(),
    "tracing": TracingSettings(),
    "audit": AuditSettings(),
    "catalog": CatalogSettings(),
    "migration": MigrationSettings(),
    "exports": ExportSettings(),
    "charts": ChartSettings(),
    "cortex": CortexSettings(),
}
"""The sections of the configuration file with their defaults."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclass(slots=True)
class Problems:
    """Everything that is wrong, in the order it was found."""

    lines: list[str] = field(default_factory=list)

    def add(self, where: str, what: str, origin: str) -> None:
        """One problem: the setting, what is wrong with it, and where it was written."""
        self.lines.append(f"{where}: {what} (from {origin})")


@dataclass(frozen=True, slots=True)
class Setting:
    """One leaf of the settings tree."""

    section: str
    name: str
    default: Any
    low: float | None
    high: float | None

    @property
    def path(self) -> str:
        """As it is written in messages and docs: ``pool.max_statements``."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{ENVIRONMENT_PREFIX}{self.section}_{self.name}".upper()


def settings() -> Iterator[Setting]:
    """Every setting there is."""
    for section, defaults in SECTIONS.items():
        for each in fields(defaults):
            yield _setting(section, defaults, each)


def apply(
    section: str, current: Any, values: Mapping[str, Any], origin: str, problems: Problems
) -> Any:
    """``current`` with ``values`` in place; what does not fit is noted and left out."""
    known = {each.name: _setting(section, current, each) for each in fields(current)}
    changes: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            problems.add(f"{section}.{name}", "is not a setting", origin)
            continue
        try:
            changes[name] = _convert(known[name], value)
        except ValueError as error:
            problems.add(f"{section}.{name}", str(error), origin)
    return replace(current, **changes)


def _setting(section: str, defaults: Any, each: Field[Any]) -> Setting:
    return Setting(
        section,
        each.name,
        getattr(defaults, each.name),
        each.metadata.get("low"),
        each.metadata.get("high"),
    )


def _convert(setting: Setting, value: Any) -> Any:
    default = setting.default
    if isinstance(default, bool):
        return _boolean(value)
    if isinstance(default, tuple):
        return _texts(value)
    if isinstance(default, int | float):
        return _in_range(setting, _number(value, whole=isinstance(default, int)))
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("must be true or false")


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise ValueError("must be a list of texts")


def _number(value: Any, *, whole: bool) -> int | float:
    kind = "a whole number" if whole else "a number"
    if isinstance(value, bool):
        raise ValueError(f"must be {kind}")
    try:
        number = int(value) if whole else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"must be {kind}") from None
    if isinstance(value, float) and whole and value != number:
        raise ValueError(f"must be {kind}")
    return number


def _in_range(setting: Setting, number: int | float) -> int | float:
    low, high = setting.low, setting.high
    if low is not None and high is not None and not low <= number <= high:
        raise ValueError(f"{number} is not in {low}..{high}")
    return number
