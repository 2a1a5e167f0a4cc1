"""Values as TOML writes them."""

import json
from collections.abc import Sequence
from typing import Final

__all__ = ["assignment"]

_DEL: Final = "\x7f"
"""The one control character that JSON leaves as it is."""


def assignment(key: str, value: str | int | bool | Sequence[str]) -> str:
    """A line of a table; ``key`` is a bare one."""
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}"
    if isinstance(value, int):
        return f"{key} = {value}"
    if isinstance(value, str):
        return f"{key} = {_text(value)}"
    return f"{key} = [{', '.join(map(_text, value))}]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace(_DEL, "\\u007f")
