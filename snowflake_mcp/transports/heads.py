"""From the bytes of a request's head to what it says, with ``llhttp`` as the judge.

A client sends the same head again and again: another length, perhaps another tool, and that is
all. So the last head of a connection is kept, with all that was found out about it, and where the
next one has the same bytes nothing is read or found out anew.
"""

# mypy: allow-untyped-calls

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    from snowflake_mcp.auth.caller import Caller
    from snowflake_mcp.auth.ways import Ways
    from snowflake_mcp.protocol.envelope import RoutingHeaders
    from snowflake_mcp.transports.guard import Guard
    from snowflake_mcp.transports.proxies import Source
    from snowflake_mcp.transports.tree import Endpoint, Route, Tree

__all__ = ["MAX_HEADERS", "MAX_LENGTH_DIGITS", "REQUEST_LINE", "Fields", "Head", "Heads", "lasts"]

Fields = dict[str, list[str]]
"""Every value of each header, by lower-case name; never changed once it is there."""

MAX_HEADERS: Final = 64
MAX_LENGTH_DIGITS: Final = 12
REQUEST_LINE: Final = re.compile(rb"([!#-'*+\-.^-`|~0-9A-Za-z]+) ([\x21-\xb0]+) (HTTP/1\.[01])\r\n")
_ANY_LINE: Final = b"POST / HTTP/1.1\r\n"
"""Stands before the headers: llhttp refuses methods it does not know, the path table answers."""
_CHANGING: Final = re.compile(
    rb"\r\n((?=[CcMmTtXx])(?i:content-length|mcp-(?:method|name)|trace(?:parent|state)|cf-ray|"
    rb"x-(?:amzn-trace-id|b3-spanid|b3-traceid|cloud-trace-context|correlation-id|request-id))"
    rb": ?)([!-~]+)(?=\r\n)"
)
"""Headers that differ from one request to the next: the message's, and the names that proxies and
tracers give to each. A value of other bytes than these is none of them, so whatever is put in the
place of one is as valid; of a length ``Heads`` sees to that. The look at the first letter spares
most lines the alternatives, which took three times as long."""
_MAX_KEPT_BYTES: Final = 4_096
"""A longer head is read anew each time: thousands of connections may be open."""
_MAX_NAMES: Final = 1_000
_NOT_VALID: Final = -1
_names: dict[bytes, str] = {}
"""Names of headers as they came, and in lower case."""


class Head:
    """What a head says, but for the headers that change; and what was found out about it.

    Others keep their verdicts here, each beside the very object it was found out from: a reload
    puts another one in its place, and then the verdict is none. Nothing here may rest on one of
    the changing headers.
    """

    __slots__ = (
        "caller",
        "endpoint",
        "expects",
        "guard",
        "lasts",
        "origin",
        "query",
        "route",
        "routed",
        "routing",
        "source",
        "target",
        "tree",
        "verb",
        "version",
        "ways",
    )

    def __init__(self, method: bytes, uri: bytes, version: bytes, fields: Fields) -> None:
        path, _, query = uri.partition(b"?")
        self.verb = method.decode("ascii", "backslashreplace")
        self.target = path.decode("ascii", "backslashreplace")
        self.query = query.decode("ascii", "replace")
        self.version = version
        """``HTTP/1.0`` or ``HTTP/1.1``."""
        self.lasts = lasts(version, fields)
        """Whether the client goes on with the connection."""
        expects = fields.get("expect")
        self.expects = (
            expects is not None and expects[0].lower() == "100-continue" and version == b"HTTP/1.1"
        )
        """Whether it waits to be asked for the body."""
        self.source: Source | None = None
        self.origin = ""
        """Scheme and host by which the client has reached us; told with ``source``."""
        self.guard: Guard | None = None
        """Has let it pass."""
        self.routing: RoutingHeaders | None = None
        self.routed: Fields | None = None
        """The headers, those that change included, which ``routing`` is out of."""
        self.ways: Ways | None = None
        self.caller: Caller | None = None
        """Whom these ``ways`` have found."""
        self.tree: Tree | None = None
        """Names the ``route`` for this path, whoever asks."""
        self.route: Route | None = None
        self.endpoint: Endpoint | None = None
        """What answers it at this ``route``, all types being right."""


Found = tuple[Head, Fields, int | None]
"""A head, its headers, and the length of the body: ``None`` where its chunks will tell."""


