"""Settings as plain values for whoever may look at them, without what nobody may see."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

__all__ = ["shown"]

_HIDDEN: Final = ("password", "secret", "token", "key")
"""Parts of names of settings that are not shown to anybody."""


def shown(settings: Any) -> dict[str, Any]:
    """A settings object as JSON, without what may not be seen."""
    return {
        each.name: _plain(getattr(settings, each.name))
        for each in fields(settings)
        if not any(part in each.name for part in _HIDDEN)
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and type(value).__name__.endswith("Settings"):
        return shown(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)
