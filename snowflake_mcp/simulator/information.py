"""INFORMATION_SCHEMA where fakesnow's falls short: views among the tables, times of creation."""

# ruff: noqa: S608 the only name in the SQL is quoted

from datetime import datetime
from typing import Any

__all__ = ["complete_information_schema"]


def complete_information_schema(duck: Any, database: str, made: datetime) -> None:
    """Complete a new database's INFORMATION_SCHEMA.TABLES; worker threads only.

    ``made`` stands as the time of creation of everything in it: DuckDB keeps none.
    """
    quoted = '"' + database.replace('"', '""') + '"'
    literal = "'" + database.replace("'", "''") + "'"
    moment = f"TIMESTAMPTZ '{made.isoformat()}'"
    inside = f"{quoted}._fs_information_schema"
    known = duck.execute(
        "SELECT 1 FROM duckdb_views() WHERE database_name = $1 AND view_name = '_fs_base_tables'",
        [database],
    )
    if known.fetchone() is not None:
        # CREATE DATABASE IF NOT EXISTS, and it did.
        return
    duck.execute(f"ALTER VIEW {inside}._fs_tables RENAME TO _fs_base_tables")
    duck.execute(
        f"""
        CREATE VIEW {inside}._fs_tables AS
        SELECT * REPLACE (
            {moment} AS "CREATED", {moment} AS "LAST_ALTERED", {moment} AS "LAST_DDL"
        ) FROM (
            SELECT * FROM {inside}._fs_base_tables
            UNION ALL BY NAME
            SELECT v.database_name AS "TABLE_CATALOG", v.schema_name AS "TABLE_SCHEMA",
                v.view_name AS "TABLE_NAME", 'SYSADMIN' AS "TABLE_OWNER",
                'VIEW' AS "TABLE_TYPE", 'NO' AS "IS_TRANSIENT", 'NO' AS "IS_INSERTABLE_INTO",
                'YES' AS "IS_TYPED", e.comment AS "COMMENT"
            FROM duckdb_views() v
            LEFT JOIN _fs_global._fs_information_schema._fs_tables_ext e
                ON e.ext_table_catalog = v.database_name AND e.ext_table_schema = v.schema_name
                AND e.ext_table_name = v.view_name
            WHERE v.database_name = {literal} AND NOT v.internal
                AND v.schema_name <> '_fs_information_schema'
        )
        """
    )
