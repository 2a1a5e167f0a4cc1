"""Tokens on an injected clock."""

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.tokens import Tokens


def refused(call: object, *given: object) -> str:
    """The code with which ``call`` is refused."""
    assert callable(call)
    with pytest.raises(StatementFailed) as failed:
        call(*given)
    return failed.value.code


@pytest.fixture
def clock() -> Clock:
    """Time that stands still."""
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens[str]:
    """Ten seconds for a session token, forty for a master token."""
    return Tokens(clock.seconds, 10, 40)


def test_a_session_token_expires_and_is_renewed(clock: Clock, tokens: Tokens[str]) -> None:
    """390112 from the last second on; the master token gives new ones, and the old stay dead."""
    pair = tokens.issue("a")
    clock.advance(9.9)
    assert tokens.holder(pair.token) == "a"
    clock.advance(0.1)
    assert refused(tokens.holder, pair.token) == "390112"
    holder, renewed = tokens.renew(pair.master_token)
    assert (holder, tokens.holder(renewed.token)) == ("a", "a")
    assert refused(tokens.holder, pair.token) == "390112"
    assert (renewed.token_s, renewed.master_token_s) == (10, 40)


def test_a_master_token_expires_unless_there_are_heartbeats(
    clock: Clock, tokens: Tokens[str]
) -> None:
    """390114 after its time, which every heartbeat begins anew."""
    pair = tokens.issue("a")
    for _ in range(3):
        clock.advance(30)
        tokens.extend("a")
    clock.advance(39.9)
    tokens.renew(pair.master_token)
    clock.advance(0.1)
    assert refused(tokens.renew, pair.master_token) == "390114"
    tokens.extend("a")
    assert refused(tokens.renew, pair.master_token) == "390114"


def test_tokens_of_a_session_that_ended_say_so(tokens: Tokens[str]) -> None:
    """390111 for both; no other session is touched."""
    gone, there = tokens.issue("a"), tokens.issue("b")
    tokens.revoke("a")
    assert refused(tokens.holder, gone.token) == "390111"
    assert refused(tokens.renew, gone.master_token) == "390111"
    assert tokens.known(gone.token) is None
    assert tokens.holder(there.token) == "b"


def test_tokens_that_nobody_gave_out(tokens: Tokens[str]) -> None:
    """Unknown, missing, and of the wrong kind."""
    pair = tokens.issue("a")
    assert refused(tokens.holder, "x") == "390104"
    assert refused(tokens.holder, pair.master_token) == "390104"
    assert refused(tokens.renew, "x") == "390115"
    assert refused(tokens.renew, pair.token) == "390115"
    assert refused(tokens.renew, "") == "390113"


def test_expiry_on_demand(clock: Clock, tokens: Tokens[str]) -> None:
    """Every token of the session, the master tokens only when they are meant too."""
    first = tokens.issue("a")
    _, second = tokens.renew(first.master_token)
    tokens.expire("a", master=False)
    assert refused(tokens.holder, first.token) == refused(tokens.holder, second.token) == "390112"
    assert tokens.left("a") == (0, 40)
    tokens.renew(first.master_token)
    tokens.expire("a", master=True)
    assert refused(tokens.renew, second.master_token) == "390114"
    assert tokens.left("a") == (0, 0)
    assert tokens.known(second.token) == "a"


def test_tokens_kept_are_bounded(tokens: Tokens[str]) -> None:
    """A session that renews for ever holds eight pairs."""
    pairs = [tokens.issue("a")]
    for _ in range(8):
        pairs.append(tokens.renew(pairs[-1].master_token)[1])
    assert refused(tokens.holder, pairs[0].token) == "390104"
    assert tokens.holder(pairs[1].token) == "a"
