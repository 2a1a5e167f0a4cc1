"""Statements that analysts write, through the real connector: what each gives, or why it fails."""

import json
from typing import Any

import pytest
from snowflake import connector


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("date_trunc('month', '2024-05-15'::date)::varchar", "2024-05-01"),
        ("7 / 2", 3.5),
        ("div0(1, 0)", 0),
        ("try_to_timestamp('x')", None),
        ("try_cast('x' as timestamp_tz)", None),
        ("try_cast('x' as int)", None),
        ("to_binary('AB')", b"\xab"),
        ("ltrim('xxa', 'x') || rtrim('bxx', 'x')", "ab"),
        ("left('abc', 2::number(4,0))", "ab"),
        ("array_contains('a'::variant, array_construct('a', 1))", True),
        ("array_contains(1::variant, array_construct('1', 2))", False),
        ("lpad(42::number, 5, '0')", "00042"),
        ("booland(true, false)", False),
        ("boolor(true, false)", True),
        ("boolxor(true, false)", True),
        ("width_bucket(5, 0, 10, 5)", 3),
        ("is_object({'a': 1})", True),
        ("is_integer(1::variant)", True),
        ("is_integer('1'::variant)", False),
        ("as_integer(1::variant)", 1),
        ("as_varchar('x'::variant)", "x"),
        ("typeof(parse_json('[1]'))", "ARRAY"),
        ("typeof(1::variant)", "INTEGER"),
        ("system$typeof('a')", "VARCHAR(16777216)[LOB]"),
        ("hash(1, 'a') = hash(1, 'a')", True),
        ('parse_json(\'{"a":{"b":[1,2]}}\'):a.b[1]::int', 2),
        ("'abc' like any ('x%', 'a%')", True),
        ("'ABC' ilike any ('x%', 'a%')", True),
        ("$1", 1),
        ("st_distance(st_makepoint(0, 0), st_makepoint(0, 1))::int", 111195),
        ("st_aswkt(to_geography('LINESTRING(0 0, 1 1)'))", "LINESTRING(0 0,1 1)"),
        ("vector_cosine_similarity([1,2]::vector(int,2), [1,2]::vector(int,2))", 1.0),
    ],
)
def test_expressions(expression: str, value: object, cursor: Any) -> None:
    """Functions and operators have Snowflake's meaning."""
    assert cursor.execute(f"select {expression} from (select 1)").fetchone() == (value,)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("array_construct(1, 'a', null)", [1, "a", None]),
        ("[1, {'a': [2]}]", [1, {"a": [2]}]),
        ("object_construct('a', 1, 'b', null)", {"a": 1}),
        ("object_insert({'a': 1}, 'b', 2)", {"a": 1, "b": 2}),
        ("object_delete({'a': 1, 'b': 2}, 'a')", {"b": 2}),
        ("object_pick({'a': 1, 'b': 2}, 'a', 'c')", {"a": 1}),
        ("array_agg(n) within group (order by n desc)", [2, 1]),
    ],
)
def test_semi_structured_expressions(expression: str, value: object, cursor: Any) -> None:
    """Objects and arrays keep their members and the types of these."""
    cursor.execute(f"select {expression} from (select 1 n union all select 2)")
    assert json.loads(cursor.fetchone()[0]) == value


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("show schemas like 'SALES' ->> select \"name\" from $1", [("SALES",)]),
        ("select 1 a ->> select a + 1 b from $1 ->> select b from $1 union select a from $2", 2),
        ("select $2, $1 from values (1, 'a')", [("a", 1)]),
        ("select n, count(*) from (select 1 n) group by all order by all", [(1, 1)]),
        ("select value from table(split_to_table('a,b', ',')) where index = 2", [("b",)]),
        (
            "select d, r from (select 5 d) asof join (select 3 m, 'x' r) match_condition (d >= m)",
            [(5, "x")],
        ),
        (
            "select n, ratio_to_report(n) over () from (select 1 n union all select 3) order by n",
            [(1, 0.25), (3, 0.75)],
        ),
        ("select * from (select 1 id, 2 a, 3 b) unpivot(v for k in (a, b)) order by v", 2),
        ("select k from (select 'a' k) qualify row_number() over (order by k) = 1", [("a",)]),
        ("select stage_name from demo.information_schema.stages", []),
        ("select * from table(information_schema.task_history())", []),
        ("select role_name from information_schema.enabled_roles where role_name = 'PUBLIC'", 1),
    ],
)
def test_queries(sql: str, rows: Any, cursor: Any) -> None:
    """Clauses and sources that the engine writes differently or does not have."""
    found = cursor.execute(sql).fetchall()
    assert found == rows if isinstance(rows, list) else len(found) == rows


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("select 1/0", 100051),
        ("select n / 0 from (select 1 n)", 100051),
        ("select '1'::date", 100038),
        ("select '2024-01-01 25:99'::decfloat", 100035),
        ("select * from orders at(offset => -60)", 2),
        ("select * from orders match_recognize (order by a pattern (x) define x as true)", 2),
        ("select * from semantic_view(x metrics y)", 2003),
        ("select snowflake.cortex.complete('m', 'x')", 2),
        ("select ai_complete('m', 'x')", 2),
        ("select $1 from @stage", 2),
        ("select * from (select 'a' k, 1 n) pivot(sum(n) for k in (any))", 2),
        ("begin return 1; end", 2),
        ("execute immediate 'select 1'", 2),
        ("create table no_decfloat (d decfloat)", 2),
        ("select 1 ->>", 1003),
        ("select * from $1", 1003),
        ("select * from snowflake.account_usage.query_history", 2003),
        ("alter warehouse nowhere resume", 2043),
    ],
)
def test_failures(sql: str, errno: int, cursor: Any) -> None:
    """Errors have Snowflake's numbers; 000002 says plainly that the endpoint lacks something."""
    with pytest.raises(connector.errors.Error) as caught:
        cursor.execute(sql)
    assert caught.value.errno == errno


def test_functions_inside_changes(cursor: Any) -> None:
    """What a query may say, INSERT ... SELECT and CREATE TABLE AS may say too."""
    cursor.execute("select 41 n")
    cursor.execute("create or replace table made as select current_role() r, st_makepoint(1, 2) g")
    cursor.execute("insert into made select current_role(), to_geography('POINT(3 4)')")
    cursor.execute("select r, st_x(g) from made order by 2")
    assert cursor.fetchall() == [("DEMO_ROLE", 1.0), ("DEMO_ROLE", 3.0)]
    cursor.execute("alter warehouse demo_wh resume if suspended")
    ddl = cursor.execute("select get_ddl('schema', 'demo.support')").fetchone()[0]
    assert ddl.startswith("create or replace schema SUPPORT;")
    assert "create or replace TABLE TICKETS" in ddl
    cursor.execute("drop table made")


def test_a_day_cut_to_its_month_stays_a_day(cursor: Any) -> None:
    """DATE_TRUNC keeps the type of its argument, in queries, groups and views."""
    cursor.execute(
        "create or replace view months as select date_trunc('month', ordered_at::date) m, "
        "date_trunc('month', ordered_at) t from orders"
    )
    cursor.execute(
        "select m, t, date_trunc('month', m), count(*) from months "
        "group by m, t, date_trunc('month', m) order by 1 limit 1"
    )
    assert [column.type_code for column in cursor.description] == [3, 8, 3, 0]
    assert cursor.fetchone()[2].isoformat() == "2024-01-01"
    cursor.execute("drop view months")
