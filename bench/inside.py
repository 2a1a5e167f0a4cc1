"""The other end of ``bench.in_process``: a warehouse in a process of its own, asked from here."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.server import clean_environ

__all__ = ["Inside", "Taken", "inside"]

_STOP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What some calls took; all times in seconds."""

    seconds: float
    """All of them together."""
    times: list[float]
    rows: int
    late: list[float]
    """How late each beat of the reactor was meanwhile."""


class Inside:
    """A warehouse that runs statements for us; blocks."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def run(
        self,
        sql: str,
        *,
        calls: int = 1,
        at_once: int = 1,
        max_rows: int = 1_000_000,
        count_only: bool = False,
    ) -> Taken:
        """Run ``sql`` ``calls`` times in each of ``at_once`` rows of calls.

        ``count_only`` reads the rows through the whole way and keeps none; otherwise they are
        rendered as for an answer, within the same limits.

        Raises:
            RuntimeError: a call failed; its text says how.
        """
        command = {
            "sql": sql,
            "calls": calls,
            "at_once": at_once,
            "max_rows": max_rows,
            "count_only": count_only,
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("started without pipes")
        stdin.write(json.dumps(command).encode() + b"\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline() or '{"error": "it ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return Taken(**answer)


@contextmanager
def inside(folder: Path, environ: Mapping[str, str]) -> Iterator[Inside]:
    """A warehouse towards the account that ``environ`` names; ends with the block."""
    with (folder / "in-process.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.in_process"],
            env=clean_environ(folder, environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        yield Inside(process)
        if process.stdin is not None:
            process.stdin.close()
        process.wait(_STOP_S)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(_STOP_S)
