"""The ranked search over tables of names, and how alike names are."""

from collections.abc import Sequence
from typing import Any

import pytest

from snowflake_mcp.warehouse.closeness import differences, inside, near
from snowflake_mcp.warehouse.likeness import closest, distance, tolerance
from snowflake_mcp.warehouse.ranking import Found, Question, find, terms_of
from snowflake_mcp.warehouse.results import Column
from snowflake_mcp.warehouse.shelf import ShelfCollector

SHOWN = ("name", "database_name", "schema_name", "kind", "comment", "created_on")


def shelf(rows: Sequence[Sequence[str]], kind: str = "") -> Any:
    """A table of rows of SHOW."""
    collector = ShelfCollector(kind)
    collector.begin([Column(name, "VARCHAR", True) for name in SHOWN])
    collector.add(rows)
    return collector.finish()


def tables(*names: str, comment: str = "", created: str = "1") -> Any:
    """Tables of the schema D.S."""
    return shelf([[name, "D", "S", "TABLE", comment, created] for name in names])


def look(pattern: str, *kept: Any, **more: Any) -> Found:
    return find(kept, Question(terms_of(pattern), **more))


def names(found: Found) -> list[tuple[str, str]]:
    return [(hit.path[-1], hit.match) for hit in found.hits]


def test_the_order_of_matches() -> None:
    """Name, prefix, word, part, column, comment; shorter names first among equals."""
    kept = tables("REORDER", "ORDERS_OLD", "MY_ORDER", "ORDERS", "ORDER", "LINES", "ORDR")
    noted = tables("NOTED", comment="about each order")
    columns = (frozenset({("D", "S", "LINES")}),)
    assert names(look("order", kept, noted, columns=columns)) == [
        ("ORDER", "name"),
        ("ORDERS", "prefix"),
        ("ORDERS_OLD", "prefix"),
        ("MY_ORDER", "word"),
        ("REORDER", "part"),
        ("LINES", "column"),
        ("NOTED", "comment"),
        ("ORDR", "similar"),
    ]


def test_what_snowflake_brings_along_comes_last_of_its_like() -> None:
    """INFORMATION_SCHEMA and the database SNOWFLAKE are seldom meant."""
    own = shelf(
        [
            ["T", "SNOWFLAKE", "S", "VIEW", "", ""],
            ["T", "D", "INFORMATION_SCHEMA", "VIEW", "", ""],
            ["T", "Z", "S", "TABLE", "", ""],
        ]
    )
    assert [hit.path[0] for hit in look("t", own).hits] == ["Z", "D", "SNOWFLAKE"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("ord*", ["ORD", "ORDERS"]),
        ("%ord%", ["ORD", "ORDERS", "RE_ORD"]),
        ("o...r", []),
        ("größe", ["Größe"]),
    ],
)
def test_patterns_are_taken_literally_but_for_stars(pattern: str, expected: list[str]) -> None:
    """In any case, in any script."""
    kept = tables("ORD", "ORDERS", "RE_ORD", "Größe")
    assert [name for name, _ in names(look(pattern, kept))] == expected


def test_slips_are_found_by_words() -> None:
    """Among very many names, and none that are too far away."""
    kept = tables(*(f"ACCOUNT_{number}" for number in range(3_000)), "DIM_CUSTOMER", "COSTUME")
    found = look("custmer", kept)
    assert names(found) == [("DIM_CUSTOMER", "similar")]
    assert names(look("dim_custmoer", kept)) == [("DIM_CUSTOMER", "similar")]
    assert look("cst", kept).hits == ()


def test_pages_and_rules() -> None:
    """Behind a path it goes on; what is hidden is on no page and takes no place."""
    kept = tables(*(f"T{number:02}" for number in range(10)))
    first = look("t", kept, most=3, shows=lambda path: path[-1] != "T01")
    assert ([hit.path[-1] for hit in first.hits], first.more) == (["T00", "T02", "T03"], True)
    rest = look("t", kept, most=20, after=first.hits[-1].path)
    assert [hit.path[-1] for hit in rest.hits] == [f"T{number:02}" for number in range(4, 10)]
    assert look("t", kept, after=("D", "S", "GONE")).lost
    assert find((), Question(("t",))) == Found((), more=False, searched=0)


@pytest.mark.parametrize(
    ("one", "other", "away"),
    [
        ("orders", "orders", 0),
        ("ordres", "orders", 1),
        ("orer", "order", 1),
        ("custmoer", "customer", 1),
        ("abc", "xyz", 3),
        ("abcdef", "ab", 3),
    ],
)
def test_distance(one: str, other: str, away: int) -> None:
    """Inserted, deleted, changed and swapped letters count one each; what is far is only far."""
    assert distance(one, other, 2) == away
    assert distance(other, one, 2) == away


def test_closest() -> None:
    """Case first, then slips, then names that hold it; short names are not guessed."""
    assert closest("orders", ["ORDER", "Orders", "ORDERS_OLD", "LINES"]) == [
        "Orders",
        "ORDER",
        "ORDERS_OLD",
    ]
    assert closest("ab", ["AC", "A", "B"]) == []
    assert [tolerance(name) for name in ("abc", "abcd", "abcdef", "abcdefghi")] == [0, 1, 2, 3]


def test_near_and_inside() -> None:
    """The part of the path that is wrong decides; the same name elsewhere comes first."""
    kept = (
        shelf([["D", "", "", "", "", ""]], "database"),
        shelf([["S", "D", "", "", "", ""], ["U", "D", "", "", "", ""]], "schema"),
        tables("ORDERS", "ORDERS_2"),
        shelf([["ordrs", "D", "U", "TABLE", "", ""]]),
    )
    everything = lambda _: True  # noqa: E731 - a rule
    assert near(kept, ("D", "S", "ORDRS"), everything, 3) == [
        ("D", "U", "ordrs"),
        ("D", "S", "ORDERS"),
    ]
    assert near(kept, ("D", "S", "ORDERS"), everything, 3) is None
    assert near(kept, ("DD", "S", "NONE"), everything, 3) == []
    assert near(kept, ("D", "S", "ORDRS"), lambda path: path[1:2] != ("U",), 3) == [
        ("D", "S", "ORDERS")
    ]
    assert near((), ("D",), everything, 3) is None
    assert [inside(kept, ()), inside(kept, ("D",)), inside(kept, ("D", "S"))] == [
        ["D"],
        ["S", "U"],
        ["ORDERS", "ORDERS_2"],
    ]


def test_differences() -> None:
    """What came, went, was made anew, or is told otherwise; never what stayed."""
    before = (tables("STAYS", "GOES", "ANEW"),)
    after = (tables("STAYS", "COMES"), tables("ANEW", created="2"))
    assert sorted(path[-1] for path in differences(before, after)) == ["ANEW", "COMES", "GOES"]
    assert differences((), after) == []