class Heads:
    """The heads of one connection; reactor thread only.

    What is kept holds a credential in the clear, as long as the connection is open or until
    another head comes.
    """

    __slots__ = ("_changing", "_fixed", "_values", "block", "found", "size")

    def __init__(self) -> None:
        self.block: bytes | tuple[()] = ()
        """The last head, its blank line included, if it is kept; nothing starts with ``()``."""
        self.size = 0
        """Of ``block``, in bytes."""
        self.found: Found | None = None
        """What ``read`` has given for it."""
        self._fixed: list[bytes] = []
        self._changing: tuple[str, ...] = ()
        self._values: list[bytes] = []

    def read(self, block: bytes) -> Found | None:
        """A head, its headers and the length of its body, ``None`` if its chunks will tell.

        ``block`` ends with the blank line. ``None``: it is not valid.
        """
        pieces = _CHANGING.split(block)
        values = pieces[2::3]
        del pieces[2::3]
        if self.found is not None and pieces == self._fixed:
            return self._with(self.found, block, values)
        return self._read(block, pieces, values)

    def _with(self, found: Found, block: bytes, values: list[bytes]) -> Found | None:
        """The same once more, with other values of what changes."""
        head, fields, length = found
        fields = fields.copy()
        for name, value, before in zip(self._changing, values, self._values, strict=True):
            if value == before:
                continue
            text = value.decode("ascii")
            fields[name] = [text]
            if name == "content-length":
                if not text.isdigit() or len(text) > MAX_LENGTH_DIGITS:
                    return None
                length = int(text)
        self._values, self.block, self.size = values, block, len(block)
        self.found = found = head, fields, length
        return found

    def _read(self, block: bytes, fixed: list[bytes], values: list[bytes]) -> Found | None:
        line = REQUEST_LINE.match(block)
        fields = None if line is None else _heard(block[line.end() :])
        length = None if fields is None else _length(fields)
        if line is None or fields is None or length == _NOT_VALID:
            return None
        method, uri, version = line.groups()
        head = Head(method, uri, version, fields)
        found = head, fields, length
        changing = _changing(*fixed[1::2])
        self.found, self.block = None, ()
        if len(block) <= _MAX_KEPT_BYTES and all(
            len(fields.get(name, ())) == 1 for name in changing
        ):
            self.found, self.block, self.size = found, block, len(block)
            self._changing, self._fixed, self._values = changing, fixed, values
        return found


class _Heard:
    """What a parser has found in one head."""

    __slots__ = ("pairs", "whole")

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        self.whole = True


def _heard(headers: bytes) -> Fields | None:
    """What llhttp reads in headers, blank line included; ``None``: not valid, or too many."""
    heard = _Heard()
    try:
        HttpRequestParser(heard).feed_data(_ANY_LINE + headers)
    except HttpParserUpgrade:
        # It would stop here; whether anything is upgraded is for the path table to say.
        pass
    except HttpParserError:
        return None
    pairs = heard.pairs
    if not heard.whole or len(pairs) > MAX_HEADERS:
        return None
    fields = {
        _names.get(name) or _lower(name): [value.decode("latin-1").strip(" \t")]
        for name, value in pairs
    }
    if len(fields) < len(pairs):
        # One comes more than once: all its values count, in their order.
        fields = {name: [] for name in fields}
        for name, value in pairs:
            fields[_lower(name)].append(value.decode("latin-1").strip(" \t"))
    return fields


@lru_cache(maxsize=128)
def _changing(*names: bytes) -> tuple[str, ...]:
    """Names of headers, as they stand before a value, in lower case."""
    return tuple(name.partition(b":")[0].decode("ascii").lower() for name in names)


def _lower(name: bytes) -> str:
    key = name.decode("ascii").lower()
    # A client that makes up names must not fill the memory.
    if len(_names) < _MAX_NAMES:
        _names[name] = key
    return key


def _length(fields: Fields) -> int | None:
    """Of the body; ``None``: its chunks will tell."""
    codings = fields.get("transfer-encoding")
    if codings is not None:
        # llhttp has seen to it that there is no Content-Length beside it.
        return None if [coding.lower() for coding in codings] == ["chunked"] else _NOT_VALID
    lengths = fields.get("content-length")
    if lengths is None:
        return 0
    (length,) = lengths
    return int(length) if len(length) <= MAX_LENGTH_DIGITS else _NOT_VALID


def lasts(version: bytes, fields: Fields) -> bool:
    """Whether the connection goes on after a request with these headers, by the client's wish."""
    return version == b"HTTP/1.1" and not any(
        part.strip().lower() == "close"
        for wish in fields.get("connection", ())
        for part in wish.split(",")
    )
