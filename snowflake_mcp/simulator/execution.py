"""Statements of one session run on DuckDB through fakesnow's translator."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, Final

from snowflake_mcp.simulator import dialect, objects, plans
from snowflake_mcp.simulator.bindings import bound_values
from snowflake_mcp.simulator.catalog import Catalog, Entry
from snowflake_mcp.simulator.columns import fields_for
from snowflake_mcp.simulator.failures import (
    StatementFailed,
    cancelled,
    not_supported,
    translate,
    wrong_statement_count,
)
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.lexical import Token, Words, links, statements, tokens
from snowflake_mcp.simulator.local import LOCAL, Place
from snowflake_mcp.simulator.notes import Notes
from snowflake_mcp.simulator.reading import read_rows, text_rows
from snowflake_mcp.simulator.refusals import refuse_features, refuse_script
from snowflake_mcp.simulator.results import Rows
from snowflake_mcp.simulator.semantic_queries import put_semantic_views

__all__ = ["Connection"]

_CONFLICT_TRIES: Final = 8
_CONFLICT_PAUSE_S: Final = 0.02


class Connection:
    """One session: a context (database, schema, role, warehouse) and one statement at a time."""

    def __init__(self, fake: Any, notes: Notes, database: str | None, schema: str | None) -> None:
        self._fake = fake
        self.duck = fake._duck_conn  # noqa: SLF001 fakesnow offers no other way to its DuckDB
        self.catalog = Catalog(self.duck, notes)
        self.place = Place()
        self.given: list[str] = []
        self._stop = Event()
        self.enter(database, schema)

    def enter(self, database: str | None, schema: str | None) -> None:
        """Make database and schema current as far as they exist; worker threads only."""
        if database is not None and self.catalog.has_database(database):
            self.use(database, None)
            if schema is not None and self.catalog.has_schema(database, schema):
                self.use(database, schema)

    def use(self, database: str, schema: str | None) -> None:
        """Make an existing database (and schema) current; worker threads only."""
        target = f'"{database.replace(chr(34), chr(34) * 2)}"'
        inner = "main" if schema is None else schema
        target += f'."{inner.replace(chr(34), chr(34) * 2)}"'
        self.duck.execute("SET schema=?", [target])
        self._fake.database = self.place.database = database
        self._fake.database_set = True
        self._fake._schema = self.place.schema = schema  # noqa: SLF001
        self._fake.schema_set = schema is not None

    def interrupt(self) -> None:
        """Stop what runs; any thread. May have to be repeated until the statement ends."""
        self._stop.set()
        self.duck.interrupt()

    def close(self) -> None:
        """Give the session up; worker threads only."""
        self._fake.close()

    def run(self, job: Job) -> Rows:
        """The rows of one statement; blocks, worker threads only.

        :raises StatementFailed: for every way in which a statement can fail.
        """
        try:
            for attempt in range(_CONFLICT_TRIES):
                try:
                    return self._run(job)
                except Exception as error:
                    if not self._may_retry(error, attempt):
                        raise
                self._pause(_CONFLICT_PAUSE_S * (attempt + 1))
            raise AssertionError("unreachable: the last attempt returns or raises")
        except Exception as error:
            raise translate(error) from error

    def begin(self) -> None:
        """Forget an interrupt meant for the statement before; call before each statement."""
        self._stop.clear()

    def checkpoint(self) -> None:
        """A place where an interrupted statement stops even outside DuckDB.

        :raises StatementFailed: 000604
        """
        if self._stop.is_set():
            raise cancelled()

    def _may_retry(self, error: Exception, attempt: int) -> bool:
        # Two statements that touch one row: DuckDB fails the later one where Snowflake waits.
        cause = type(error.__cause__ or error).__name__
        return (
            "TransactionException" in (cause, type(error).__name__)
            and "onflict" in str(error)
            and attempt < _CONFLICT_TRIES - 1
            and not self.place.in_transaction
        )

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self.checkpoint()

    def _run(self, job: Job) -> Rows:
        found = tokens(job.sql)
        refuse_script(found)
        parts = statements(found)
        if not parts:
            raise StatementFailed("000900", "42601", "SQL compilation error:\nEmpty SQL Statement.")
        if len(parts) != job.statement_count and job.statement_count != 0:
            raise wrong_statement_count(len(parts), job.statement_count)
        if len(parts) > 1:
            raise not_supported("more than one statement in a request")
        *before, last = links(parts[0])
        flow: list[Rows] = []
        for link in before:
            flow.append(self._one(link, replace(job, flow=tuple(flow), row_cap=None)))
        return self._one(last, replace(job, flow=tuple(flow)) if flow else job)

    def _one(self, found: Sequence[Token], job: Job) -> Rows:
        sql = job.sql[found[0].start : found[-1].end]
        local = LOCAL.get(found[0].keyword)
        if local is not None:
            rows = local(self, found, job)
            if rows is not None:
                return rows
        if found[0].keyword not in dialect.ENGINE_KEYWORDS and found[0].text != "(":
            if found[0].keyword in dialect.REFUSED_KEYWORDS:
                raise not_supported(f"the statement {found[0].keyword}")
            raise Words(found).unexpected()
        cursor = self._fake.cursor()
        return self._translated(cursor, sql, found, job)

    def _translated(self, cursor: Any, sql: str, found: Sequence[Token], job: Job) -> Rows:
        from fakesnow.statement_type import statement_type_id
        from sqlglot import exp

        if any(token.text == "$" for token in found):
            sql = cursor._inline_variables(sql)  # noqa: SLF001 fakesnow's session variables
        if found[0].keyword == "VALUES":
            sql = f"SELECT * FROM {sql}"  # noqa: S608 the client's own statement
        expression = dialect.parse(sql)
        put_semantic_views(expression, self)
        refuse_features(expression)
        if isinstance(expression, exp.Query):
            return self._query(cursor, expression, found, job)
        objects.check_statement(expression, found)
        if job.describe_only:
            raise not_supported("describing a statement that is not a query")
        answer = objects.instead_of_engine(expression, self)
        if answer is not None:
            return answer
        self.checkpoint()
        kind = int(statement_type_id(expression))
        keys = objects.without_keys(expression, self)
        try:
            self._carried_out(cursor, expression, job)
        finally:
            self._take_back()
        objects.remember(expression, job.sql, found, self, keys)
        return text_rows(cursor._arrow_table, kind)  # noqa: SLF001

    def _carried_out(self, cursor: Any, expression: Any, job: Job) -> None:
        """What fakesnow's execute() does, for a statement that is parsed and prepared already."""
        from sqlglot import exp

        prepared = dialect.prepare_change(expression.copy(), job, self)
        cursor.check_db_and_schema(prepared)
        values = bound_values(job.bindings)
        for part in cursor._transform_explode(prepared):  # noqa: SLF001 fakesnow's translator
            transformed = cursor._transform(part, values)  # noqa: SLF001
            bound = values if transformed.find(exp.Placeholder) else None
            cursor._execute(transformed, bound)  # noqa: SLF001

    def _query(self, cursor: Any, expression: Any, found: Sequence[Token], job: Job) -> Rows:
        values = bound_values(job.bindings)
        try:
            relation, hints = self._relation(cursor, expression, found, job, values)
            types = [str(kind) for kind in relation.types]
            fields = fields_for(relation.columns, types, hints)
            cap = 0 if job.describe_only else job.row_cap
            return read_rows(relation, fields, cap, self.checkpoint)
        except Exception as error:
            raise dialect.diagnosed(translate(error), expression, self) from error
        finally:
            self._take_back()

    def _relation(
        self,
        cursor: Any,
        expression: Any,
        found: Sequence[Token],
        job: Job,
        values: list[object] | None,
    ) -> tuple[Any, Mapping[str, str]]:
        cursor.check_db_and_schema(expression)
        expression, hints = dialect.prepare_query(expression, found, job, self)
        self.checkpoint()
        transformed = cursor._transform(expression, values)  # noqa: SLF001 fakesnow's translator
        duckdb_sql = transformed.sql(dialect="duckdb")
        seed = transformed.args.get("seed")
        if seed is not None:
            self.duck.execute(f"SELECT setseed({seed})")
        if values:
            return self.duck.sql(duckdb_sql, params=values), hints
        return self.duck.sql(duckdb_sql), hints

    def compiled(
        self, sql: str, found: Sequence[Token], job: Job
    ) -> tuple[Sequence[str], Sequence[Entry], Sequence[tuple[str, str]]]:
        """Column names of a query, the tables it reads, and what it does with them.

        Compiles it, runs nothing.
        """
        from sqlglot import exp

        expression = dialect.parse(sql)
        if not isinstance(expression, exp.Query):
            raise not_supported("EXPLAIN of a statement that is not a query")
        tables = dialect.tables_read(expression, self)
        operations = plans.operations(expression)
        try:
            relation, _ = self._relation(self._fake.cursor(), expression, found, job, None)
            return list(relation.columns), tables, operations
        finally:
            self._take_back()

    def fakesnow_run(self, sql: str) -> None:
        """Run a statement whose answer nobody wants; worker threads only."""
        self._fake.cursor().execute(sql)

    def variables(self) -> list[tuple[str, str, str]]:
        """Name, value and type of what SET has set."""
        kept = self._fake.variables._variables  # noqa: SLF001 fakesnow has no other way to them
        return [
            (name.upper(), value.strip("'"), "text" if value.startswith("'") else "fixed")
            for name, value in sorted(kept.items())
        ]

    def give(self, name: str, table: Any) -> None:
        """Lend the running statement an Arrow table under a name of its own."""
        self.duck.register(name, table)
        self.given.append(name)

    def _take_back(self) -> None:
        while self.given:
            self.duck.unregister(self.given.pop())

    def leave_database(self, database: str) -> None:
        """Stand nowhere, if the session stands in ``database``, so that it can be dropped."""
        if self.place.database == database:
            self.duck.execute("SET schema='memory.main'")
            self._fake.database = self.place.database = None
            self._fake._schema = self.place.schema = None  # noqa: SLF001
            self._fake.database_set = self._fake.schema_set = False
