"""The Autobahn suite finds no fault in the product's WebSockets."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.verdict import FOLDER
from tests.support.processes import until
from tests.support.server import (
    PYTHON,
    clean_environ,
    free_port,
    http_request,
    kill_session,
    script,
)

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]

WITHIN_S = 540.0
COMPRESSION = ("12.*", "13.*")
"""Cases of an extension that is declined."""
VOLUME = ("9.*",)
"""Cases with messages of up to 16 MiB, over the limit that ships."""


@contextmanager
def echoing(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a server whose WebSockets echo."""
    port = free_port()
    log = folder / "echo.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PYTHON, "-m", "tests.conformance.echo", str(port), *arguments],
            cwd=FOLDER.parents[1],
            env=clean_environ(folder),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def settled() -> bool:
        if process.poll() is not None:
            return True
        try:
            return http_request(port, "GET", "/health", within_s=2.0).status == 200
        except OSError:
            return False

    try:
        until(settled, 30.0, "the echo server answers")
        assert process.poll() is None, log.read_text()
        yield f"ws://127.0.0.1:{port}/mcp"
        assert process.poll() is None, log.read_text()
    finally:
        kill_session(process)


def behaviors(url: str, folder: Path, excluded: Sequence[str]) -> Counter[str]:
    """Run the cases; how many behaved and closed in which way."""
    program = Path(script("kosoku"))
    if not program.exists():
        pytest.fail("kosoku is needed for the Autobahn suite: make conformance installs it")
    options = [part for pattern in excluded for part in ("-x", pattern)]
    done = subprocess.run(
        [str(program), *options, "-o", str(folder), url],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (cases,) = json.loads((folder / "index.json").read_text()).values()
    closing = Counter(case["behaviorClose"] for case in cases.values())
    assert set(closing) <= {"OK", "INFORMATIONAL"}, done.stdout
    return Counter(case["behavior"] for case in cases.values())


def test_the_quick_set_passes_with_the_limits_that_ship(tmp_path: Path) -> None:
    """Every case but those of volume and compression; none is merely tolerated."""
    with echoing(tmp_path) as url:
        found = behaviors(url, tmp_path, (*VOLUME, *COMPRESSION))
    assert found == {"OK": 244, "INFORMATIONAL": 3}


@pytest.mark.full
def test_every_case_passes_with_a_larger_limit(tmp_path: Path) -> None:
    """Volume, too, once ``websocket.max_message_bytes`` lets such messages in."""
    with echoing(tmp_path, str(64 << 20)) as url:
        found = behaviors(url, tmp_path, COMPRESSION)
    assert found == {"OK": 298, "INFORMATIONAL": 3}
