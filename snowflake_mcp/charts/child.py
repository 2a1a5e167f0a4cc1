"""A drawing child: ``python -P -s -m snowflake_mcp.charts.child`` draws pictures line by line.

Reads one question a line from standard input, and answers each with one line. Before it reads the
first one it has drawn each kind of picture, and then gives away what it needs no more: from there
on it can open neither a file nor a socket. It ends with its input, so it never outlives the
server; data that costs too much time or memory costs this process and nothing else.
"""

import base64
import gc
import os
import resource
import signal
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from snowflake_mcp.charts.columns import UndrawableError
from snowflake_mcp.charts.drawing import Canvas, load
from snowflake_mcp.charts.lines import Answer, Field, Kind, Look, Question, Ready
from snowflake_mcp.charts.shaping import shape

__all__ = ["draw", "main", "serve", "warm"]

_LOOK: Final = Look(400, 300, 4, 4)
_ROWS: Final = [
    ["2026-01-01T10:00:00", 1, "a$b", "x"],
    ["2026-02-01", 20, "b", "y"],
    ["2026-03-01", 300, "ä…\N{REPLACEMENT CHARACTER}", "x"],
    [None, 4, "d", "z"],
]
_FIELDS: Final = [
    Field("T", "date"),
    Field("N", "number"),
    Field("C", "text"),
    Field("D", "text"),
]
_QUIET: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "/nonexistent"}
"""No threads that wait for work, and no program that could list the fonts of this machine."""
_KINDS: Final[tuple[tuple[Kind, int, list[int], int | None, str], ...]] = (
    ("line", 0, [1], 3, "y"),
    ("line", 2, [1], None, ""),
    ("bar", 2, [1], 3, "y"),
    ("bar", 0, [1], None, ""),
    ("scatter", 1, [1], 2, "xy"),
    ("histogram", 1, [], None, "x"),
    ("heatmap", 2, [3], 1, "y"),
    ("heatmap", 0, [2], None, ""),
)
_TOO_LARGE: Final = "It needs more memory than a picture may; draw fewer points."


def warm(canvas: Canvas) -> None:
    """Draw each kind once: whatever the library opens late is open then."""
    for kind, x, y, color, log in _KINDS:
        question = Question(0, kind, _LOOK, _FIELDS, x, y, color, _ROWS, "Title", log)
        canvas.draw(question, shape(question))


def draw(canvas: Canvas, question: Question) -> Answer:
    """The picture, or why there is none."""
    try:
        shaped = shape(question)
        png = canvas.draw(question, shaped) if shaped.facts.points else b""
    except UndrawableError as problem:
        return Answer(question.number, problem=str(problem))
    except MemoryError:
        return Answer(question.number, problem=_TOO_LARGE)
    except Exception as problem:  # noqa: BLE001 - it may quote data, and the next one may be better
        name = type(problem).__name__
        return Answer(question.number, problem=f"The library could not draw it ({name}).")
    return Answer(question.number, base64.b64encode(png).decode("ascii"), shaped.facts)


def serve(questions: BinaryIO, answers: BinaryIO, canvas: Canvas, seconds: int) -> None:
    """Draw until the input ends; blocks. One picture may take so many seconds of the processor."""
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(Question).decode
    answers.write(encode(Ready()) + b"\n")
    answers.flush()
    while line := questions.readline():
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = int(used.ru_utime + used.ru_stime) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        answers.write(encode(draw(canvas, decode(line))) + b"\n")
        answers.flush()


def main() -> None:
    """Bound this process, then serve standard input."""
    memory_bytes, seconds = int(sys.argv[1]), int(sys.argv[2])
    # A terminal and a service runner signal the whole group; the server ends its children itself,
    # after the requests that still need them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="snowflake-mcp-charts-") as folder:
        # The library looks for settings where it stands, and wants a folder to write into.
        os.chdir(folder)
        os.environ.update(MPLCONFIGDIR=folder, HOME=folder, **_QUIET)
        canvas = load()
        warm(canvas)
        os.chdir(Path(folder).anchor)
    gc.collect()
    gc.freeze()
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer, canvas, seconds)


if __name__ == "__main__":
    main()
