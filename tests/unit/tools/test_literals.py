"""Whatever an argument holds, one operand of SQL comes out, and it means that value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.policy.lexer import scan
from snowflake_mcp.policy.tokens import Kind
from snowflake_mcp.tools.literals import rendered
from snowflake_mcp.warehouse.identifiers import folded, shown

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
HOSTILE = st.text("'\\\"-/*;$ \n{}a", max_size=20)


def tokens(text: str) -> list[tuple[Kind, str]]:
    """What the gate's lexer sees where the text stands between operators."""
    return [(token.kind, token.text) for token in scan(f"A = {text} - B").tokens[2:-2]]


@given(TEXTS | HOSTILE)
def test_a_text_is_one_string(text: str) -> None:
    """It can be read back, and nothing of it stands outside the quotes."""
    made = rendered("string", text)
    ((kind, whole),) = tokens(made)
    assert kind is Kind.STRING
    assert whole == made
    assert whole[1:-1].replace("''", "'").replace("\\\\", "\\") == text


@given(HOSTILE.filter(bool))
def test_a_name_is_one_quoted_name(text: str) -> None:
    """Folded as names are everywhere."""
    try:
        name = folded(text)
    except ValueError:
        with pytest.raises(ValueError, match="expected one name"):
            rendered("identifier", text)
        return
    made = rendered("identifier", text)
    assert tokens(made) == [(Kind.QUOTED, made)]
    assert made[1:-1].replace('""', '"') == name
    assert folded(shown(name)) == name


@given(st.integers(-(10**38) + 1, 10**38 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_one_operand(value: float) -> None:
    """A sign is in brackets, so that it makes no comment with a minus before it."""
    made = rendered("number", value)
    assert float(made.strip("()")) == float(value)
    kinds = [kind for kind, _ in tokens(made)]
    assert kinds.count(Kind.NUMBER) == 1
    assert len(kinds) == (4 if made.startswith("(-") else 1)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "it's \\ a", "'it''s \\\\ a'"),
        ("integer", -5, "(-5)"),
        ("integer", 0, "0"),
        ("number", 0.5, "0.5"),
        ("number", -0.0, "(-0.0)"),
        ("boolean", True, "TRUE"),
        ("boolean", False, "FALSE"),
        ("date", "2026-01-31", "'2026-01-31'::DATE"),
        ("timestamp", "2026-01-31T12:00:00", "'2026-01-31 12:00:00'::TIMESTAMP_NTZ"),
        ("timestamp", "2026-01-31T12:00:00Z", "'2026-01-31 12:00:00+00:00'::TIMESTAMP_TZ"),
        ("identifier", "orders", '"ORDERS"'),
        ("identifier", '"my table"', '"my table"'),
        ("date", None, "NULL"),
    ],
)
def test_values_by_type(kind: str, value: Any, expected: str) -> None:
    """As docs/custom-tools.md has them."""
    assert rendered(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", "a\x00b"),
        ("string", 1),
        ("integer", True),
        ("integer", 1.5),
        ("integer", 10**38),
        ("number", float("inf")),
        ("number", float("nan")),
        ("number", "1"),
        ("boolean", 1),
        ("date", "2026-02-30"),
        ("date", "20260131"),
        ("date", "\uff12026-01-31"),
        ("date", "2026-01-31'"),
        ("timestamp", "yesterday"),
        ("timestamp", 5),
        ("identifier", '"a"."b"'),
        ("identifier", ""),
        ("identifier", 5),
    ],
)
def test_what_is_none_of_its_type_is_refused(kind: str, value: Any) -> None:
    """Before anything is made of it."""
    with pytest.raises(ValueError, match="expected"):
        rendered(kind, value)
