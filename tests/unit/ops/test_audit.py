"""The audit as the rest of the server sees it: on, off, failing, and brought to the disk."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.auditing import build_audit
from snowflake_mcp.config.keyfile import key_in
from snowflake_mcp.config.model import AuditSettings
from snowflake_mcp.ops.chain import Sealer
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.verification import records_of, verify


class Reactor(Clock):
    """A clock that takes calls from threads when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Any, tuple[Any, ...]]] = []
        self._called = threading.Semaphore(0)

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        self._calls.append((call, arguments))
        self._called.release()

    def turn(self) -> None:
        """Wait for one call of a thread, and make it."""
        assert self._called.acquire(timeout=5)
        call, arguments = self._calls.pop(0)
        call(*arguments)


class Stand:
    """An audit in a folder."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.path = folder / "audit.jsonl"
        self.reactor = Reactor()
        self.metrics = Metrics()
        self.audit = build_audit(
            AuditSettings(**{"file": str(self.path), **settings}),
            self.reactor,
            self.metrics,
            lambda: 1_700_000_000.0,
        )

    def stop(self) -> None:
        """Stop it; a last fsync is waited for."""
        ended = self.audit.stopService()
        while ended is not None and not ended.called:
            self.reactor.turn()

    def records(self) -> list[dict[str, Any]]:
        return list(records_of([self.path]))

    def number(self, name: str) -> Any:
        found = [one.values for one in self.metrics.samples() if one.family.name == name]
        return found[0][()] if found else None


@pytest.fixture
def stand(tmp_path: Path) -> Any:
    made = Stand(tmp_path)
    made.audit.startService()
    yield made
    made.stop()


def test_without_a_file_it_is_off() -> None:
    """It takes everything, keeps nothing and hinders nobody."""
    audit = build_audit(AuditSettings(on_failure="refuse"), Clock(), Metrics(), lambda: 0.0)
    audit.startService()
    assert not audit.is_on
    assert audit.may_go_on()
    assert audit.record("tools/call", {})
    audit.refused_authentication("203.0.113.9", "token", "expired_token")
    assert audit.recent(5) == []
    audit.reopen()
    audit.stopService()


@pytest.mark.parametrize("key", [b"", b"k" * 40])
def test_start_and_stop_are_records(tmp_path: Path, key: bytes) -> None:
    """The first says of which kind the chain is; the log says where it has come to."""
    key_file = tmp_path / "key"
    key_file.write_bytes(key)
    made = Stand(tmp_path, key_file=str(key_file) if key else "")
    with capturedLogs() as events:
        made.audit.startService()
        made.stop()
    start, stop = made.records()
    assert (start["event"], stop["event"]) == ("server.start", "server.stop")
    assert start["chain"] == ("hmac-sha256" if key else "sha256")
    assert start["pid"] == os.getpid()
    assert [formatEvent(event) for event in events] == [
        f"audit opened at record 1, hash {start['hash']}",
        f"audit closed at record 2, hash {stop['hash']}",
    ]
    assert verify([made.path], Sealer(key)).problem == ""


def test_what_comes_after_the_end_is_lost(stand: Stand) -> None:
    """A statement that ends when the file is closed does not open it again."""
    stand.stop()
    assert stand.audit.record("statement.end", {})
    assert stand.records()[-1]["event"] == "server.stop"
    assert stand.number("audit_lost") == 1


def test_members_that_say_nothing_are_left_out(stand: Stand) -> None:
    """Zero and false say something; long texts of a caller are cut, a statement is not."""
    stand.audit.record(
        "tools/call",
        {
            "tool": "",
            "kind": None,
            "rules": [],
            "rows": 0,
            "client": "x" * 400,
            "statement": "y" * 400,
        },
    )
    record = stand.records()[-1]
    assert {"tool", "kind", "rules"} & set(record) == set()
    assert record["rows"] == 0
    assert (len(record["client"]), len(record["statement"])) == (301, 400)
    assert stand.number("audit_records") == 2


def test_a_member_that_nobody_explains_is_refused(stand: Stand) -> None:
    """What a record may say is a list, so that the documentation can be held to it."""
    with pytest.raises(ValueError, match="no members"):
        stand.audit.record("tools/call", {"sql": "SELECT 1"})


def test_who_is_not_let_in_has_a_record_but_not_a_flood_of_them(stand: Stand) -> None:
    """After a burst one a second; each says how many before it had none."""
    for _ in range(200):
        stand.audit.refused_authentication("203.0.113.9", "token", "invalid_token")
    refused = [one for one in stand.records() if one["event"] == "auth.refused"]
    assert len(refused) == 50
    assert (refused[0]["reason"], refused[0]["credential"]) == ("invalid_token", "token")
    assert (refused[0]["peer"], refused[0]["outcome"]) == ("203.0.113.9", "refused")
    stand.reactor.advance(1.0)
    stand.audit.refused_authentication("203.0.113.9", "jwt", "expired_token")
    last = stand.records()[-1]
    assert (last["more"], last["reason"]) == (150, "expired_token")


def test_operators_are_recorded_too(stand: Stand) -> None:
    """Who did what to what on their surface."""
    assert stand.audit.administered(
        principal="root", peer="127.0.0.1", action="kill", target="01b0-1"
    )
    last = stand.records()[-1]
    assert (last["event"], last["action"], last["target"], last["outcome"]) == (
        "admin",
        "kill",
        "01b0-1",
        "ok",
    )


def test_the_last_records_are_at_hand(stand: Stand) -> None:
    """In their order, so many as are asked for, the file untouched."""
    for number in range(300):
        stand.audit.record("tools/call", {"rows": number})
    assert [one["rows"] for one in stand.audit.recent(2)] == [298, 299]
    assert len(stand.audit.recent(1_000)) == 200
    assert stand.audit.recent(0) == []


@pytest.mark.parametrize("strict", [False, True])
def test_a_lost_record_counts_and_matters_where_it_shall(tmp_path: Path, strict: bool) -> None:
    """With refuse nothing goes on until records can be written again; with warn all does."""
    made = Stand(tmp_path / "absent", on_failure="refuse" if strict else "warn")
    made.audit.startService()
    assert made.audit.record("tools/call", {}) is not strict
    assert made.audit.may_go_on() is not strict
    assert made.number("audit_lost") == 2
    assert made.number("audit_failing") == 1
    (tmp_path / "absent").mkdir()
    assert made.audit.may_go_on()
    assert made.audit.record("tools/call", {})
    assert made.number("audit_failing") == 0
    made.stop()
    assert made.records()[0]["event"] == ("audit.gap")
    assert made.records()[0]["lost"] == 2


@pytest.mark.parametrize("choice", ["never", "interval", "always"])
def test_records_come_to_the_disk_as_chosen(
    tmp_path: Path, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never by us; about once a second; or before the answer leaves, many at once."""
    synced: list[str] = []
    whole = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(threading.current_thread().name)
        whole(descriptor)

    monkeypatch.setattr("snowflake_mcp.ops.syncing.os.fsync", fsync)
    made = Stand(tmp_path, fsync=choice)
    made.audit.startService()
    waits: list[Deferred[bool] | None] = []
    for _ in range(5):
        made.audit.record("tools/call", {})
        waits.append(made.audit.durable())
    if choice == "always":
        made.reactor.turn()
        made.reactor.turn()
        assert all(wait is not None and wait.called for wait in waits)
        assert len(synced) == 2
    else:
        assert waits == [None] * 5
        assert synced == []
        made.reactor.advance(1.0)
        if choice == "interval":
            made.reactor.turn()
        assert len(synced) == (1 if choice == "interval" else 0)
    made.stop()
    assert len(synced) == {"never": 0, "interval": 2, "always": 3}[choice]
    assert all("audit" in name for name in synced)
    assert made.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("strict", [False, True])
