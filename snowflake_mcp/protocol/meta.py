"""What the ``_meta`` of a request's params says, read once as long as a client repeats itself."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.live import LEVELS
from snowflake_mcp.protocol.metakeys import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
)

__all__ = ["Meta", "Said", "client_label", "said_by"]

_MAX_KEPT: Final = 512
_MAX_BYTES: Final = 2_048
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Meta(msgspec.Struct, frozen=True):
    """What a client says of itself with each request; the same for all that say the same."""

    claimed: bool = False
    """It claims the stateless era: the version key is reserved for that."""
    problem: str = "params._meta must be an object with the protocol version and capabilities"
    """Why it is not the envelope of a stateless request; empty where it is."""
    version: str = ""
    client: str = ""
    """Name and version as the client gives them, for logs and tags."""
    capabilities: Mapping[str, Any] = {}
    """Never changed: it belongs to many requests."""
    log_level: str | None = None
    fits: set[tuple[str, str]] = msgspec.field(default_factory=set)
    """Methods and revisions to whose types it has been held; ``protocol.validity`` notes them."""


class Said(msgspec.Struct, frozen=True):
    """All that ``_meta`` says: of the client, and what differs from call to call."""

    meta: Meta
    progress_token: str | int | None = None
    traceparent: str | None = None
    """The W3C trace context of the request, if it has a valid one."""


_ABSENT: Final = object()
_NOTHING: Final = Said(Meta())
_kept: dict[bytes, Said] = {}
_encode = msgspec.json.Encoder().encode


def said_by(params: Mapping[str, Any] | None) -> Said:
    """What the params of a request say in ``_meta``."""
    meta = params.get("_meta", _ABSENT) if params is not None else _ABSENT
    if type(meta) is not dict:
        return _NOTHING if meta is _ABSENT else Said(Meta())
    if "progressToken" in meta or "traceparent" in meta:
        return _with_its_own(meta)
    text = _encode(meta)
    found = _kept.get(text)
    if found is None:
        found = Said(_read(meta))
        if len(text) <= _MAX_BYTES:
            if len(_kept) >= _MAX_KEPT:
                _kept.clear()
            _kept[text] = found
    return found


def _with_its_own(meta: dict[str, Any]) -> Said:
    """Part from the rest what differs from call to call; of a wrong type it stays there."""
    rest = dict(meta)
    token, trace = meta.get("progressToken"), meta.get("traceparent")
    if type(token) is str or type(token) is int:
        del rest["progressToken"]
    else:
        token = None
    if type(trace) is str:
        del rest["traceparent"]
    if type(trace) is not str or not _TRACEPARENT.fullmatch(trace):
        trace = None
    if len(rest) == len(meta):
        return Said(_read(rest))
    return Said(said_by({"_meta": rest}).meta, token, trace)


def _read(meta: dict[str, Any]) -> Meta:
    level, problem = meta.get(LOG_LEVEL_META_KEY), ""
    version = meta.get(PROTOCOL_VERSION_META_KEY)
    capabilities = meta.get(CLIENT_CAPABILITIES_META_KEY)
    for key in (PROTOCOL_VERSION_META_KEY, CLIENT_CAPABILITIES_META_KEY):
        if key not in meta:
            problem = problem or f"params._meta lacks {key}"
    if not isinstance(version, str):
        problem = problem or f"params._meta: {PROTOCOL_VERSION_META_KEY} must be a string"
    if not isinstance(capabilities, dict):
        problem = problem or f"params._meta: {CLIENT_CAPABILITIES_META_KEY} must be an object"
    return Meta(
        claimed=PROTOCOL_VERSION_META_KEY in meta,
        problem=problem,
        version=version if isinstance(version, str) else "",
        client=client_label(meta.get(CLIENT_INFO_META_KEY)),
        capabilities=capabilities if isinstance(capabilities, dict) else {},
        log_level=level if level in LEVELS else None,
    )


def client_label(info: object) -> str:
    """Name and version as a client gives them, short and printable; empty when unusable."""
    if not isinstance(info, dict):
        return ""
    label = "/".join(
        str(info[key]) for key in ("name", "version") if isinstance(info.get(key), str)
    )
    label = label[:80]
    return (
        label if label.isprintable() else "".join(ch if ch.isprintable() else "?" for ch in label)
    )
