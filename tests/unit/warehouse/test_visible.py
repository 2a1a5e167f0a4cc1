"""Hidden characters of foreign texts are spelt out, in JSON without changing its value."""

import json
import unicodedata

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.warehouse.visible import plain, visible_json

HIDES = ("Cc", "Cf", "Co", "Zl", "Zp", "Cn")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_visible_json_is_the_same_value(text: str) -> None:
    """JSON reads back exactly what went in, and no character that hides is left."""
    made = visible_json(msgspec.json.encode({text: [text]}))
    assert json.loads(made) == {text: [text]}
    assert not any(unicodedata.category(character) in HIDES for character in made.decode())


def test_what_hides_is_spelt_out() -> None:
    """Zero width, direction, tags outside the basic plane and DEL; letters and emoji stay."""
    value = "a\u200bb\u202ec\U000e0041d\x7fe\u3164 Zürich 東京 🍎"
    shown = r'"a\u200bb\u202ec\udb40\udc41d\u007fe\u3164 Zürich 東京 🍎"'
    assert visible_json(msgspec.json.encode(value)).decode() == shown


def test_a_foreign_text_is_one_line() -> None:
    """Inside a sentence a line end is spelt out, and the text is bounded."""
    assert plain("a\nb") == "a\\nb"
    assert len(plain("x" * 500)) == 200
