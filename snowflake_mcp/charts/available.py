"""Whether pictures can be drawn here."""

from importlib.util import find_spec

__all__ = ["can_draw"]


def can_draw() -> bool:
    """Whether the plotting library is installed; it is found, not imported."""
    return find_spec("matplotlib") is not None
