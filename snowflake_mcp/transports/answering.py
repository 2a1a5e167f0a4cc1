"""The head of an HTTP/1.1 answer as bytes, put together once and written with its body."""

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from twisted.web.http import datetimeToString

from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.transports.exchange import HeaderList
from snowflake_mcp.transports.headers import SECURITY

__all__ = ["BODILESS", "encode_head"]

BODILESS: Final = frozenset({204, 304})
"""Answers that never have a body, nor a word of its length."""
_ALWAYS: Final = "".join(f"{name}: {value}\r\n" for name, value in SECURITY)


def encode_head(
    version: bytes,
    status: int,
    request_id: str,
    content_type: str | None,
    headers: HeaderList,
    length: int | None,
    *,
    chunked: bool,
    closes: bool,
) -> bytes:
    """Everything up to the blank line, and that.

    A header that comes again takes the place of the one before, so ``headers`` may replace any of
    those that every answer has.
    """
    lines = _ALWAYS
    if headers:
        named = {name.lower(): (name, value) for name, value in (*SECURITY, *headers)}
        lines = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in named.values())
    if content_type is not None:
        lines += f"Content-Type: {content_type}\r\n"
    if length is not None:
        lines += f"Content-Length: {length}\r\n"
    if chunked:
        lines += "Transfer-Encoding: chunked\r\n"
    if closes:
        lines += "Connection: close\r\n"
    return (
        f"{_status_line(version, status)}Date: {_date(int(wall_clock()))}\r\n"
        f"X-Request-Id: {request_id}\r\n{lines}\r\n"
    ).encode()


@lru_cache(maxsize=128)
def _status_line(version: bytes, status: int) -> str:
    return f"{version.decode('ascii')} {status} {HTTPStatus(status).phrase}\r\n"


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return str(datetimeToString(second), "ascii")


def _one_line(value: str) -> str:
    """No value of ours has a line break; were one to slip in, it must not become a header."""
    return " ".join(_pieces(value)) if "\r" in value or "\n" in value else value


def _pieces(value: str) -> Iterable[str]:
    return value.replace("\r", "\n").split("\n")
