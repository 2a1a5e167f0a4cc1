"""The public MCP suite as a program that judges a server, and what it found."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["FOLDER", "Verdict", "judged"]

FOLDER: Final = Path(__file__).resolve().parent
_PROGRAM: Final = FOLDER / "node/node_modules/@modelcontextprotocol/conformance/dist/index.js"
_WITHIN_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the suite ended, and every check by what became of it."""

    status: int
    output: str
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    """Warnings are among them: what is only advised holds here, too."""

    def __str__(self) -> str:
        lines = [f"{len(self.passed)} passed, {len(self.failed)} failed", *self.failed]
        return "\n".join([*lines, f"exit status {self.status}", self.output])


def judged(node: str, url: str, folder: Path, options: Sequence[str]) -> Verdict:
    """Run the suite against a server and read its results from ``folder``."""
    command = [node, str(_PROGRAM), "server", "--url", url, *options, "-o", str(folder)]
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    checks = [
        (each, path.parent.name)
        for path in sorted(folder.glob("*/checks.json"))
        for each in json.loads(path.read_text())
    ]
    passed = [_told(check, run) for check, run in checks if check["status"] == "SUCCESS"]
    failed = [
        _told(check, run) for check, run in checks if check["status"] in ("FAILURE", "WARNING")
    ]
    return Verdict(done.returncode, done.stdout, tuple(passed), tuple(failed))


def _told(check: dict[str, Any], run: str) -> str:
    # The folder is named "server-<scenario>-<date>T<time>".
    scenario = run.removeprefix("server-").rsplit("T", 1)[0][:-11]
    problem = check.get("errorMessage")
    return f"{scenario}:{check['id']}" + (f" {check['status']}: {problem}" if problem else "")
