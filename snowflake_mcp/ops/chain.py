"""Records that vouch for each other: one JSON object a line, each with the hash of the one before.

A line is a JSON object whose last member is ``hash``, and the hash is over the bytes of the line
before that member, closed with a brace. So anybody can check a line without writing JSON anew.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["GENESIS", "Link", "Sealer", "link_of"]

GENESIS: Final = "0" * 64
"""What the first record of all has for the hash of the one before."""

_END: Final = re.compile(rb',"hash":"([0-9a-f]{64})"\}\Z')


@dataclass(frozen=True, slots=True)
class Link:
    """A record as it was read, not yet checked against anything."""

    seq: int
    previous: str
    hash: str
    body: bytes
    """What the hash is over."""
    record: Mapping[str, Any]


class Sealer:
    """Makes hashes: SHA-256, or HMAC-SHA-256 where there is a key; any thread.

    Without a key everybody can make a chain that fits, so that it shows accidents; only with one
    does it show that somebody without the key has changed a record.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    @property
    def name(self) -> str:
        """Of the method, as the first record after a start tells it."""
        return "hmac-sha256" if self._key else "sha256"

    def seal(
        self, seq: int, time: str, previous: str, members: Mapping[str, Any]
    ) -> tuple[bytes, str]:
        """The line of a record with its newline, and its hash."""
        whole = {"seq": seq, "time": time, **members, "prev": previous}
        # ASCII throughout: nothing that a caller said can act on whoever looks at the file, and
        # every text is kept exactly, half characters too.
        body = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode("ascii")
        digest = self._digest(body)
        return b'%s,"hash":"%s"}\n' % (body[:-1], digest.encode()), digest

    def fits(self, link: Link) -> bool:
        """Whether the hash is the record's."""
        return hmac.compare_digest(self._digest(link.body), link.hash)

    def _digest(self, body: bytes) -> str:
        if self._key:
            return hmac.digest(self._key, body, hashlib.sha256).hex()
        return hashlib.sha256(body).hexdigest()


def link_of(line: bytes) -> Link:
    """The record of a line without its newline.

    Raises:
        ValueError: it is none, or not a whole one.
    """
    end = _END.search(line)
    if end is None:
        raise ValueError("the line does not end with a hash")
    body = line[: end.start()] + b"}"
    try:
        record = json.loads(body)
    except RecursionError:
        raise ValueError("the line is nested too deeply") from None
    seq, previous = (record.get("seq"), record.get("prev")) if isinstance(record, dict) else (0, 0)
    if not isinstance(seq, int) or isinstance(seq, bool) or not isinstance(previous, str):
        raise ValueError("the line has no number or no previous hash")
    return Link(seq, previous, end[1].decode(), body, record)
