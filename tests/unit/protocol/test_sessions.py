"""Session ids: who may use them, for how long, and what they carry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.protocol import sessions
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.protocol.sessions import MAX_TOKEN_CHARS, SessionTokens

KEY = b"k" * 32


def tokens(now: list[float], key: bytes = KEY) -> SessionTokens:
    return SessionTokens(key, 60.0, lambda: now[0])


def test_a_token_carries_what_was_agreed() -> None:
    """Another process with the same key sees the same session."""
    token, session = tokens([1000.0]).mint(LOCAL, "2025-06-18", "c/1", {"roots": {}})
    again = tokens([1001.0]).open(token, LOCAL)
    assert again == session
    assert again is not None
    assert (again.version, again.client, dict(again.capabilities)) == (
        "2025-06-18",
        "c/1",
        {"roots": {}},
    )


def test_tokens_are_visible_ascii() -> None:
    """A-09: the specification allows 0x21 to 0x7E only."""
    token, _ = tokens([0.0]).mint(LOCAL, "2025-11-25", "Bjørn 雪", {})
    assert all(0x21 <= ord(ch) <= 0x7E for ch in token)


def test_a_token_is_bound_to_its_principal() -> None:
    """A-09: somebody else's session looks like one that does not exist."""
    token, _ = tokens([0.0]).mint(LOCAL, "2025-11-25", "", {})
    assert tokens([0.0]).open(token, Principal("other")) is None


def test_a_token_expires() -> None:
    """Past its life a session is unknown."""
    now = [0.0]
    source = tokens(now)
    token, _ = source.mint(LOCAL, "2025-11-25", "", {})
    now[0] = 59.0
    assert source.open(token, LOCAL) is not None
    now[0] = 61.0
    assert source.open(token, LOCAL) is None


def test_what_was_opened_before_is_asked_again() -> None:
    """The signature is reckoned once; whose it is, its end and its revocation count each time."""
    now = [0.0]
    source = tokens(now)
    token, session = source.mint(LOCAL, "2025-11-25", "", {})
    assert source.open(token, LOCAL) == session
    assert source.open(token, Principal("other")) is None
    assert source.open(token, LOCAL) == session
    source.revoke(session.id)
    assert source.open(token, LOCAL) is None
    late, _ = source.mint(LOCAL, "2025-11-25", "", {})
    assert source.open(late, LOCAL) is not None
    now[0] = 61.0
    assert source.open(late, LOCAL) is None


def test_few_opened_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are; none of them as it was sent."""
    monkeypatch.setattr(sessions, "MAX_OPENED", 3)
    source = tokens([0.0])
    sent = [source.mint(LOCAL, "2025-11-25", "", {})[0] for _ in range(10)]
    assert all(source.open(token, LOCAL) for token in (*sent, *sent))
    assert 0 < len(source._opened) <= 3
    assert not any(token in repr(source._opened) for token in sent)


def test_another_key_refuses() -> None:
    """A token signed elsewhere is worth nothing."""
    token, _ = tokens([0.0]).mint(LOCAL, "2025-11-25", "", {})
    assert tokens([0.0], b"x" * 32).open(token, LOCAL) is None


def test_every_changed_character_is_noticed() -> None:
    """A-09: no single flipped character leaves a valid token."""
    source = tokens([0.0])
    token, _ = source.mint(LOCAL, "2025-11-25", "", {})
    for index in range(len(token)):
        other = "A" if token[index] != "A" else "B"
        changed = token[:index] + other + token[index + 1 :]
        assert source.open(changed, LOCAL) is None


@given(st.text(max_size=100))
def test_no_text_raises(text: str) -> None:
    """Whatever a client sends as a session id is simply unknown."""
    assert tokens([0.0]).open(text, LOCAL) is None
    assert tokens([0.0]).open("a." + text, LOCAL) is None


def test_huge_capabilities_do_not_make_huge_tokens() -> None:
    """A client cannot make us send a header that it could not send back."""
    token, session = tokens([0.0]).mint(LOCAL, "2025-11-25", "", {"x": "y" * 10_000})
    assert len(token) <= MAX_TOKEN_CHARS
    assert dict(session.capabilities) == {}


def test_a_short_key_is_refused() -> None:
    """A weak key is a mistake of the operator's, told at once."""
    with pytest.raises(ValueError, match="32 bytes"):
        SessionTokens(b"short", 60.0, lambda: 0.0)
