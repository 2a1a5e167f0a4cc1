"""The work of the gate grows with the length of the text and no faster."""

import sys
from types import FrameType
from typing import Any

import pytest

from snowflake_mcp.policy.lexer import MAX_TOKENS
from tests.unit.policy.support import judge, rules

_BOMBS = {
    "open brackets": ("", "(", ""),
    "joins": ("SELECT * FROM t", " JOIN t", ""),
    "commas": ("SELECT a", ",a", ""),
    "calls": ("SELECT 1", ",ABS(1)", ""),
    "unknown calls": ("SELECT 1", ",f(1)", ""),
    "deep groups": ("SELECT 1", "+" + "(" * 50 + "1" + ")" * 50, ""),
    "deep types": ("SELECT a", ",a::ARRAY(ARRAY(ARRAY(INT)))", ""),
    "dots": ("SELECT a", ".a", ""),
    "prefixes": ("SELECT ", "NOT ", "1"),
    "cases": ("SELECT ", "CASE WHEN ", ""),
    "froms": ("SELECT a ", "FROM ", ""),
    "opened comments": ("SELECT /*", "/*", "*/ 1"),
    "comments": ("SELECT ", "/**/", "1"),
    "line comments": ("SELECT 1", "--\n", ""),
    "semicolons": ("", ";", ""),
    "flows": ("SELECT 1", "->>SELECT 1", ""),
    "quotes": ("SELECT '", "''", "'"),
    "open quote": ("SELECT '", "a\\'", ""),
    "names": ("SELECT ", '"a"', ""),
    "dollars": ("SELECT ", "$a ", ""),
    "stages": ("SELECT ", "@a ", ""),
    "unions": ("SELECT 1", " UNION SELECT 1", ""),
    "subqueries": ("SELECT * FROM ", "(SELECT * FROM ", "t"),
    "with": ("WITH a AS (SELECT 1)", ", a AS (SELECT 1)", " SELECT 1"),
    "show": ("SHOW TABLES IN a", ".a", ""),
    "grants": ("SHOW GRANTS TO ", "ROLE ", "r"),
    "types of arguments": ("DESC FUNCTION f(INT", ",INT", ")"),
    "values": ("VALUES (1)", ",(1)", ""),
    "aliases": ("SELECT * FROM t", " t (a)", ""),
}


def _steps(sql: str) -> int:
    """Lines of the gate's own code that run while it judges ``sql``."""
    count = 0

    def local(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        return local if "snowflake_mcp" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        judge(sql)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", _BOMBS)
def test_twice_the_text_is_twice_the_work(name: str) -> None:
    """Of a text that repeats itself the double costs at most the double, plus a constant."""
    head, unit, tail = _BOMBS[name]
    once = _steps(head + unit * 60 + tail)
    twice = _steps(head + unit * 120 + tail)
    assert twice <= 2.2 * once + 200


@pytest.mark.parametrize("name", _BOMBS)
def test_the_longest_text_is_judged(name: str) -> None:
    """64 KiB of anything gets a verdict, without a RecursionError."""
    head, unit, tail = _BOMBS[name]
    times = (65_536 - len(head) - len(tail)) // len(unit)
    verdict = judge(head + unit * times + tail)
    assert verdict.allowed == (not verdict.refusals)


def test_tokens_are_bounded() -> None:
    """One token over the bound is one too many."""
    names = ",a" * ((MAX_TOKENS - 2) // 2)
    assert judge(f"SELECT a{names}").allowed
    assert rules(judge(f"SELECT a{names},a")) == ["too-many-tokens"]
