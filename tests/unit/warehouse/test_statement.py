"""What goes with a statement, and who may still call it off."""

import msgspec
import pytest

from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.statement import NotWantedError, Progress, statement_parameters
from tests.unit.warehouse.waiting import job


def test_parameters_of_a_statement() -> None:
    """One row more than wanted, a time limit just behind ours, one statement, no empty tag."""
    assert statement_parameters(job("select 1", max_rows=10), 2.5) == {
        "MULTI_STATEMENT_COUNT": 1,
        "ROWS_PER_RESULTSET": 11,
        "STATEMENT_TIMEOUT_IN_SECONDS": 8,
    }
    assert statement_parameters(job("x"), -3.0)["STATEMENT_TIMEOUT_IN_SECONDS"] == 6


def test_a_tag_stays_json_and_short() -> None:
    """Snowflake refuses tags over 2,000 characters: the longest values are left out."""
    tag = {"tool": "query", "client": "☃" * 3_000, "request": "r1"}
    sent = str(statement_parameters(job("x", tag=tag), 1)["QUERY_TAG"])
    assert msgspec.json.decode(sent) == {"request": "r1", "rows": "101", "tool": "query"}


def test_called_off_before_it_is_sent() -> None:
    """The worker learns it before anything leaves."""
    progress = Progress()
    assert progress.call_off() is None
    with pytest.raises(NotWantedError):
        progress.send()
    assert not progress.sent


def test_called_off_while_it_is_sent() -> None:
    """Between sending and the query id the worker is told to abort by itself."""
    progress = Progress()
    progress.send()
    assert progress.call_off() is None
    assert progress.accepted("q") is False


def test_called_off_later() -> None:
    """With a query id whoever calls it off aborts."""
    progress = Progress()
    progress.send()
    assert progress.accepted("q") is True
    assert progress.call_off() == "q"
    assert (progress.wanted, progress.query_id, progress.sent) == (False, "q", True)


def test_long_principals_stay_apart_in_tags() -> None:
    """Two names that differ anywhere are two owners, also where a tag has no room for them."""
    one, other = (tags.value("p" * 200 + end) for end in "ab")
    assert one != other
    assert max(len(one), len(other)) <= tags.MAX_VALUE_CHARS
    sealed = tags.sealed({"server": "s", "principal": one, "client": "\x01" * 2_000}, 7)
    assert tags.read(sealed) == (("s", one), 7)


@pytest.mark.parametrize(
    "text",
    [None, 5, "", "{", "[]", '"x"', '{"server": "s"}', '{"server": 1, "principal": "p"}', "{}"],
)
def test_tags_of_others_name_nobody(text: object) -> None:
    """Anybody may write a tag: what is not of our form has no owner."""
    assert tags.read(text)[0] is None
