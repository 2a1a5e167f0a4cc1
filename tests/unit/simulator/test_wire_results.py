"""Results through the real connector: types, chunks, names."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from tests.unit.simulator.conftest import Connect


def test_every_type_arrives_as_it_is(cursor: Any) -> None:
    """Numbers, text, times, binary and semi-structured values survive the way."""
    cursor.execute(
        "select 1 i, 99999999999999999999999999999999999999 big, 1.10::number(10,2) d, "
        "1.5::float f, "
        "true b, 'Ünï 雪 🎉' s, '2024-02-29'::date dt, '12:34:56.789'::time t, "
        "'1969-12-31 23:59:59.25'::timestamp_ntz n, to_binary('DEADBEEF','HEX') x, "
        "parse_json('{\"a\":[1,null]}') v, object_construct('k', 1) o, array_construct(1, 2) a, "
        "null z"
    )
    row = cursor.fetchone()
    assert row[:10] == (
        1,
        99999999999999999999999999999999999999,
        Decimal("1.10"),
        1.5,
        True,
        "Ünï 雪 🎉",
        date(2024, 2, 29),
        time(12, 34, 56, 789000),
        datetime.fromisoformat("1969-12-31T23:59:59.25"),
        b"\xde\xad\xbe\xef",
    )
    assert [json.loads(value) for value in row[10:13]] == [{"a": [1, None]}, {"k": 1}, [1, 2]]
    assert row[13] is None
    kinds = [column.type_code for column in cursor.description]
    assert kinds == [0, 0, 0, 1, 13, 2, 3, 12, 8, 11, 5, 9, 10, 2]
    number = cursor.description[2]
    assert (number.precision, number.scale) == (10, 2)


def test_null_times_are_null(cursor: Any) -> None:
    """NULL is not 1970, in any kind of timestamp, beside values that are not NULL."""
    cursor.execute(
        "select n, z, l, d, t from values "
        "(null::timestamp_ntz, null::timestamp_tz, null::timestamp_ltz, null::date, null::time), "
        "('2024-01-02 03:04:05'::timestamp_ntz, '2024-01-02 03:04:05 +0200'::timestamp_tz, "
        "'2024-01-02 03:04:05'::timestamp_ltz, '2024-01-02'::date, '01:02:03'::time) "
        "as v(n, z, l, d, t) order by n nulls first"
    )
    rows = cursor.fetchall()
    assert rows[0] == (None,) * 5
    assert rows[1][0] == datetime.fromisoformat("2024-01-02T03:04:05")
    assert rows[1][1].timestamp() == 1704157445
    assert rows[1][2].timestamp() == 1704164645


def test_large_results_come_in_chunks_and_in_order(cursor: Any) -> None:
    """A quarter of a million rows, each once, in order."""
    cursor.execute("select event_id, occurred_at, payload from demo.product.events order by 1")
    assert cursor.rowcount == 250_000
    seen = 0
    for table in cursor.fetch_arrow_batches():
        ids = table.column(0).to_pylist()
        assert [int(ids[0]), int(ids[-1])] == [seen + 1, seen + len(ids)]
        seen += len(ids)
    assert seen == 250_000


def test_empty_results_keep_their_columns(cursor: Any) -> None:
    """No rows, but names and types."""
    cursor.execute("select order_id, ordered_at from orders where order_id < 0")
    assert [column.name for column in cursor.description] == ["ORDER_ID", "ORDERED_AT"]
    assert cursor.fetchall() == []


def test_unnamed_columns_are_named_by_their_text(cursor: Any) -> None:
    """As Snowflake does: the expression in upper case; equal names stay two columns."""
    cursor.execute("select count(*), 1 + 1, 'x' as a, 2 as a from orders")
    assert [column.name for column in cursor.description] == ["COUNT(*)", "1 + 1", "A", "A"]
    assert cursor.fetchone() == (60_000, 2, "x", 2)


def test_bare_values_are_a_query(cursor: Any) -> None:
    """VALUES stands for itself, with Snowflake's column names."""
    assert cursor.execute("values (1, 'a'), (2, 'b')").fetchall() == [(1, "a"), (2, "b")]
    assert [column.name for column in cursor.description] == ["COLUMN1", "COLUMN2"]


