"""SHOW, DESCRIBE, GET_DDL, context and history through the real connector."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from snowflake import connector

from snowflake_mcp.simulator.absent import ABSENT


def names(cursor: Any, sql: str) -> list[str]:
    """The name column of what SHOW answers."""
    cursor.execute(sql)
    place = [column.name for column in cursor.description].index("name")
    return [row[place] for row in cursor.fetchall()]


def test_databases_and_schemas(cursor: Any) -> None:
    """Two databases; schemas with their comments."""
    assert names(cursor, "show databases") == ["DEMO", "MARKETING"]
    assert names(cursor, "show terse schemas in database demo like 's%'") == ["SALES", "SUPPORT"]


def test_tables_have_their_true_row_counts_and_comments(cursor: Any) -> None:
    """Not estimates, and not zero."""
    cursor.execute("show tables like 'orders' in schema demo.sales")
    row = dict(zip([column.name for column in cursor.description], cursor.fetchone(), strict=True))
    assert (row["rows"], row["comment"]) == (60_000, "One row for each order")
    assert cursor.execute("show tables in account").rowcount == 15


def test_created_on_does_not_change(cursor: Any) -> None:
    """The same object has the same time whenever one asks."""
    first = cursor.execute("show tables in database demo").fetchall()
    assert first == cursor.execute("show tables in database demo").fetchall()


def test_describe_tells_types_nulls_keys_and_comments(cursor: Any) -> None:
    """What the catalog knows of each column."""
    cursor.execute("describe table demo.sales.customers")
    columns = {row[0]: row for row in cursor.fetchall()}
    assert columns["CUSTOMER_ID"][1:6] == ("NUMBER(38,0)", "COLUMN", "N", None, "Y")
    assert columns["PREFERENCES"][1] == "OBJECT"
    assert columns["LAST_LOGIN_AT"][1] == "TIMESTAMP_TZ(9)"
    assert columns["SEGMENT"][9] == "consumer, business or enterprise"


def test_ddl_of_table_and_view(cursor: Any) -> None:
    """GET_DDL gives statements in Snowflake's style."""
    table = cursor.execute("select get_ddl('TABLE', 'demo.sales.orders')").fetchone()[0]
    assert table.startswith("create or replace TABLE ORDERS (\n\tORDER_ID NUMBER(38,0) NOT NULL")
    assert "foreign key (CUSTOMER_ID) references DEMO.SALES.CUSTOMERS(CUSTOMER_ID)" in table
    quoted = '"DEMO"."SUPPORT"."OPEN_TICKETS"'
    view = cursor.execute(f"select get_ddl('VIEW', '{quoted}')").fetchone()[0]
    assert view.startswith("create or replace view OPEN_TICKETS(\n\tTICKET_ID,")
    assert "WHERE t.CLOSED_AT IS NULL;" in view


def test_a_new_table_is_known_with_all_its_facts(cursor: Any) -> None:
    """What a user declares comes back from DESCRIBE, and goes with the table."""
    cursor.execute(
        "create or replace table \"My Table\" (id int not null primary key comment 'k', "
        "\"a b\" varchar(5), o array) comment = 'mine'"
    )
    rows = cursor.execute('describe table "My Table"').fetchall()
    assert [row[:2] for row in rows] == [
        ("ID", "NUMBER(38,0)"),
        ("a b", "VARCHAR(5)"),
        ("O", "ARRAY"),
    ]
    assert names(cursor, "show tables like 'my table'") == ["My Table"]
    cursor.execute('drop table "My Table"')
    assert names(cursor, "show tables like 'my table'") == []


def test_context_functions(cursor: Any) -> None:
    """Who and where one is."""
    row = cursor.execute(
        "select current_account(), current_user(), current_role(), current_warehouse(), "
        "current_database(), current_schema()"
    ).fetchone()
    assert row == ("DEMO", "DEMO", "DEMO_ROLE", "DEMO_WH", "DEMO", "SALES")


def test_use_changes_the_place(cursor: Any) -> None:
    """Database, schema and both at once; the connector is told."""
    cursor.execute("use schema product")
    assert cursor.connection.schema == "PRODUCT"
    assert cursor.execute("select count(*) from plans").fetchone() == (4,)
    cursor.execute("use marketing.campaigns")
    assert cursor.execute("select count(*) from campaigns").fetchone() == (40,)
    cursor.execute('use database "DEMO"')
    assert (cursor.connection.database, cursor.connection.schema) == ("DEMO", "PUBLIC")


