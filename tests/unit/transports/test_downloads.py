"""Files of the spool by HTTP: what a link is good for, and what it is not."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.exports.links import Links
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.downloads import Downloads
from tests.support.spools import exported, spooling
from tests.support.wire import HttpAnswer
from tests.unit.transports.stand import Stand

KEY = b"k" * 32
CONTENT = b"A,B\n" + bytes(range(65, 91)) * 40_000
"""About a megabyte: several pieces."""


class Record:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, Any]] = []
        self.refused: list[tuple[str, str, str]] = []
        self.works = True

    def may_go_on(self) -> bool:
        return self.works

    def record(self, event: str, members: Mapping[str, Any]) -> bool:
        assert event == "export.download"
        self.records.append(members)
        return True

    def refused_authentication(self, peer: str, credential: str, reason: str) -> None:
        self.refused.append((peer, credential, reason))


class Host:
    """A server with a spool."""

    def __init__(self, folder: Path, links: str = "signed", caller: str = "") -> None:
        self.record = Record()
        self.links: Links

        def downloads(clock: Clock, metrics: Metrics) -> Downloads:
            self.spool: Spool = spooling(folder, clock, metrics, links=links)
            self.links = Links(KEY, clock.seconds)
            return Downloads(self.spool, self.links, clock, metrics, self.record)

        identify = (lambda _: Principal(caller)) if caller else None
        self.stand = Stand(downloads=downloads, identify=identify)

    def path(self, content: bytes = CONTENT, principal: str = "ann") -> str:
        """The link of a new export."""
        export = exported(self.spool, content, principal)
        return self.links.path(export, self.spool.instance)

    def get(self, path: str, verb: str = "GET", **headers: str) -> HttpAnswer:
        """Ask for it."""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return self.stand.connect().request(verb, path, headers=dict(named))

    def close(self) -> None:
        """Stop both; no timer may be left."""
        self.spool.stopService()
        self.stand.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "spool")
    yield made
    made.close()


def test_a_signed_link_gives_the_file(host: Host) -> None:
    """Whole, named, of its type, not sniffed, not kept by caches, and recorded."""
    path = host.path()
    answer = host.get(path)
    assert (answer.status, answer.body == CONTENT) == (200, True)
    name = path.partition("?")[0].removeprefix("/exports/")
    assert answer.header("Content-Type") == "text/csv; charset=utf-8"
    assert answer.header("Content-Length") == str(len(CONTENT))
    assert answer.header("Content-Disposition") == f'attachment; filename="{name}"'
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Cache-Control") == "no-store"
    (record,) = host.record.records
    assert (record["principal"], record["export"], record["bytes"], record["outcome"]) == (
        *("ann", name, len(CONTENT)),
        "ok",
    )
    assert record["credential"] == "signed link"
    assert host.stand.metrics.totals()["export_downloads_ok"] == 1


def test_a_head_says_what_would_come(host: Host) -> None:
    """Its length and type, without a body."""
    answer = host.get(host.path(), "HEAD")
    assert (answer.status, answer.header("Content-Length")) == (200, str(len(CONTENT)))
    assert answer.body == b""


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=1000000-", slice(1_000_000, None)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=5-99999999999", slice(5, None)),
    ],
)
def test_a_part_can_be_had(host: Host, asked: str, part: slice) -> None:
    """As an interrupted download asks for the rest."""
    answer = host.get(host.path(), Range=asked)
    assert (answer.status, answer.body == CONTENT[part]) == (206, True)
    assert str(answer.header("Content-Range")).endswith(f"/{len(CONTENT)}")


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", "bytes=7-3"])
def test_a_part_that_is_not_there_is_refused(host: Host, asked: str) -> None:
    """With the size of the whole."""
    answer = host.get(host.path(), Range=asked)
    assert (answer.status, answer.header("Content-Range")) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=1-2", "bytes", "bytes=a-b"])
def test_other_ranges_are_answered_with_the_whole(host: Host, asked: str) -> None:
    """As RFC 9110 allows."""
    assert host.get(host.path(), Range=asked).body == CONTENT


def test_another_file_is_not_continued(host: Host) -> None:
    """What had another tag is begun anew."""
    path = host.path()
    assert host.get(path, Range="bytes=5-", If_Range='"other"').status == 200
    tag = str(host.get(path).header("ETag"))
    assert host.get(path, Range="bytes=5-", If_Range=tag).status == 206


def test_a_link_ends(host: Host) -> None:
    """At the moment it says, in plain words; then the file goes, too."""
    path = host.path()
    host.stand.clock.advance(3_599)
    assert host.get(path).status == 200
    host.stand.clock.advance(1)
    answer = host.get(path)
    assert answer.status == 410
    assert "expired" in answer.json()["error"]["message"]
    assert host.stand.metrics.totals()["export_downloads_expired"] == 1


def changed(text: str, at: int) -> str:
    """The text with another letter there."""
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.partition("?")[0],
        lambda path: path.partition("&")[0],
        lambda path: changed(path, path.index("ticket=") + 10),
        lambda path: path[:-1] + ("0" if path[-1] != "0" else "1"),
        lambda path: path.replace("signature=", "signature=&x="),
        lambda path: changed(path, len("/exports/")).lower().replace("ticket", "ticket"),
        lambda path: path + "&pad=" + "x" * 3_000,
        lambda path: path.replace("signature=", "signature=%C3%A9"),
    ],
)
def test_a_spoilt_link_gives_nothing(host: Host, spoil: Callable[[str], str]) -> None:
    """Whatever part of it was changed; the audit hears of it."""
    answer = host.get(spoil(host.path()))
    assert answer.status in (403, 404)
    assert b"ABC" not in answer.body
    if answer.status == 403:
        assert host.record.refused[0][1:] == ("export link", "bad_link")


def test_a_link_is_of_one_file(host: Host) -> None:
    """The signature of another one does not open it."""
    one, other = host.path(b"one"), host.path(b"other")
    mixed = one.partition("?")[0] + "?" + other.partition("?")[2]
    assert host.get(mixed).status == 403
    assert host.get(one).body == b"one"


@pytest.mark.parametrize(
    "path",
    [
        "/exports",
        "/exports/",
        "/exports/..",
        "/exports/../../etc/passwd",
        "/exports/%2e%2e%2fpasswd",
        "/exports/" + "0" * 32,
        "/exports/" + "0" * 32 + ".exe",
        "/exports/" + "0" * 32 + ".csv/x",
    ],
)
def test_nothing_is_listed_and_no_path_leads_out(host: Host, path: str) -> None:
    """Only names of files are paths here."""
    host.path()
    answer = host.get(path)
    assert answer.status == 404
    assert b"csv" not in answer.body


def test_a_genuine_link_without_its_file_says_so(host: Host) -> None:
    """As after a restart of the process that had it."""
    path = host.path()
    for each in Path(host.spool.settings.directory).rglob("*.csv"):
        each.unlink()
    answer = host.get(path)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_here")


def test_no_link_of_the_file_system_is_followed(host: Host, tmp_path: Path) -> None:
    """Whoever could write there still leads nobody elsewhere."""
    path = host.path()
    (found,) = Path(host.spool.settings.directory).rglob("*.csv")
    found.unlink()
    (tmp_path / "secret").write_text("secret")
    found.symlink_to(tmp_path / "secret")
    assert host.get(path).status == 404


def test_nothing_leaves_that_cannot_be_recorded(host: Host) -> None:
    """Where the audit must not have gaps."""
    path = host.path()
    host.record.works = False
    assert host.get(path).status == 503


def test_a_file_that_ends_early_breaks_the_connection(host: Host) -> None:
    """A client must not take a part for the whole."""
    path = host.path()
    (found,) = Path(host.spool.settings.directory).rglob("*.csv")
    real = os.pread

    def cut(descriptor: int, size: int, at: int) -> bytes:
        found.write_bytes(b"A") if at else None
        return real(descriptor, size, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", cut)
        wire = host.stand.connect()
        answer = wire.request("GET", path)
    assert not answer.complete
    assert wire.closed
    assert host.record.records[0]["outcome"] == "failed"


def test_a_client_that_leaves_is_recorded(host: Host) -> None:
    """With what it had taken by then; the file stays."""
    path = host.path()
    wire = host.stand.connect()
    wire.stop_reading()
    wire.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert host.record.records == []
    wire.start_reading()
    wire.close()
    (record,) = host.record.records
    assert record["bytes"] <= len(CONTENT)
    assert host.get(path).status == 200


def test_an_authenticated_link_is_of_its_caller(tmp_path: Path) -> None:
    """Another caller with the link is refused."""
    for caller, status in (("ann", 200), ("eve", 403)):
        host = Host(tmp_path / caller, links="authenticated", caller=caller)
        assert host.get(host.path()).status == status
        host.close()


def test_without_links_there_is_no_path(tmp_path: Path) -> None:
    """Even a genuine one leads nowhere."""
    host = Host(tmp_path / "spool", links="off")
    assert host.get(host.path()).status == 404
    host.close()
