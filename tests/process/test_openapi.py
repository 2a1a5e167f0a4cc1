"""A public fuzzer holds the server to its own description, /openapi.json."""

import subprocess
from pathlib import Path

import pytest

from tests.support.server import serving
from tests.support.tools import installed

pytestmark = [pytest.mark.process, pytest.mark.full]

_EXCLUDED = "positive_data_acceptance"
"""The description leaves a tool's arguments open, as each tool has a schema of its own: that not
every object is taken for them is as it should be."""


@pytest.mark.timeout(900)
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """No answer, to what is described and to what is not, differs from the description."""
    schemathesis = installed("schemathesis")
    with serving(tmp_path, "--demo") as server:
        url = f"http://127.0.0.1:{server.port}/openapi.json"
        options = ["--max-examples", "300", "--no-color", "--exclude-checks", _EXCLUDED]
        done = subprocess.run(
            [schemathesis, "run", url, *options],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Tested: 8" in done.stdout, done.stdout
        assert server.answers()
        assert "Traceback" not in server.log_text