def test_a_disk_that_takes_nothing_is_told(
    tmp_path: Path, strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk is as good as a lost record, and said once."""

    def fsync(_descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("snowflake_mcp.ops.syncing.os.fsync", fsync)
    made = Stand(tmp_path, fsync="always", on_failure="refuse" if strict else "warn")
    made.audit.startService()
    told: list[bool] = []
    with capturedLogs() as events:
        for _ in range(2):
            made.audit.record("tools/call", {})
            wait = made.audit.durable()
            assert wait is not None
            wait.addCallback(told.append)
            made.reactor.turn()
    assert told == [not strict] * 2
    said = [formatEvent(event) for event in events]
    assert sum("does not reach the disk" in line for line in said) == 1
    made.stop()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"fsync": "sometimes"}, "audit.fsync: 'sometimes' is none of never, interval, always"),
        ({"on_failure": "ignore"}, "audit.on_failure: 'ignore' is none of warn, refuse"),
        ({"key_file": "/nowhere"}, "audit.key_file: /nowhere cannot be read: No such file"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, settings: dict[str, str], problem: str) -> None:
    """At the start, before anything is opened."""
    with pytest.raises(ValueError, match=problem):
        Stand(tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_short_key_is_no_key(tmp_path: Path) -> None:
    """Less than 32 bytes can be guessed."""
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ValueError, match="holds less than 32 bytes"):
        key_in(str(tmp_path / "key"), "audit.key_file")
