"""Links that carry what they are good for, signed: any process with the key can honour them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from snowflake_mcp.config.exports import ExportSettings
from snowflake_mcp.exports.spool import Export

__all__ = ["PATH", "LinkRefused", "Links", "Ticket"]

PATH: Final = "/exports"
_MAX_CHARS: Final = 2_048


class Ticket(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a link says of its file."""

    name: str
    instance: str
    """The folder it is in."""
    principal: str
    """Whose it is."""
    expires: int
    """Seconds since the epoch."""
    bytes: int


class LinkRefused(Exception):
    """A link that is good for nothing; ``status`` is HTTP's word for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Links:
    """Makes and reads links; pure, any thread. ``wall_clock`` gives seconds since the epoch."""

    def __init__(self, key: bytes, wall_clock: Callable[[], float]) -> None:
        self._key = hashlib.sha256(b"export" + key).digest()
        self._wall_clock = wall_clock

    def url(
        self, export: Export, instance: str, settings: ExportSettings, origin: str
    ) -> str | None:
        """The link of an export for a caller who came in at ``origin``; ``None``: there are none.

        Where nothing says what stands before it, it is a path.
        """
        if settings.links == "off":
            return None
        return (settings.base_url.rstrip("/") or origin) + self.path(export, instance)

    def path(self, export: Export, instance: str) -> str:
        """The path and query of an export."""
        ticket = Ticket(export.name, instance, export.principal, int(export.expires), export.bytes)
        body = base64.urlsafe_b64encode(msgspec.json.encode(ticket)).decode().rstrip("=")
        return f"{PATH}/{export.name}?ticket={body}&signature={self._signature(body)}"

    def open(self, name: str, query: str) -> Ticket:
        """What the link says that has this file's name and this query string.

        Raises:
            LinkRefused: it was not made here, is of another file, or has expired.
        """
        given = dict(parse_qsl(query[:_MAX_CHARS], max_num_fields=8)) if query else {}
        body, signature = given.get("ticket", ""), given.get("signature", "")
        genuine = hmac.compare_digest(signature.encode(), self._signature(body).encode())
        if len(query) > _MAX_CHARS or not genuine:
            raise _not_ours()
        try:
            padded = body + "=" * (-len(body) % 4)
            ticket = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=Ticket)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            raise _not_ours() from None
        if ticket.name != name:
            raise _not_ours()
        if ticket.expires <= self._wall_clock():
            raise LinkRefused(
                410, "expired", "This link has expired. Export the result again for a new one."
            )
        return ticket

    def _signature(self, body: str) -> str:
        return hmac.digest(self._key, body.encode("utf-8", "replace"), hashlib.sha256).hex()


def _not_ours() -> LinkRefused:
    return LinkRefused(403, "bad_link", "This link is not one that this server has made.")
