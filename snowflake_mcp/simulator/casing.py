"""Names that differ only in case: two tables on Snowflake, one name to DuckDB."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from snowflake_mcp.simulator.notes import Path

if TYPE_CHECKING:
    from snowflake_mcp.simulator.catalog import Catalog

__all__ = ["put_stored_names"]


def put_stored_names(
    expression: Any, catalog: "Catalog", full: Callable[[Any], Path | None]
) -> None:
    """Name each table as DuckDB does; one that is about to be made gets a name that is free.

    ``full`` gives the full path of a table in the statement, or None without a current schema.
    """
    from sqlglot import exp

    if isinstance(expression, exp.Create) and expression.args.get("kind") in {"TABLE", "VIEW"}:
        target = (
            expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
        )
        path = full(target)
        if path is not None and not catalog.has_relation(path) and catalog.taken(path):
            catalog.notes.store_apart(path)
    for table in list(expression.find_all(exp.Table)):
        path = full(table) if isinstance(table.this, exp.Identifier) else None
        stored = None if path is None else catalog.notes.stored(path)
        if path is None or stored is None or stored == path[-1]:
            continue
        if not table.alias and isinstance(table.parent, exp.From | exp.Join):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(path[-1], quoted=True)))
        table.set("this", exp.to_identifier(stored, quoted=True))