def test_rows_per_resultset_caps_the_rows(cursor: Any) -> None:
    """The statement parameter bounds what is computed and sent."""
    cursor.execute(
        "select event_id from demo.product.events", _statement_params={"ROWS_PER_RESULTSET": 11}
    )
    assert len(cursor.fetchall()) == 11


def test_binds_on_the_server(connect: Connect) -> None:
    """Question marks take values of their own types."""
    connection = connect(paramstyle="qmark")
    row = connection.cursor().execute("select ?, ?, ?, ?", (1, "a'b", 1.5, None)).fetchone()
    assert row == (1, "a'b", 1.5, None)


def test_changes_are_counted(cursor: Any) -> None:
    """DML answers with counts, and its rows are there afterwards."""
    cursor.execute("create or replace table counted (a int, b object) comment = 'c'")
    cursor.execute("insert into counted (a) values (1), (2), (3)")
    assert cursor.rowcount == 3
    cursor.execute("update counted set a = 9 where a > 1")
    assert cursor.fetchone()[0] == 2
    assert cursor.execute("select sum(a) from counted").fetchone() == (19,)
    cursor.execute("drop table counted")


def test_results_of_before_can_be_read_again(cursor: Any) -> None:
    """RESULT_SCAN reads the last result, or one by id."""
    query_id = cursor.execute("select 42 as answer").sfqid
    assert cursor.execute(
        "select answer + 1 from table(result_scan(last_query_id()))"
    ).fetchone() == (43,)
    assert cursor.execute(f"select * from table(result_scan('{query_id}'))").fetchone() == (42,)


def test_the_samples_are_the_same_for_everyone_on_a_day(cursor: Any) -> None:
    """Deterministic rows up to the given day, with joins that meet."""
    cursor.execute(
        "select min(ordered_at)::date, max(ordered_at)::date, sum(total_amount) from orders"
    )
    first, last, total = cursor.fetchone()
    assert (first, last) == (date(2024, 1, 1), date(2026, 11, 20))
    assert total == cursor.execute("select sum(amount) from order_items").fetchone()[0]
    unmatched = (
        "select count(*) from orders o left join customers c using (customer_id) "
        "where c.name is null"
    )
    assert cursor.execute(unmatched).fetchone() == (0,)
    for view in ("sales.monthly_revenue", "sales.customer_value", "product.recurring_revenue"):
        assert cursor.execute(f"select count(*) from demo.{view}").fetchone()[0] > 0


def test_rows_of_the_rarer_types(cursor: Any) -> None:
    """Connectors turn shapes, vectors, intervals and DECFLOAT into rows, as from Snowflake."""
    cursor.execute(
        "select to_geography('POINT(1 2)') g, [1, 2]::vector(int, 2) v, '1.50'::decfloat d, "
        "interval '1-2' year to month m, '2024-01-02 03:04:05 +0200'::timestamp_tz z"
    )
    shape, vector, number, months, moment = cursor.fetchone()
    assert json.loads(shape) == {"type": "Point", "coordinates": [1, 2]}
    assert (list(vector), number, months) == ([1, 2], Decimal("1.50"), "+1-02")
    assert moment.isoformat() == "2024-01-02T03:04:05+02:00"
    assert [column.type_code for column in cursor.description][:2] == [14, 16]


def test_a_result_that_is_being_read_outlives_newer_large_ones(connect: Connect) -> None:
    """Half a gigabyte of newer results does not take the chunks from under a reader."""
    connection = connect()
    cursors = [connection.cursor() for _ in range(3)]
    for letter, cursor in zip("abc", cursors, strict=True):
        cursor.execute(
            f"select repeat('{letter}', 1000000) t from table(generator(rowcount => 180))"
        )
    for letter, cursor in zip("abc", cursors, strict=True):
        last = cursor.get_result_batches()[-1]
        assert next(iter(last)) == (letter * 1_000_000,)
