"""The file of the audit: what does not fit leaves no trace."""

from pathlib import Path

import pytest

from snowflake_mcp.ops.auditfile import AuditFile
from tests.support.writes import Writes


def test_what_is_taken_back_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that a full disk cut off is gone, and the file no nearer to its bound."""
    file = AuditFile(tmp_path / "audit", 100, 1)
    file.append(b"a" * 39 + b"\n")
    with monkeypatch.context() as full:
        Writes(full).room = 30
        with pytest.raises(OSError, match="No space left"):
            file.append(b"b" * 49 + b"\n")
    file.append(b"c" * 49 + b"\n")
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]
    assert (tmp_path / "audit").read_bytes() == b"a" * 39 + b"\n" + b"c" * 49 + b"\n"
