"""Pages of a list, and the signed cursors that lead from one to the next."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.principal import Principal

__all__ = ["Cursors"]

_TAG_CHARS: Final = 16


class Cursors:
    """Cuts lists into pages; pure, any thread.

    A cursor is bound to its list, to the principal and to the list's length, so that a list that
    changed in between is begun anew instead of skipping or repeating entries.
    """

    def __init__(self, key: bytes, page_size: int) -> None:
        self._key = hashlib.sha256(b"cursor" + key).digest()
        self._page_size = page_size

    def page(
        self,
        name: str,
        entries: Sequence[Mapping[str, Any]],
        params: Mapping[str, Any],
        principal: Principal,
    ) -> dict[str, Any]:
        """One page as the members of a list result.

        Raises:
            McpError: -32602: the cursor is not one of ours, or the list has changed since.
        """
        # Clients that write every member of their types send null where they have none.
        cursor = params.get("cursor")
        bound = f"{name} {len(entries)} {principal.name}"
        start = 0 if cursor is None else self._open(bound, cursor)
        end = start + self._page_size
        result: dict[str, Any] = {name: list(entries[start:end])}
        if end < len(entries):
            result["nextCursor"] = self._seal(bound, end)
        return result

    def _seal(self, bound: str, position: int) -> str:
        text = f"{position}.{self._tag(bound, position)}"
        return base64.urlsafe_b64encode(text.encode()).decode()

    def _open(self, bound: str, cursor: str) -> int:
        try:
            text = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("ascii")
            number, _, tag = text.partition(".")
            if number.isdigit() and len(number) < 10:
                position = int(number)
                if hmac.compare_digest(tag, self._tag(bound, position)):
                    return position
        except (ValueError, binascii.Error):
            pass
        raise McpError(INVALID_PARAMS, "Unknown cursor: begin the list again without one")

    def _tag(self, bound: str, position: int) -> str:
        message = f"{position} {bound}".encode()
        return hmac.digest(self._key, message, hashlib.sha256).hex()[:_TAG_CHARS]
