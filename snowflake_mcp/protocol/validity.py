"""Whether the params of a request are what its revision defines; what was found once is kept."""

from typing import Any, Final

from mcp_types import methods as wire

from snowflake_mcp.protocol.meta import Meta

__all__ = ["check_params"]

_CALL: Final = frozenset({"name", "arguments", "_meta"})
_META: Final = frozenset({"_meta"})


def check_params(method: str, version: str, params: dict[str, Any], meta: Meta) -> None:
    """Pass params that fit, by the SDK's types; ``meta`` is what their ``_meta`` says.

    A client says the same of itself in the ``_meta`` of each request, and that is nearly all there
    is to check: a tool's name is any string and its arguments are any object.

    Raises:
        KeyError: the revision has no such method.
        pydantic.ValidationError: they do not fit.
    """
    decided = _decided_by_meta(method, params)
    if decided and (method, version) in meta.fits:
        return
    wire.validate_client_request(method, version, params)
    if decided:
        meta.fits.add((method, version))


def _decided_by_meta(method: str, params: dict[str, Any]) -> bool:
    """Whether the rest of the params fits whatever the revision."""
    if method == "tools/call":
        return (
            params.keys() <= _CALL
            and type(params.get("name")) is str
            and type(params.get("arguments", _NO_ARGUMENTS)) is dict
        )
    return params.keys() <= _META


_NO_ARGUMENTS: Final[dict[str, Any]] = {}
