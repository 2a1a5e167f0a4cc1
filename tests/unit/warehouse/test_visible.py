"""Hidden characters of foreign texts are spelt out, in JSON without changing its value."""

import json
import unicodedata

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.warehouse.visible import escaped, plain, visible_json

HIDES = ("Cc", "Cf", "Co", "Zl", "Zp", "Cn")

texts = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["a|b", "\\", "\x1b[31mred", "\u202eevil", "\ud800", "x\u200by", "tag\U000e0041", "f\u3164"]
)
"""Any text, lone surrogates and what hides included."""


def hidden(text: str) -> list[str]:
    """The characters in a text that nobody can see."""
    return [c for c in text if unicodedata.category(c) in (*HIDES, "Cs")]


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


@given(texts, st.integers(2, 50), st.booleans())
def test_a_cut_text_stays_within_its_width(text: str, width: int, pipes: bool) -> None:
    """Escapes count towards the width, and only a text that was cut is called cut."""
    shown, cut = escaped(text, width, pipes=pipes)
    assert len(shown) <= width
    assert cut == (shown.endswith("…") and not text.endswith("…")) or text.endswith("…")
    assert hidden(shown) == []


def test_an_exact_fit_is_not_cut() -> None:
    """A text as long as the width is shown whole, one longer is cut and says so."""
    assert escaped("abcd", 4) == ("abcd", False)
    assert escaped("abcde", 4) == ("abc…", True)
    assert escaped("abc\n", 4) == ("abc…", True)
    assert escaped("ab\n", 4) == ("ab\\n", False)


def test_what_breaks_a_line_or_a_table_is_spelt_out() -> None:
    """Line ends, tabs, bars and backslashes; blanks of other widths stay."""
    assert escaped("a|b\\c\r\n\td\x1be\U000e0041\u3000", 99, pipes=True) == (
        "a\\|b\\\\c\\r\\n\\td\\x1be\\U000e0041\u3000",
        False,
    )


@given(texts)
def test_a_text_in_a_sentence_has_no_line_end(text: str) -> None:
    """Nor anything else that hides."""
    assert hidden(plain(text)) == []
