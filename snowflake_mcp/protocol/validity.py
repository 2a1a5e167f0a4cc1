"""Whether the params of a request are what its revision defines; what was found once is kept."""

from types import ModuleType
from typing import Any, Final

from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.meta import Meta
from snowflake_mcp.protocol.shapes import fits

__all__ = ["check_params", "load_types"]

_CALL: Final = frozenset({"name", "arguments", "_meta"})
_META: Final = frozenset({"_meta"})
_loaded: Final[list[ModuleType]] = []
"""The module that judges by the SDK's types, once it is loaded."""


def load_types() -> None:
    """Load the SDK's types, which takes 0.3 s and 18 MB, once in a process; any thread."""
    # Asked for by the first request that is odd, which most servers never see (see ``shapes``).
    from mcp_types import methods  # noqa: PLC0415 - see above

    _loaded.append(methods)


def check_params(method: str, version: str, params: dict[str, Any], meta: Meta) -> bool:
    """Pass params that the SDK's types would pass; ``meta`` is what their ``_meta`` says.

    A client says the same of itself in the ``_meta`` of each request, and that is nearly all there
    is to check: a tool's name is any string and its arguments are any object. ``False``: they are
    not plain, and have to be judged again after ``load_types``.

    Raises:
        KeyError: the revision has no such method.
        McpError: they do not fit (-32602).
    """
    decided = _decided_by_meta(method, params)
    if decided and (method, version) in meta.fits:
        return True
    if not fits(method, version, params):
        if not _loaded:
            return False
        _judge(method, version, params)
    if decided:
        meta.fits.add((method, version))
    return True


def _judge(method: str, version: str, params: dict[str, Any]) -> None:
    """Ask the SDK's types about params that are not plain; its sentence is the one we tell.

    Raises:
        McpError: they do not fit (-32602).
    """
    # The SDK's types are pydantic's models, so it has been loaded with them.
    from pydantic import ValidationError  # noqa: PLC0415 - see above

    try:
        _loaded[0].validate_client_request(method, version, params)
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
            and isinstance(params.get("name"), str)
            and isinstance(params.get("arguments", _NO_ARGUMENTS), dict)
        )
    return params.keys() <= _META


_NO_ARGUMENTS: Final[dict[str, Any]] = {}
