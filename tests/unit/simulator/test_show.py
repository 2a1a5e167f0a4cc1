"""SHOW statements: parsing and filters, without an engine."""

import pytest

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import tokens
from snowflake_mcp.simulator.show import ShowRequest, like_pattern, matching, parse_show


def parsed(sql: str) -> ShowRequest:
    return parse_show(tokens(sql))


def test_every_clause_is_understood() -> None:
    """Terse, pattern, scope, prefix and page are all read."""
    request = parsed(
        "show terse tables like 'a\\\\_%' in schema Demo.\"my Schema\" "
        "starts with 'A' limit 5 from 'AB'"
    )
    assert request == ShowRequest(
        kind="TABLES",
        terse=True,
        like="a\\_%",
        scope="SCHEMA",
        path=("DEMO", "my Schema"),
        starts_with="A",
        limit=5,
        after="AB",
    )


@pytest.mark.parametrize(
    ("sql", "scope", "path"),
    [
        ("show tables", "", ()),
        ("show tables in account", "ACCOUNT", ()),
        ("show tables in database", "DATABASE", ()),
        ("show tables in database x limit 1", "DATABASE", ("X",)),
        ("show tables in x.y", "NAME", ("X", "Y")),
        ("show columns in table a.b.c", "TABLE", ("A", "B", "C")),
    ],
)
def test_scopes(sql: str, scope: str, path: tuple[str, ...]) -> None:
    """The words after IN name what is looked into."""
    request = parsed(sql)
    assert (request.scope, request.path) == (scope, path)


def test_kinds_of_two_words() -> None:
    """PRIMARY KEYS is one kind."""
    assert parsed("show primary keys in table t").kind == "PRIMARY KEYS"


def test_grants_keep_their_words() -> None:
    """What follows TO or ON belongs to SHOW GRANTS."""
    assert parsed("show grants to role demo_role").rest == ("TO", "ROLE", "DEMO_ROLE")


@pytest.mark.parametrize("sql", ["show", "show tables like", "show tables like 5", "show 'x'"])
def test_nonsense_is_a_syntax_error(sql: str) -> None:
    """A SHOW that cannot be read fails as on Snowflake."""
    with pytest.raises(StatementFailed) as failed:
        parsed(sql)
    assert failed.value.code == "001003"


def test_like_is_blind_to_case_and_escapes() -> None:
    """Percent and underscore are wildcards unless escaped."""
    assert like_pattern("ord%").fullmatch("ORDERS")
    assert like_pattern("o_d").fullmatch("OXD")
    assert not like_pattern("o\\_d").fullmatch("OXD")
    assert like_pattern("o\\_d").fullmatch("O_D")


def test_prefix_minds_case_and_pages_go_on_behind_a_name() -> None:
    """STARTS WITH is case-sensitive; LIMIT n FROM continues after the name."""
    named = [(name, name) for name in ("Aa", "Ab", "Ac", "B", "aa")]
    assert matching(ShowRequest("TABLES", starts_with="A"), named) == ["Aa", "Ab", "Ac"]
    assert matching(ShowRequest("TABLES", limit=2, after="Aa"), named) == ["Ab", "Ac"]
    assert matching(ShowRequest("TABLES", like="a%"), named) == ["Aa", "Ab", "Ac", "aa"]
