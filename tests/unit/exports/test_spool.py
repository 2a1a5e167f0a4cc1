"""The spool: its bounds, its clock, and what it leaves behind."""

import errno
import os
import stat
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.config.exports import ExportSettings, export_problems
from snowflake_mcp.exports.spool import spool_folder
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure
from tests.support.spools import exported, spooling


def files(folder: Path) -> list[Path]:
    """What the spool holds."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Folder and files are the server's alone."""
    spool = spooling(tmp_path / "spool")
    export = exported(spool, b"x")
    assert stat.S_IMODE(export.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(export.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    spool.stopService()


def test_what_has_expired_is_removed_by_the_clock(tmp_path: Path) -> None:
    """Each at its own time, and the room is free again."""
    clock, metrics = Clock(), Metrics()
    spool = spooling(tmp_path, clock, metrics, ttl_s=100.0)
    first = exported(spool, b"first")
    clock.advance(60)
    second = exported(spool, b"second")
    assert spool.find(first.id, "ann") == first
    clock.advance(40)
    assert spool.find(first.id, "ann") is None
    clock.advance(1)
    assert files(tmp_path) == [second.path]
    gauges = {sample.family.name: sample.values for sample in metrics.samples()}
    assert gauges["spool_bytes"] == {(): 6}
    assert gauges["spool_files"] == {(): 1}
    clock.advance(60)
    assert files(tmp_path) == []
    assert clock.getDelayedCalls() == []
    spool.stopService()


def test_nothing_outlives_the_process(tmp_path: Path) -> None:
    """Neither files nor the folder, drafts included."""
    spool = spooling(tmp_path)
    exported(spool, b"x")
    draft = spool.draft("ann", "csv")
    draft.open()
    draft.write(b"half")
    spool.stopService()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_has_left_is_removed(tmp_path: Path) -> None:
    """And what one that lives has, or somebody else, is not."""
    living = spooling(tmp_path)
    kept = exported(living, b"x")
    dead = tmp_path / ("snowflake-mcp-spool-" + "0" * 16)
    dead.mkdir()
    (dead / "left.csv").write_text("x")
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / ("snowflake-mcp-spool-" + "1" * 16)).symlink_to(other)
    second = spooling(tmp_path)
    assert kept.path.exists()
    assert not dead.exists()
    assert other.exists()
    living.stopService()
    second.stopService()


def test_what_another_user_has_left_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary folder is everybody's."""
    theirs = tmp_path / ("snowflake-mcp-spool-" + "0" * 16)
    theirs.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    spool = spooling(tmp_path)
    assert theirs.exists()
    spool.stopService()


def test_another_process_finds_the_file_of_a_link(tmp_path: Path) -> None:
    """Where they share a folder; and only names of files and of such folders."""
    first, second = spooling(tmp_path), spooling(tmp_path)
    export = exported(first, b"x")
    assert second.path_of(first.instance, export.name) == export.path
    assert second.path_of("..", export.name) is None
    assert second.path_of(first.instance, "../x.csv") is None
    first.stopService()
    second.stopService()


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    """What would pass it is not written, and says which setting."""
    spool = spooling(tmp_path, max_file_bytes=1_024)
    draft = spool.draft("ann", "csv")
    draft.open()
    draft.write(b"x" * 1_000)
    with pytest.raises(ToolFailure, match="larger than one file") as failed:
        draft.write(b"x" * 25)
    assert failed.value.details == {"limit": "exports.max_file_bytes"}
    spool.drop(draft, "limit")
    assert files(tmp_path) == []
    spool.stopService()


def test_all_files_together_have_a_largest_size(tmp_path: Path) -> None:
    """What is being written counts; what is given up does not any more."""
    spool = spooling(tmp_path, max_bytes=1 << 20)
    exported(spool, b"x" * 600_000)
    draft = spool.draft("eve", "csv")
    draft.open()
    draft.write(b"x" * 400_000)
    other = spool.draft("eve", "csv")
    other.open()
    with pytest.raises(ToolFailure, match="all the room"):
        other.write(b"x" * 100_000)
    spool.drop(draft, "cancelled")
    assert other.write(b"x" * 100_000) == 100_000
    spool.stopService()


def test_the_oldest_of_a_principal_makes_room(tmp_path: Path) -> None:
    """Nobody's files push out another's; who only has unfinished ones waits."""
    spool = spooling(tmp_path, max_per_principal=2)
    other = exported(spool, b"x", "eve")
    first, second = exported(spool, b"1"), exported(spool, b"2")
    third = exported(spool, b"3")
    assert files(tmp_path) == sorted([other.path, second.path, third.path])
    assert spool.find(first.id, "ann") is None
    spool.draft("ann", "csv")
    spool.draft("ann", "csv")
    with pytest.raises(ToolFailure) as failed:
        spool.draft("ann", "csv")
    assert failed.value.family is Family.BUSY
    spool.stopService()


def test_an_export_is_of_its_principal(tmp_path: Path) -> None:
    """For others there is none."""
    spool = spooling(tmp_path)
    export = exported(spool, b"x")
    assert spool.find(export.id, "eve") is None
    spool.stopService()


@pytest.mark.parametrize(
    ("code", "family"), [(errno.ENOSPC, Family.LIMIT), (errno.EIO, Family.UNAVAILABLE)]
)
def test_a_disk_that_takes_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, family: Family
) -> None:
    """In plain words, without the path."""
    spool = spooling(tmp_path)
    draft = spool.draft("ann", "csv")
    draft.open()

    def fail(descriptor: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(ToolFailure) as failed:
        draft.write(b"x")
    assert failed.value.family is family
    assert str(tmp_path) not in failed.value.message
    spool.stopService()


def test_a_draft_that_was_given_up_takes_anything(tmp_path: Path) -> None:
    """Its writer may still close in peace, and nothing comes back."""
    spool = spooling(tmp_path)
    draft = spool.draft("ann", "csv")
    draft.open()
    spool.drop(draft, "cancelled")
    assert draft.write(b"late") == 4
    draft.open()
    draft.done()
    assert files(tmp_path) == []
    spool.stopService()


def test_a_folder_that_cannot_be_made_refuses_exports(tmp_path: Path) -> None:
    """The server goes on without."""
    (tmp_path / "file").write_text("")
    spool = spooling(tmp_path / "file" / "spool")
    with pytest.raises(ToolFailure, match="no place for exports"):
        spool.draft("ann", "csv")
    spool.stopService()


def test_where_it_is() -> None:
    """As configured, else where systemd says, else in the temporary folder."""
    given = {"CACHE_DIRECTORY": "/var/cache/snowflake-mcp"}
    assert spool_folder(ExportSettings(directory="/srv/x"), given) == Path("/srv/x")
    assert spool_folder(ExportSettings(), given) == Path("/var/cache/snowflake-mcp/exports")
    assert spool_folder(ExportSettings(), {}).is_dir()


def test_new_bounds_count_from_the_next_export_on(tmp_path: Path) -> None:
    """As a reload brings them."""
    spool = spooling(tmp_path, ttl_s=100.0)
    first = exported(spool, b"x")
    spool.take(ExportSettings(directory=str(tmp_path), ttl_s=500.0, max_file_bytes=1_024))
    second = exported(spool, b"x")
    assert (first.expires, second.expires) == (100.0, 500.0)
    draft = spool.draft("ann", "csv")
    draft.open()
    with pytest.raises(ToolFailure):
        draft.write(b"x" * 1_025)
    spool.stopService()


def test_words_are_checked() -> None:
    """A kind of links that is none, and a URL that is none."""
    assert list(export_problems(ExportSettings())) == []
    bad = ExportSettings(links="all", base_url="ftp://x")
    assert [each.partition(":")[0] for each in export_problems(bad)] == [
        "exports.links",
        "exports.base_url",
    ]
