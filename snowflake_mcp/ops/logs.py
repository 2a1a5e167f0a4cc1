"""Log observers for ``twistd --logger=snowflake_mcp.ops.logs.NAME``, and what they share.

A factory of an observer takes no argument, and twistd calls it after the configuration has been
read and before it forks. So the configured file waits here, as plain data, until it is called.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from snowflake_mcp.ops.lines import json_line, text_line
from snowflake_mcp.ops.logfile import STDERR, LogFile, Stream
from snowflake_mcp.ops.shapes import Shape, shape_of

__all__ = [
    "LineObserver",
    "begin",
    "bridged",
    "configure",
    "end",
    "file_json",
    "file_text",
    "flush",
    "folder",
    "lost_lines",
    "reopen",
    "resize",
    "stderr_text",
    "stdout_json",
    "stdout_text",
]

_log = Logger()

_STDOUT: Final = 1

_Format = Callable[[LogEvent, Shape], bytes | None]


class _Shared:
    """What the process logs to: one set of observers, as twistd has one."""

    def __init__(self) -> None:
        self.path = Path("snowflake-mcp.log")
        self.access: Path | None = None
        self.max_bytes = 0
        self.keep_files = 0
        self.streams: list[Stream] = []


_shared = _Shared()


def configure(path: str, max_bytes: int, keep_files: int, access: str = "") -> None:
    """Say which file ``file_json`` and ``file_text`` will open; opens nothing.

    ``access``: the file that every factory of this module gives the events of requests to,
    instead of where it writes the others; empty: none.
    """
    # twistd may change its folder before the file is opened again.
    _shared.path = Path(path).absolute()
    _shared.access = Path(access).absolute() if access else None
    _shared.max_bytes = max_bytes
    _shared.keep_files = keep_files


def resize(max_bytes: int, keep_files: int) -> None:
    """Rotate the open log files by other bounds from now on; reactor thread only."""
    _shared.max_bytes, _shared.keep_files = max_bytes, keep_files
    for stream in _shared.streams:
        if isinstance(stream, LogFile):
            stream.resize(max_bytes, keep_files)


def stdout_json() -> ILogObserver:
    """JSON lines on standard output."""
    return _observer(Stream(_STDOUT, "standard output"), json_line)


def stdout_text() -> ILogObserver:
    """Lines to read on standard output."""
    return _observer(Stream(_STDOUT, "standard output"), text_line)


def stderr_text() -> ILogObserver:
    """Lines to read on standard error."""
    return _observer(Stream(STDERR, "standard error"), text_line)


def file_json() -> ILogObserver:
    """JSON lines in the file of ``log.file``.

    Raises:
        SystemExit: it cannot be opened.
    """
    return _observer(_file(), json_line)


def file_text() -> ILogObserver:
    """Lines to read in the file of ``log.file``.

    Raises:
        SystemExit: it cannot be opened.
    """
    return _observer(_file(), text_line)


def folder() -> Path | None:
    """Where log files are written; ``None``: the log goes elsewhere."""
    writes = any(isinstance(stream, LogFile) for stream in _shared.streams)
    return _shared.path.parent if writes else None


def lost_lines() -> int:
    """How many lines could not be written since the start."""
    return sum(stream.lost for stream in _shared.streams)


def begin(clock: IReactorTime) -> None:
    """Lines of what was asked may wait a moment for each other; reactor thread only."""
    for stream in _shared.streams:
        stream.begin(clock)


def end() -> None:
    """Write what waits, and from now on every line at once; reactor thread only."""
    for stream in _shared.streams:
        stream.end()


def flush() -> None:
    """Write what waits; any thread."""
    for stream in _shared.streams:
        stream.flush()


def reopen() -> None:
    """Open the log files anew under their names; reactor thread only."""
    files = [stream for stream in _shared.streams if isinstance(stream, LogFile)]
    if not files:
        _log.info("there is no log file of this server to reopen")
    for file in files:
        try:
            file.reopen()
        except OSError as error:
            _log.error(
                "the log file {path} cannot be reopened, writing on into the one of before: "
                "{reason}",
                path=file.name,
                reason=error.strerror,
            )
        else:
            _log.info("log file {path} reopened", path=file.name)


@implementer(ILogObserver)
class LineObserver:
    """An observer that writes one line for each event; any thread.

    Lines of what somebody asked may wait a moment for each other, all others are written at once.
    """

    def __init__(self, stream: Stream, form: _Format, access: Stream | None = None) -> None:
        self._stream = stream
        self._form = form
        self._access = stream if access is None else access

    def __call__(self, event: LogEvent) -> None:
        """Write the event, unless it says nothing."""
        shape = shape_of(event)
        line = self._form(event, shape)
        if line is None:
            return
        if shape.access:
            self._access.gather(line)
        else:
            self._stream.write(line)


class _Bridge(logging.Handler):
    """Gives records of the standard library's logging to Twisted's observers."""

    def emit(self, record: logging.LogRecord) -> None:
        """Publish the record as an event; any thread."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        level = LogLevel.lookupByName(_level_name(record.levelno))
        extra = {}
        if record.exc_info and record.exc_info[1] is not None:
            _, error, where = record.exc_info
            extra["log_failure"] = Failure(error, type(error), where)
        Logger(namespace=record.name).emit(level, "{text}", text=text, **extra)


def bridged(name: str) -> Callable[[], None]:
    """Send warnings and errors of a library's logger to Twisted's log; the result undoes that."""
    bridge = _Bridge(logging.WARNING)
    library = logging.getLogger(name)
    library.addHandler(bridge)
    return lambda: library.removeHandler(bridge)


def _level_name(number: int) -> str:
    if number >= logging.CRITICAL:
        return "critical"
    if number >= logging.ERROR:
        return "error"
    return "warn" if number >= logging.WARNING else "info"


def _observer(stream: Stream, form: _Format) -> ILogObserver:
    _shared.streams.append(stream)
    access = None if _shared.access is None else _opened(_shared.access)
    if access is not None:
        _shared.streams.append(access)
    return LineObserver(stream, form, access)


def _file() -> LogFile:
    return _opened(_shared.path)


def _opened(path: Path) -> LogFile:
    try:
        return LogFile(path, _shared.max_bytes, _shared.keep_files)
    except OSError as error:
        raise SystemExit(
            f"snowflake-mcp: the log file {path} cannot be opened: {error.strerror}"
        ) from None
