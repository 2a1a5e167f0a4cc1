"""What the role may do: read once, through all roles in it, and told."""

from collections.abc import Mapping
from typing import Any, TypeVar

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.grants import GrantCheck, GrantChecks
from snowflake_mcp.warehouse.results import Collector, Column, Outcome
from snowflake_mcp.warehouse.statement import Job

T = TypeVar("T")
Row = tuple[str, str, str]

READER: Mapping[str, list[Row]] = {
    'SHOW GRANTS TO ROLE "READER"': [
        ("USAGE", "DATABASE", "D"),
        ("SELECT", "TABLE", "D.S.T"),
        ("USAGE", "ROLE", "INNER"),
        ("USAGE", "DATABASE_ROLE", "D.VIEWER"),
    ],
    'SHOW GRANTS TO ROLE "INNER"': [("USAGE", "ROLE", "READER"), ("USAGE", "WAREHOUSE", "W")],
    'SHOW GRANTS TO DATABASE ROLE "D"."VIEWER"': [("SELECT", "VIEW", "D.S.V")],
    'SHOW GRANTS TO ROLE "PUBLIC"': [("USAGE", "FUNCTION", "D.S.F")],
}


class Answers:
    """Answers SHOW GRANTS from memory; a missing role fails."""

    def __init__(self, grants: Mapping[str, list[Row]]) -> None:
        self.grants = dict(grants)
        self.sql: list[str] = []
        self.jobs: list[Job] = []

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        self.jobs.append(job)
        self.sql.append(job.sql)
        if job.sql.startswith("SELECT"):
            collector.begin([Column("NAME", "TEXT", True)])
            collector.add([["READER"]])
        elif job.sql not in self.grants:
            raise ToolFailure(Family.FORBIDDEN, "no")
        else:
            names = ("privilege", "granted_on", "name")
            collector.begin([Column(name, "TEXT", True) for name in names])
            collector.add(self.grants[job.sql])
        return Outcome("01", (), 0, None, None, 0.0, collector.finish())


def check(
    grants: Mapping[str, list[Row]], *, role: str | None = "READER", refuse: bool = False
) -> tuple[GrantChecks, Answers, Clock, "Deferred[Any]"]:
    answers, clock = Answers(grants), Clock()
    made = GrantChecks(clock)
    made.take(GrantCheck(answers, role), [], refuse=refuse)
    return made, answers, clock, Deferred.fromCoroutine(made.run())


def test_a_reading_role_is_followed_to_its_end() -> None:
    """Inner roles, roles of databases and PUBLIC, each once; nothing of it writes."""
    made, answers, _, _ = check(READER, refuse=True)
    assert sorted(answers.sql) == sorted(READER)
    assert made.ready() == (True, "the role READER can only read")
    assert made.snapshot() == {"checked": True, "can_write": False, "privileges": {}}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("INSERT", "TABLE", "D.S.T"), "INSERT"),
        (("OWNERSHIP", "SCHEMA", "D.S"), "OWNERSHIP"),
        (("CREATE TABLE", "SCHEMA", "D.S"), "CREATE TABLE"),
        (("MANAGE GRANTS", "ACCOUNT", "A"), "MANAGE GRANTS"),
        (("SOMETHING NEW", "TABLE", "D.S.T"), "SOMETHING NEW"),
        (("USAGE", "PROCEDURE", "D.S.P"), "USAGE of PROCEDURE"),
        (("USAGE", "ROLE", "SYSADMIN"), "role SYSADMIN"),
    ],
)
@pytest.mark.parametrize("holder", sorted(READER))
def test_one_writing_privilege_is_enough(holder: str, row: Row, told: str) -> None:
    """Anywhere among the roles; what is not known to read counts as writing."""
    grants: dict[str, list[Row]] = {
        **READER,
        holder: [*READER[holder], row],
        'SHOW GRANTS TO ROLE "SYSADMIN"': [],
    }
    made, _, _, _ = check(grants, refuse=True)
    assert made.ready() == (False, f"the role READER can write: {told} (1)")
    assert made.snapshot()["can_write"] is True
    warned, _, _, _ = check(grants)
    assert warned.ready()[0] is True