@pytest.mark.parametrize("form", ["TEXT", "JSON"])
def test_explain_names_the_tables(cursor: Any, form: str) -> None:
    """A plan, without running anything."""
    plan = cursor.execute(f"explain using {form} select count(*) from orders").fetchone()[0]
    assert "DEMO.SALES.ORDERS" in plan
    if form == "JSON":
        assert json.loads(plan)["Operations"][0][0]["operation"] == "Result"


@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ("select 1", ["Result"]),
        ("select * from orders limit 3", ["Result", "Limit", "TableScan"]),
        (
            "select status, count(*) from orders where order_id > 3 group by 1 order by 1 limit 2",
            ["Result", "SortWithLimit", "Aggregate", "Filter", "TableScan"],
        ),
        (
            "select 1 from orders o, customers c order by 1",
            ["Result", "Sort", "CartesianJoin", "TableScan", "TableScan"],
        ),
        (
            "select 1 from orders o, customers c where o.customer_id = c.customer_id",
            ["Result", "InnerJoin", "Filter", "TableScan", "TableScan"],
        ),
        (
            "select 1 from orders o left join customers c using (customer_id)",
            ["Result", "LeftOuterJoin", "TableScan", "TableScan"],
        ),
        (
            "select status from orders union all select name from customers",
            ["Result", "UnionAll", "TableScan", "TableScan"],
        ),
    ],
)
def test_a_plan_says_what_is_done(cursor: Any, query: str, operations: list[str]) -> None:
    """Each clause is an operation, and each but the first has one above it."""
    plan = json.loads(cursor.execute(f"explain using json {query}").fetchone()[0])
    (steps,) = plan["Operations"]
    assert [step["operation"] for step in steps] == operations
    assert all(step["parentOperators"][0] < step["id"] for step in steps[1:])


def test_the_commonest_values_come_with_their_counts(cursor: Any) -> None:
    """APPROX_TOP_K is an array of pairs, the commonest first; NULL is no value, one is enough."""
    cursor.execute(
        "select approx_top_k(a, 2), approx_top_k(a) from values ('x'), ('y'), ('y'), (null) t(a)"
    )
    two, one = cursor.fetchone()
    assert json.loads(two) == [["y", 2], ["x", 1]]
    assert json.loads(one) == [["y", 2]]


def test_information_schema_lists_tables_and_views(cursor: Any) -> None:
    """Both kinds, with comments and rows; making the database again changes nothing."""
    cursor.execute("create database if not exists marketing")
    cursor.execute(
        "select table_name, table_type, row_count from marketing.information_schema.tables "
        "where comment is not null order by 1"
    )
    assert cursor.fetchall() == [
        ("CAMPAIGNS", "BASE TABLE", 40),
        ("CAMPAIGN_RESULTS", "VIEW", None),
        ("LEADS", "BASE TABLE", 2_000),
    ]


def test_history_keeps_the_tag(cursor: Any) -> None:
    """QUERY_HISTORY knows text, state and QUERY_TAG of statements before."""
    cursor.execute("select 4711", _statement_params={"QUERY_TAG": '{"tool":"x"}'})
    row = cursor.execute(
        "select query_tag, execution_status, rows_produced "
        "from table(information_schema.query_history()) where query_text = 'select 4711'"
    ).fetchone()
    assert row == ('{"tool":"x"}', "SUCCESS", 1)


def test_keys_are_kept_and_not_enforced(cursor: Any) -> None:
    """Snowflake tells primary, unique and foreign keys and enforces only NOT NULL."""
    cursor.execute("create or replace table parents (id int primary key, n varchar unique)")
    cursor.execute("create or replace table children (p int references parents, q int)")
    cursor.execute("alter table children add constraint both unique (p, q)")
    cursor.execute("insert into parents values (1, 'a'), (1, 'a')")
    cursor.execute("insert into children values (7, 1), (7, 1)")
    with pytest.raises(connector.errors.Error) as caught:
        cursor.execute("insert into parents values (null, 'b')")
    assert caught.value.errno == 100072
    described = cursor.execute("describe table parents").fetchall()
    assert [(row[0], row[3], row[5], row[6]) for row in described] == [
        ("ID", "N", "Y", "N"),
        ("N", "Y", "N", "Y"),
    ]
    exported = cursor.execute("show exported keys in table parents").fetchall()
    assert [row[1:10] for row in exported] == [
        ("DEMO", "SALES", "PARENTS", "ID", "DEMO", "SALES", "CHILDREN", "P", 1)
    ]
    unique = cursor.execute("show unique keys in table children").fetchall()
    assert [(row[4], row[5], row[6]) for row in unique] == [("P", 1, "BOTH"), ("Q", 2, "BOTH")]
    cursor.execute("alter table children drop constraint both")
    assert cursor.execute("show unique keys in table children").fetchall() == []
    cursor.execute("alter table parents rename to elders")
    assert cursor.execute("show imported keys in table children").fetchone()[3] == "ELDERS"
    cursor.execute("drop table elders")
    cursor.execute("drop table children")


