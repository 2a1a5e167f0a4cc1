"""Whether the params of a request are what its revision defines; what was found once is kept."""

from typing import Any, Final

from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.meta import Meta
from snowflake_mcp.protocol.shapes import fits

__all__ = ["check_params"]

_CALL: Final = frozenset({"name", "arguments", "_meta"})
_META: Final = frozenset({"_meta"})


def check_params(method: str, version: str, params: dict[str, Any], meta: Meta) -> None:
    """Pass params that the SDK's types would pass; ``meta`` is what their ``_meta`` says.

    A client says the same of itself in the ``_meta`` of each request, and that is nearly all there
    is to check: a tool's name is any string and its arguments are any object.

    Raises:
        KeyError: the revision has no such method.
        McpError: they do not fit (-32602).
    """
    decided = _decided_by_meta(method, params)
    if decided and (method, version) in meta.fits:
        return
    if not fits(method, version, params):
        _judge(method, version, params)
    if decided:
        meta.fits.add((method, version))


def _judge(method: str, version: str, params: dict[str, Any]) -> None:
    """Ask the SDK's types about params that are not plain; its sentence is the one we tell.

    Raises:
        McpError: they do not fit (-32602).
    """
    # Loaded by the first request that is odd, which most servers never see (see ``shapes``); it
    # keeps the reactor for 0.3 s, once.
    from mcp_types import methods as wire  # noqa: PLC0415 - see above
    from pydantic import ValidationError  # noqa: PLC0415 - see above

    try:
        wire.validate_client_request(method, version, params)
    except ValidationError as error:
        # What is wrong and where; no value of the client's.
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "params"
        raise McpError(INVALID_PARAMS, f"Invalid params: {where}: {problem['msg']}") from None


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
