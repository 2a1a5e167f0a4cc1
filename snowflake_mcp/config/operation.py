"""The settings of what operators look at, and of what only tests of the server set."""

from dataclasses import dataclass

from snowflake_mcp.config.ranges import number as _number

__all__ = ["FixtureSettings", "LogSettings", "TracingSettings"]


@dataclass(frozen=True, slots=True)
class FixtureSettings:
    """What only tests of the server itself set: the section ``testing``."""

    fixtures: str = ""
    """A module whose ``extend`` adds to what is offered; refused on other than loopback."""


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """OpenTelemetry."""

    endpoint: str = ""
    """URL of a collector's OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; none: off."""
    sample_ratio: float = _number(1.0, 0, 1)
    """Share of the traces that begin here; where a client has begun one, it decides."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The file that ``--logger=snowflake_mcp.ops.logs.file_json`` or ``file_text`` writes."""

    file: str = "snowflake-mcp.log"
    max_bytes: int = _number(10 << 20, 0, 1 << 40)
    """A file that would grow beyond is rotated; 0: never."""
    keep_files: int = _number(5, 0, 1000)
    """Rotated files to keep."""
    requests: bool = True
    """A line for every request and HTTP exchange; without it only for those that failed."""
    access_file: str = ""
    """Where the lines of requests go instead, rotated alike; none: into the same log."""
