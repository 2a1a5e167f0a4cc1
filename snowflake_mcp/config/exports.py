"""The settings of exports: where whole results are put, how many, and who may fetch them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from snowflake_mcp.config.ranges import number as _number

__all__ = ["ExportSettings", "export_problems"]

_LINKS: Final = ("signed", "authenticated", "off")


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """The spool of whole results: section ``exports``."""

    directory: str = ""
    """Where files are put, in a folder of this process's own; empty: ``exports`` in the cache
    folder that systemd gives, else below the system's temporary folder."""
    links: str = "signed"
    """Links for downloads over HTTP: ``signed`` (whoever has one), ``authenticated`` (the caller
    alone, with its credential) or ``off``."""
    base_url: str = ""
    """What stands before ``/exports`` in links, such as https://mcp.example.com; empty: scheme and
    host as the caller's request names them."""
    ttl_s: float = _number(3_600.0, 10, 30 * 86_400)
    """How long a file is kept, and its link good."""
    max_bytes: int = _number(4 << 30, 1 << 20, 1 << 50)
    """Of all files together, those that are being written included."""
    max_file_bytes: int = _number(1 << 30, 1 << 10, 1 << 50)
    """Of one file; a larger export is given up and says so."""
    max_rows: int = _number(10_000_000, 1, 1 << 40)
    """Of one file, likewise."""
    max_per_principal: int = _number(10, 1, 10_000)
    """Files of one principal; for a further one the oldest makes room."""
    max_read_bytes: int = _number(1 << 20, 0, 64 << 20)
    """A larger file is not given by resources/read, only by its link."""


def export_problems(settings: ExportSettings) -> Iterator[str]:
    """The words that are none of a setting's."""
    if settings.links not in _LINKS:
        yield f"exports.links: {settings.links!r} is none of {', '.join(_LINKS)}"
    base = settings.base_url
    if base and not (base.startswith(("http://", "https://")) and base.isprintable()):
        yield "exports.base_url: expected a URL that begins with https:// or http://"
