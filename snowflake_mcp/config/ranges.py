"""Settings that are numbers within a range."""

from dataclasses import field
from typing import Any

__all__ = ["number"]


def number(default: float, low: float, high: float) -> Any:
    """A setting with its range, which ``config.settings`` enforces."""
    return field(default=default, metadata={"low": low, "high": high})
