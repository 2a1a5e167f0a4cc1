"""Views and table functions of INFORMATION_SCHEMA that fakesnow does not have."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.jobs import DEMO_ROLE, Job

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["TABLE_FUNCTIONS", "view_table"]

_OBJECT: Final = "CREATED:time LAST_ALTERED:time COMMENT"
_ROUTINE: Final = "ARGUMENT_SIGNATURE DATA_TYPE CHARACTER_MAXIMUM_LENGTH:number"

_VIEWS: Final[Mapping[str, str]] = {
    "APPLICABLE_ROLES": "GRANTEE ROLE_NAME ROLE_OWNER IS_GRANTABLE",
    "CORTEX_SEARCH_SERVICES": "SERVICE_CATALOG SERVICE_SCHEMA SERVICE_NAME CREATED:time DEFINITION",
    "ENABLED_ROLES": "ROLE_NAME ROLE_OWNER",
    "EVENT_TABLES": f"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER {_OBJECT}",
    "EXTERNAL_TABLES": f"TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER {_OBJECT} LOCATION",
    "FILE_FORMATS": (
        "FILE_FORMAT_CATALOG FILE_FORMAT_SCHEMA FILE_FORMAT_NAME FILE_FORMAT_OWNER "
        f"FILE_FORMAT_TYPE RECORD_DELIMITER FIELD_DELIMITER SKIP_HEADER:number {_OBJECT}"
    ),
    "FUNCTIONS": (
        "FUNCTION_CATALOG FUNCTION_SCHEMA FUNCTION_NAME FUNCTION_OWNER "
        f"{_ROUTINE} FUNCTION_LANGUAGE FUNCTION_DEFINITION VOLATILITY IS_NULL_CALL IS_SECURE "
        f"{_OBJECT} IS_EXTERNAL IS_AGGREGATE"
    ),
    "INFORMATION_SCHEMA_CATALOG_NAME": "CATALOG_NAME",
    "OBJECT_PRIVILEGES": (
        "GRANTOR GRANTEE GRANTED_TO OBJECT_CATALOG OBJECT_SCHEMA OBJECT_NAME OBJECT_TYPE "
        "PRIVILEGE_TYPE IS_GRANTABLE CREATED:time"
    ),
    "PACKAGES": "PACKAGE_NAME VERSION LANGUAGE RUNTIME_VERSION",
    "PIPES": f"PIPE_CATALOG PIPE_SCHEMA PIPE_NAME PIPE_OWNER DEFINITION {_OBJECT}",
    "PROCEDURES": (
        "PROCEDURE_CATALOG PROCEDURE_SCHEMA PROCEDURE_NAME PROCEDURE_OWNER "
        f"{_ROUTINE} PROCEDURE_LANGUAGE PROCEDURE_DEFINITION {_OBJECT}"
    ),
    "REFERENTIAL_CONSTRAINTS": (
        "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG "
        "UNIQUE_CONSTRAINT_SCHEMA UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE "
        "COMMENT CREATED:time LAST_ALTERED:time"
    ),
    "SEMANTIC_VIEWS": "CATALOG SCHEMA NAME OWNER CREATED:time COMMENT",
    "SEQUENCES": (
        "SEQUENCE_CATALOG SEQUENCE_SCHEMA SEQUENCE_NAME SEQUENCE_OWNER DATA_TYPE "
        f"NEXT_VALUE:number INCREMENT:number CYCLE_OPTION {_OBJECT} ORDERED"
    ),
    "STAGES": (
        "STAGE_CATALOG STAGE_SCHEMA STAGE_NAME STAGE_URL STAGE_REGION STAGE_TYPE STAGE_OWNER "
        f"{_OBJECT}"
    ),
    "STREAMLITS": "STREAMLIT_CATALOG STREAMLIT_SCHEMA STREAMLIT_NAME CREATED:time",
    "TABLE_CONSTRAINTS": (
        "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_CATALOG TABLE_SCHEMA "
        "TABLE_NAME CONSTRAINT_TYPE IS_DEFERRABLE INITIALLY_DEFERRED ENFORCED COMMENT "
        "CREATED:time LAST_ALTERED:time RELY"
    ),
    "TABLE_PRIVILEGES": (
        "GRANTOR GRANTEE GRANTED_TO TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PRIVILEGE_TYPE "
        "IS_GRANTABLE WITH_HIERARCHY CREATED:time"
    ),
    "TABLE_STORAGE_METRICS": (
        "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME ID:number CLONE_GROUP_ID:number IS_TRANSIENT "
        "ACTIVE_BYTES:number TIME_TRAVEL_BYTES:number FAILSAFE_BYTES:number "
        "RETAINED_FOR_CLONE_BYTES:number TABLE_CREATED:time TABLE_DROPPED:time COMMENT"
    ),
    "USAGE_PRIVILEGES": (
        "GRANTOR GRANTEE GRANTED_TO OBJECT_CATALOG OBJECT_SCHEMA OBJECT_NAME OBJECT_TYPE "
        "PRIVILEGE_TYPE IS_GRANTABLE CREATED:time"
    ),
}
"""Columns by view; text unless said otherwise."""

TABLE_FUNCTIONS: Final[Mapping[str, str]] = {
    "ALERT_HISTORY": "NAME DATABASE_NAME SCHEMA_NAME STATE SCHEDULED_TIME:time",
    "COPY_HISTORY": "FILE_NAME STAGE_LOCATION LAST_LOAD_TIME:time ROW_COUNT:number STATUS",
    "DYNAMIC_TABLE_REFRESH_HISTORY": "NAME DATABASE_NAME SCHEMA_NAME STATE REFRESH_END_TIME:time",
    "LOGIN_HISTORY": (
        "EVENT_TIMESTAMP:time EVENT_ID:number EVENT_TYPE USER_NAME CLIENT_IP "
        "REPORTED_CLIENT_TYPE REPORTED_CLIENT_VERSION FIRST_AUTHENTICATION_FACTOR "
        "SECOND_AUTHENTICATION_FACTOR IS_SUCCESS ERROR_CODE:number ERROR_MESSAGE"
    ),
    "LOGIN_HISTORY_BY_USER": "EVENT_TIMESTAMP:time EVENT_ID:number EVENT_TYPE USER_NAME IS_SUCCESS",
    "PIPE_USAGE_HISTORY": "START_TIME:time END_TIME:time PIPE_NAME CREDITS_USED:real",
    "TAG_REFERENCES": "TAG_DATABASE TAG_SCHEMA TAG_NAME TAG_VALUE LEVEL OBJECT_NAME COLUMN_NAME",
    "TASK_DEPENDENTS": "CREATED_ON:time NAME DATABASE_NAME SCHEMA_NAME OWNER STATE",
    "TASK_HISTORY": "QUERY_ID NAME DATABASE_NAME SCHEMA_NAME STATE SCHEDULED_TIME:time",
    "WAREHOUSE_LOAD_HISTORY": (
        "START_TIME:time END_TIME:time WAREHOUSE_NAME AVG_RUNNING:real AVG_QUEUED_LOAD:real "
        "AVG_QUEUED_PROVISIONING:real AVG_BLOCKED:real"
    ),
    "WAREHOUSE_METERING_HISTORY": (
        "START_TIME:time END_TIME:time WAREHOUSE_NAME CREDITS_USED:real "
        "CREDITS_USED_COMPUTE:real CREDITS_USED_CLOUD_SERVICES:real"
    ),
}
"""Table functions about what never happens here: columns, and no rows."""


def view_table(name: str, database: str, connection: "Connection", job: Job) -> Any:
    """The rows of one of these views as an Arrow table; None for every other view."""
    header = _VIEWS.get(name)
    if header is None:
        return None
    rows: Sequence[Mapping[str, object]] = ()
    if name == "APPLICABLE_ROLES":
        rows = [{"GRANTEE": job.user.upper(), "ROLE_NAME": DEMO_ROLE, "IS_GRANTABLE": "NO"}]
    elif name == "ENABLED_ROLES":
        rows = [{"ROLE_NAME": role} for role in (DEMO_ROLE, "PUBLIC")]
    elif name == "INFORMATION_SCHEMA_CATALOG_NAME":
        rows = [{"CATALOG_NAME": database}]
    elif name == "SEQUENCES":
        rows = _sequences(database, connection)
    elif name == "TABLE_CONSTRAINTS":
        rows = _constraints(database, connection)
    elif name == "REFERENTIAL_CONSTRAINTS":
        rows = _references(database, connection)
    return empty_table(header, rows)


def empty_table(header: str, rows: Sequence[Mapping[str, object]] = ()) -> Any:
    """An Arrow table with the columns of ``header``; absent cells are NULL."""
    import pyarrow as pa

    kinds = {
        "": pa.string(),
        "number": pa.int64(),
        "real": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    columns = [column.partition(":") for column in header.split()]
    schema = pa.schema([(name, kinds[kind]) for name, _, kind in columns])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def _sequences(database: str, connection: "Connection") -> list[dict[str, object]]:
    return [
        {
            "SEQUENCE_CATALOG": path[0],
            "SEQUENCE_SCHEMA": path[1],
            "SEQUENCE_NAME": path[2],
            "SEQUENCE_OWNER": DEMO_ROLE,
            "DATA_TYPE": "NUMBER",
            "NEXT_VALUE": following,
            "INCREMENT": step,
            "CYCLE_OPTION": "NO",
            "CREATED": connection.catalog.notes.created(path),
            "ORDERED": "NO",
        }
        for path, following, step in connection.catalog.sequences(database)
    ]


def _constraints(database: str, connection: "Connection") -> list[dict[str, object]]:
    return [
        {
            "CONSTRAINT_CATALOG": table[0],
            "CONSTRAINT_SCHEMA": table[1],
            "CONSTRAINT_NAME": key.name,
            "TABLE_CATALOG": table[0],
            "TABLE_SCHEMA": table[1],
            "TABLE_NAME": table[2],
            "CONSTRAINT_TYPE": key.kind,
            "IS_DEFERRABLE": "NO",
            "INITIALLY_DEFERRED": "YES",
            "ENFORCED": "NO",
            "CREATED": connection.catalog.notes.created(table),
            "LAST_ALTERED": connection.catalog.notes.created(table),
            "RELY": "NO",
        }
        for table, key in connection.catalog.notes.all_keys()
        if table[0] == database
    ]


def _references(database: str, connection: "Connection") -> list[dict[str, object]]:
    primary = dict(connection.catalog.keys("PRIMARY KEY"))
    return [
        {
            "CONSTRAINT_CATALOG": table[0],
            "CONSTRAINT_SCHEMA": table[1],
            "CONSTRAINT_NAME": key.name,
            "UNIQUE_CONSTRAINT_CATALOG": key.target[0],
            "UNIQUE_CONSTRAINT_SCHEMA": key.target[1],
            "UNIQUE_CONSTRAINT_NAME": primary[key.target].name if key.target in primary else None,
            "MATCH_OPTION": "FULL",
            "UPDATE_RULE": "NO ACTION",
            "DELETE_RULE": "NO ACTION",
            "CREATED": connection.catalog.notes.created(table),
            "LAST_ALTERED": connection.catalog.notes.created(table),
        }
        for table, key in connection.catalog.keys("FOREIGN KEY")
        if table[0] == database
    ]
