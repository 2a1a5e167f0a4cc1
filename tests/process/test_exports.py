"""Exports by the whole server: what its files hold, who gets them, and what is left of them."""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.processes import peak_kib, resident_kib, until
from tests.support.readback import (
    MANY,
    ROWS,
    Digest,
    digest_of_file,
    digest_of_rows,
    statement,
)
from tests.support.server import Server, serving
from tests.support.simulator import Endpoint, simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

FORMATS = ("csv", "jsonl", "parquet", "arrow")
ROOM_MIB = 128
"""A fraction of what the rows take in memory; measured: docs/performance.md."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An account with the sample data."""
    with simulating(tmp_path_factory.mktemp("account")) as made:
        yield made


@pytest.fixture
def server(endpoint: Endpoint, tmp_path: Path) -> Iterator[Server]:
    """A server with a spool and an audit."""
    environ = {
        **endpoint.environ,
        "SNOWFLAKE_MCP_EXPORTS_DIRECTORY": str(tmp_path / "spool"),
        "SNOWFLAKE_MCP_AUDIT_FILE": str(tmp_path / "audit.jsonl"),
        "SNOWFLAKE_MCP_LIMITS_MAX_KEPT_ROWS": "2000000",
    }
    with serving(tmp_path, "--no-demo", environ=environ) as made:
        yield made


def finished(server: Server, sql: str) -> str:
    """The id of a statement that has ended."""
    query_id: str = server.call("submit_query", {"query": sql}).json()["result"]["query_id"]
    waited = {"query_id": query_id, "wait_s": 40}
    answer = server.call("get_query_status", waited, within_s=60).json()["result"]
    assert answer["state"] == "success", answer
    return query_id


def exported(server: Server, query_id: str, form: str) -> dict[str, Any]:
    """The answer of an export."""
    arguments = {"query_id": query_id, "format": form}
    answer = server.call("export_results", arguments, within_s=300).json()
    assert "result" in answer, answer
    result: dict[str, Any] = answer["result"]
    return result


def fetched(server: Server, result: dict[str, Any], folder: Path) -> Path:
    """Its file, by its link; whole, as the answer says."""
    link = urlsplit(result["link"])
    assert link.netloc == f"127.0.0.1:{server.port}"
    reply = server.request("GET", f"{link.path}?{link.query}", within_s=120)
    assert reply.status == 200
    assert hashlib.sha256(reply.body).hexdigest() == result["sha256"]
    path = folder / f"fetched.{result['format']}"
    path.write_bytes(reply.body)
    return path


def compared(server: Server, folder: Path, query_id: str, expected: Digest, form: str) -> None:
    """The file of this format holds what the connector gives past the server."""
    result = exported(server, query_id, form)
    assert result["rows"] == expected[0]
    assert digest_of_file(fetched(server, result, folder)) == expected


def test_files_hold_what_the_connector_gives(
    server: Server, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Value by value, in every format, some ten thousand rows."""
    sql = statement("WHERE E.EVENT_ID <= 5000")
    expected = digest_of_rows(endpoint, sql)
    assert expected[0] == 20_000
    query_id = finished(server, sql)
    for form in FORMATS:
        compared(server, tmp_path, query_id, expected, form)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_million_rows_are_whole_and_take_little_memory(
    server: Server, endpoint: Endpoint, tmp_path: Path
) -> None:
    """In every format the values that the connector gives, and no more memory than for few."""
    expected = digest_of_rows(endpoint, MANY)
    assert expected[0] == ROWS
    query_id = finished(server, MANY)
    for form in FORMATS:
        before = resident_kib(server.pid)
        compared(server, tmp_path, query_id, expected, form)
        assert (peak_kib(server.pid) - before) / 1024 < ROOM_MIB


def test_the_audit_has_the_export_and_the_download(server: Server, tmp_path: Path) -> None:
    """Who, what and how much; no value, and no signature in any file of the server."""
    result = exported(server, finished(server, "SELECT 'unspeakable' AS A"), "csv")
    fetched(server, result, tmp_path)
    name = urlsplit(result["link"]).path.removeprefix("/exports/")

    def records() -> list[dict[str, Any]]:
        lines = (tmp_path / "audit.jsonl").read_text().splitlines()
        return [each for line in lines if (each := json.loads(line)).get("export") == name]

    until(lambda: len(records()) == 2, 5.0, "both records")
    made, given = records()
    assert (made["event"], made["tool"]) == ("tools/call", "export_results")
    assert (given["event"], given["outcome"]) == ("export.download", "ok")
    assert made["bytes"] == given["bytes"] == result["bytes"]
    signature = urlsplit(result["link"]).query.partition("signature=")[2]
    written = (tmp_path / "audit.jsonl").read_text() + server.log_text
    assert signature not in written
    assert "unspeakable" not in written


def test_nothing_is_left_of_it(server: Server, tmp_path: Path) -> None:
    """After a stop no file and no folder; after a crash not beyond the next start."""
    exported(server, finished(server, "SELECT 1 AS A"), "parquet")
    (folder,) = (tmp_path / "spool").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_crash_leaves_nothing_beyond_the_next_start(endpoint: Endpoint, tmp_path: Path) -> None:
    """What a killed process has left is removed by the one that follows."""
    environ = {**endpoint.environ, "SNOWFLAKE_MCP_EXPORTS_DIRECTORY": str(tmp_path / "spool")}
    for number in ("one", "other"):
        (tmp_path / number).mkdir()
        with serving(tmp_path / number, "--no-demo", environ=environ) as server:
            assert len(list((tmp_path / "spool").iterdir())) == 1
            exported(server, finished(server, "SELECT 1 AS A"), "csv")
            if number == "one":
                os.kill(server.pid, signal.SIGKILL)
                server.process.wait()
    assert list((tmp_path / "spool").iterdir()) == []