def test_a_powerful_role_needs_no_grants() -> None:
    """Snowflake's own administrators can write by what they are."""
    grants: dict[str, list[Row]] = {
        'SHOW GRANTS TO ROLE "SYSADMIN"': [],
        'SHOW GRANTS TO ROLE "PUBLIC"': [],
    }
    made, _, _, _ = check(grants, role="SYSADMIN", refuse=True)
    assert made.ready() == (False, "the role SYSADMIN can write: role SYSADMIN (1)")


def test_without_a_configured_role_the_session_says_which() -> None:
    """The user's default role is meant then."""
    made, answers, _, _ = check(READER, role=None)
    assert answers.sql[0].startswith("SELECT CURRENT_ROLE()")
    assert made.ready()[1] == "the role READER can only read"


def test_unknown_grants_are_asked_for_again() -> None:
    """Until then a server that refuses is not ready, and one that warns is."""
    made, answers, clock, _ = check({}, refuse=True)
    assert made.ready() == (False, "the grants of the role are not known: forbidden")
    assert made.snapshot()["checked"] is False
    answers.grants = dict(READER)
    clock.advance(60.0)
    assert made.ready()[0] is True
    assert check({})[0].ready()[0] is True


def test_a_stop_ends_the_wait() -> None:
    """Nothing is left running."""
    _, _, clock, running = check({})
    caught: list[Any] = []
    running.addErrback(caught.append)
    running.cancel()
    assert caught[0].check(CancelledError)
    assert clock.getDelayedCalls() == []


def test_many_roles_are_bounded() -> None:
    """A role of very many roles is read so far and not further, which is said."""
    grants: dict[str, list[Row]] = {
        f'SHOW GRANTS TO ROLE "R{n}"': [("USAGE", "ROLE", f"R{n + 1}")] for n in range(200)
    }
    made, answers, _, _ = check({**grants, 'SHOW GRANTS TO ROLE "PUBLIC"': []}, role="R0")
    assert len(answers.sql) == 64
    assert made.ready()[1] == "the role R0 can only read as far as its grants were read"


def test_each_role_in_use_is_checked() -> None:
    """One that can write is told, and refused; one that nobody can ask about keeps nobody out."""
    writer = {'SHOW GRANTS TO ROLE "W"': [("INSERT", "TABLE", "D.S.T")]}
    answers, clock = Answers({**READER, **writer}), Clock()
    own = GrantCheck(answers, "READER")
    broken, writing = GrantCheck(answers, "NOPE", "bo", "b"), GrantCheck(answers, "W", "al", "a")
    made = GrantChecks(clock)
    made.take(own, [broken], refuse=True)
    running = Deferred.fromCoroutine(made.run())
    assert made.ready() == (True, "the role READER can only read")
    assert made.snapshot() == {
        "checked": True,
        "can_write": False,
        "privileges": {},
        "others": [
            {
                "connection": "b",
                "checked": False,
                "detail": "the grants of the role are not known: forbidden",
            }
        ],
    }
    running.addErrback(lambda _: None)
    running.cancel()
    made.take(own, [broken, writing], refuse=True)
    running = Deferred.fromCoroutine(made.run())
    assert made.ready() == (False, "the role W can write: INSERT (1)")
    assert {job.principal for job in answers.jobs} == {
        Principal("(grants)"),
        Principal("(grants)", "bo"),
        Principal("(grants)", "al"),
    }
    running.addErrback(lambda _: None)
    running.cancel()


def test_nobody_reads_at_the_servers_own_role() -> None:
    """Then only the others are checked, and the server is ready without them."""
    answers, clock = Answers(READER), Clock()
    made = GrantChecks(clock)
    made.take(None, [GrantCheck(answers, "READER", "bo", "b")], refuse=True)
    assert made.ready()[0] is True
    assert Deferred.fromCoroutine(made.run()).called
    assert made.ready() == (True, "the role READER can only read")
