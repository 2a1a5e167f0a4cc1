"""Whether the params of a request are what its revision defines; what was found once is kept."""

from typing import Any, Final

import msgspec
from mcp_types import methods as wire

__all__ = ["check_params"]

_MAX_KEPT: Final = 512
_MAX_META_BYTES: Final = 2_048
_CALL: Final = frozenset({"name", "arguments", "_meta"})
_META: Final = frozenset({"_meta"})

_Key = tuple[str, str, bytes]
_valid: set[_Key] = set()


def check_params(method: str, version: str, params: dict[str, Any]) -> None:
    """Pass params that fit, by the SDK's types.

    A client says the same of itself in the ``_meta`` of each request, and that is nearly all there
    is to check: a tool's name is any string and its arguments are any object.

    Raises:
        KeyError: the revision has no such method.
        pydantic.ValidationError: they do not fit.
    """
    key = _key(method, version, params)
    if key is not None and key in _valid:
        return
    wire.validate_client_request(method, version, params)
    if key is not None:
        if len(_valid) >= _MAX_KEPT:
            _valid.clear()
        _valid.add(key)


def _key(method: str, version: str, params: dict[str, Any]) -> _Key | None:
    """What decides, if it is no more than the method, the revision and what ``_meta`` says."""
    if method == "tools/call":
        if (
            not params.keys() <= _CALL
            or type(params.get("name")) is not str
            or type(params.get("arguments", {})) is not dict
        ):
            return None
    elif not params.keys() <= _META:
        return None
    meta = params.get("_meta", {})
    if type(meta) is not dict:
        return None
    token = meta.get("progressToken")
    if type(token) is str or type(token) is int:
        # It differs from call to call, and both are fine.
        meta = {name: value for name, value in meta.items() if name != "progressToken"}
    encoded = msgspec.json.encode(meta)
    return (method, version, encoded) if len(encoded) <= _MAX_META_BYTES else None