@pytest.mark.parametrize("kind", sorted(ABSENT))
def test_kinds_that_are_never_here_are_listed_and_empty(kind: str, cursor: Any) -> None:
    """SHOW of a kind that exists on Snowflake answers with its columns and no rows."""
    assert cursor.execute(f"show {kind} in account").fetchall() == []
    told = [column.name for column in cursor.description]
    assert "name" in told or kind in {"LOCKS", "TRANSACTIONS"}


def test_parameters_are_told_and_kept(cursor: Any) -> None:
    """SHOW PARAMETERS tells what ALTER SESSION set, with the level it was set at."""
    cursor.execute("alter session set query_tag = 'mine', week_start = 1")
    sql = "show parameters like '%E%_TAG' in session"
    cursor.execute("show parameters like 'QUERY_TAG' in session")
    assert cursor.fetchone()[:4] == ("QUERY_TAG", "mine", "", "SESSION")
    cursor.execute("alter session unset query_tag")
    assert cursor.execute(sql).fetchone()[1:4] == ("", "", "")
    assert cursor.execute("show parameters like 'WEEK_START' in account").fetchone()[1] == "0"


def test_other_objects_are_described(cursor: Any) -> None:
    """Databases, schemas, the warehouse and the user; what is not there is missing."""
    described = cursor.execute("describe database demo").fetchall()
    assert {row[1] for row in described} >= {"SALES", "SUPPORT", "INFORMATION_SCHEMA"}
    described = cursor.execute("describe schema demo.sales").fetchall()
    assert ("ORDERS", "TABLE") in {row[1:] for row in described}
    assert cursor.execute("describe warehouse demo_wh").fetchone()[1] == "DEMO_WH"
    assert cursor.execute("describe user demo").fetchone()[:2] == ("NAME", "DEMO")
    for sql in ("describe stage s", "describe function f(int)", "describe semantic view v"):
        with pytest.raises(connector.errors.Error) as caught:
            cursor.execute(sql)
        assert caught.value.errno == 2003


def test_sequences_and_variables_are_listed(cursor: Any) -> None:
    """What CREATE SEQUENCE and SET made."""
    cursor.execute("create or replace sequence counter start 5 increment 2")
    cursor.execute("show sequences like 'COUNTER'")
    assert cursor.fetchone()[:5] == ("COUNTER", "DEMO", "SALES", 5, 2)
    cursor.execute("drop sequence counter")
    cursor.execute("set answer = 42")
    assert cursor.execute("show variables").fetchone()[3:6] == ("ANSWER", "42", "fixed")


def test_names_that_differ_in_case_are_two_tables(cursor: Any) -> None:
    """A quoted name in lower case lives beside the same name in upper case."""
    cursor.execute("create or replace table twins (a int)")
    cursor.execute('create or replace table "twins" (b int primary key)')
    cursor.execute('create or replace table "Twins" as select 7 c')
    cursor.execute("insert into twins values (1)")
    cursor.execute('insert into "twins" values (2), (3)')
    cursor.execute('update "twins" set b = 4 where b = 3')
    assert cursor.execute("select * from twins").fetchall() == [(1,)]
    cursor.execute('select "twins".b, t.a from "twins" join twins t on t.a < "twins".b order by 1')
    assert cursor.fetchall() == [(2, 1), (4, 1)]
    assert cursor.execute('select c from "Twins"').fetchone() == (7,)
    assert sorted(names(cursor, "show tables like 'twins'")) == ["TWINS", "Twins", "twins"]
    assert cursor.execute('describe table "twins"').fetchone()[0] == "B"
    assert cursor.execute("describe table twins").fetchone()[0] == "A"
    cursor.execute('drop table "twins"')
    assert sorted(names(cursor, "show tables like 'twins'")) == ["TWINS", "Twins"]
    cursor.execute('drop table "Twins"')
    cursor.execute("drop table twins")


def test_the_history_by_user_is_the_users_own(connect: Callable[..., Any]) -> None:
    """QUERY_HISTORY_BY_USER leaves out what other users ran."""
    for user in ("ann", "bob"):
        connect(user=user).cursor().execute(f"select 'history of {user}'")
    found = (
        connect(user="ann")
        .cursor()
        .execute(
            "select query_text from table(information_schema.query_history_by_user("
            "end_time_range_start => dateadd('hour', -1, current_timestamp()), "
            "result_limit => 1000)) "
            "where query_text like 'select ''history of %'"
        )
    )
    assert found.fetchall() == [("select 'history of ann'",)]
