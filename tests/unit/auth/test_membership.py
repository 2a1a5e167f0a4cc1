"""Which table a caller belongs to."""

import pytest

from snowflake_mcp.auth.caller import Evidence, Unidentified, is_subject
from snowflake_mcp.auth.membership import Scopes, principal_of
from snowflake_mcp.config.model import PrincipalSettings
from snowflake_mcp.protocol.principal import Principal

TABLES = {
    "service": PrincipalSettings("service"),
    "ops": PrincipalSettings("ops", groups=("sre-*",), scopes=("admin",)),
    "ana": PrincipalSettings("ana", subjects=("ana@example.com",)),
    "staff": PrincipalSettings("staff", subjects=("*@example.com",)),
    "rest": PrincipalSettings("rest", groups=("readers",)),
    "pods": PrincipalSettings("pods", certificates=("*.pods.example.com", "agent-?")),
}


def user(subject: str, scopes: str = "", groups: str = "", method: str = "jwt") -> Evidence:
    """What a token or a proxy says."""
    return Evidence(
        method,  # type: ignore[arg-type]  # the test says which
        subject,
        scopes=frozenset(scopes.split()),
        groups=frozenset(groups.split()),
    )


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        (user("ana@example.com"), "ana/ana@example.com"),
        (user("bo@example.com"), "staff/bo@example.com"),
        (user("bo@example.com", "admin", "sre-eu x"), "ops/bo@example.com"),
        (user("bo@example.com", "", "sre-eu"), "staff/bo@example.com"),
        (user("guest", "mcp", "readers"), "rest/guest"),
        (user("guest", method="proxy", groups="readers"), "rest/proxy:guest"),
        (Evidence("certificate", "a.pods.example.com"), "pods/cert:a.pods.example.com"),
        (Evidence("certificate", "agent-1"), "pods/cert:agent-1"),
        (Evidence("token", "id", "service"), "service"),
    ],
)
def test_the_first_table_that_fits(evidence: Evidence, name: str) -> None:
    """In the order of the file; every condition of a table has to hold."""
    assert principal_of(evidence, TABLES) == Principal(name, name.partition("/")[0])


@pytest.mark.parametrize(
    "evidence",
    [
        user("ANA@example.com.evil"),
        user("guest", "admin"),
        user("guest", "", "reader"),
        user("agent-1"),
        Evidence("certificate", "ana@example.com"),
        Evidence("certificate", "agent-12"),
        Evidence("token", "id", "gone"),
    ],
)
def test_without_a_table_nobody_is_let_in(evidence: Evidence) -> None:
    """There is no silent default; a table without conditions takes tokens only."""
    with pytest.raises(Unidentified) as caught:
        principal_of(evidence, TABLES)
    assert (caught.value.status, caught.value.code) == (403, "no_profile")


def test_the_name_of_callers_without_a_credential_is_taken() -> None:
    """A token for that table would be the same caller as they are."""
    with pytest.raises(Unidentified):
        principal_of(Evidence("token", "id", "local"), {"local": PrincipalSettings("local")})


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("ana", True),
        ("auth0|5f", True),
        ("spiffe://x/y", True),
        ("É", True),
        ("", False),
        (" a", False),
        ("a\nb", False),
        ("a\u202eb", False),
        ("x" * 256, False),
        ("cert:ana", False),
        ("proxy:ana", False),
        (7, False),
        (None, False),
    ],
)
def test_a_name_from_elsewhere_is_short_and_plain(text: object, good: bool) -> None:
    """It becomes part of log lines and query tags, and of no other kind of caller's name."""
    assert is_subject(text) is good


def test_a_scope_includes_others() -> None:
    """A-07: followed to the end, circles included."""
    scopes = Scopes(["admin=write", "write = read", "read=write"])
    assert scopes.of(["admin"]) == {"admin", "write", "read"}
    assert scopes.of(["x"]) == {"x"}
    with pytest.raises(ValueError, match="BROAD=NARROW"):
        Scopes(["admin"])
