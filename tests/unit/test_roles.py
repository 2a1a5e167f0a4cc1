"""Which roles are checked for what they may do, and when they are read again."""

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.roles import check_roles, choice_problems
from snowflake_mcp.services import WarehouseService
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.grants import GrantChecks

TEXT = """
default_connection = "main"
[connections.main]
account = "a"
user = "u"
password = "p"
role = "reader"
[connections.other]
account = "a"
user = "v"
password = "q"
[principals.same]
role = "READER"
[principals.twice]
role = "analyst"
[principals.again]
role = "ANALYST"
[principals.elsewhere]
connection = "other"
[principals.writer]
role = "WRITER"
[principals.writer.policy]
tier = "dml"
"""


def read(folder: Path, text: str = TEXT) -> Config:
    path = folder / "c.toml"
    path.write_text(text)
    return load(Flags(config=str(path)), {})


def checked(config: Config) -> tuple[list[tuple[str, str | None]], GrantChecks]:
    """The connections and roles that are checked; the server's own is first."""
    anything: Any = None
    checks = GrantChecks(Clock())
    check_roles(checks, config, Accounts.configured(config, Profiles(config), None), anything)
    return [(each.connection, each.role) for each in checks._checks], checks


def test_every_reading_role_once(tmp_path: Path) -> None:
    """By connection and stored name, whoever has it and however it is spelt; writers are not."""
    found, checks = checked(read(tmp_path))
    assert found == [("main", "READER"), ("main", "ANALYST"), ("other", None)]
    assert checks._own is checks._checks[0]


def test_every_role_that_may_be_chosen_is_checked(tmp_path: Path) -> None:
    """On each connection, as far as statements there only read; an operator's tool counts, too."""
    more = """
[policy]
allow_roles = ["reader", "finance"]
[principals.elsewhere.policy]
allow_roles = ["OTHERS"]
allow_connections = ["main"]
[principals.writer.policy]
tier = "dml"
allow_connections = ["other"]
[connections.other.policy]
tier = "read"
[tools.t]
description = "d"
sql = "SELECT 1"
role = "TOOLED"
"""
    text = TEXT.replace('[principals.writer.policy]\ntier = "dml"\n', "") + more
    found, checks = checked(read(tmp_path, text))
    assert found[:3] == [("main", "READER"), ("main", "FINANCE"), ("main", "TOOLED")]
    assert checks._own is checks._checks[0]
    assert set(found[3:]) == {
        ("main", "ANALYST"),
        ("main", "OTHERS"),
        ("other", None),
        ("other", "OTHERS"),
        ("other", "READER"),
        ("other", "FINANCE"),
        ("other", "TOOLED"),
    }


def test_a_server_that_writes_has_no_role_of_its_own_to_check(tmp_path: Path) -> None:
    """Its reading tables are checked all the same."""
    config = read(
        tmp_path,
        f"{TEXT}[policy]\ntier = 'dml'\n[principals.twice.policy]\ntier = 'read'\n",
    )
    found, checks = checked(config)
    assert (found, checks._own) == ([("main", "ANALYST")], None)


def test_nothing_is_checked_where_nobody_wants_it(tmp_path: Path) -> None:
    """Switched off, or in the demo, which has nothing to lose."""
    config = read(tmp_path)
    ignoring = replace(config, policy=replace(config.policy, on_writable_role="ignore"))
    assert checked(ignoring)[0] == []
    assert not checked(load(Flags(), {}))[1]


def test_a_word_that_is_no_choice_is_told(tmp_path: Path) -> None:
    """Before anything is built or taken."""
    config = read(tmp_path)
    assert choice_problems(config) == ()
    odd = replace(config, policy=replace(config.policy, on_writable_role="shrug"))
    (problem,) = choice_problems(odd)
    assert problem == "policy.on_writable_role: 'shrug' is none of warn, refuse, ignore"


class Reading:
    """Counts how often the grants are read; each reading lasts until it is cancelled."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0

    async def run(self) -> None:
        self.begun += 1
        try:
            await Deferred()
        finally:
            self.ended += 1


class Ready:
    """A warehouse that is there at once."""

    def start(self) -> None:
        """Nothing."""

    def keep_warm(self) -> None:
        """Nothing."""

    async def check(self) -> tuple[bool, str]:
        return True, "there"

    async def stop(self, limit_s: float) -> None:
        """Nothing."""


@pytest.mark.parametrize("log_in", [True, False])
def test_a_reload_reads_grants_anew(log_in: bool) -> None:
    """One reading at a time, and none before the first login of a server that waits with it."""
    reading, ready = Reading(), Ready()
    service = WarehouseService(ready, 1.0, reading, log_in=log_in)  # type: ignore[arg-type]
    service.check_grants()
    assert reading.begun == 0
    try:
        service.startService()
    finally:
        gc.unfreeze()
    service.check_grants()
    service.check_grants()
    assert (reading.begun, reading.ended) == ((3, 2) if log_in else (0, 0))
    service.stopService()
    assert reading.begun == reading.ended
