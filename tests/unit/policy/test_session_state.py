"""No statement that an agent can send changes the session on which it runs.

The pool gives a session to the next statement of the same principal without a reset, and it may
only do so because of this.
"""

import pytest

from snowflake_mcp.policy.rules import CAPABILITIES
from tests.unit.policy.support import judge

CHANGES = [
    "USE ROLE ACCOUNTADMIN",
    "USE WAREHOUSE BIG",
    "USE DATABASE OTHER",
    "USE SCHEMA OTHER.PUBLIC",
    "USE SECONDARY ROLES ALL",
    "ALTER SESSION SET TIMEZONE = 'UTC'",
    "ALTER SESSION UNSET TIMEZONE",
    "ALTER SESSION SET MULTI_STATEMENT_COUNT = 0",
    "SET x = 1",
    "SET (x, y) = (1, 2)",
    "UNSET x",
    "BEGIN",
    "BEGIN TRANSACTION",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "BEGIN ALTER SESSION SET TIMEZONE = 'UTC'; END",
    "EXECUTE IMMEDIATE 'ALTER SESSION SET TIMEZONE = ''UTC'''",
    "CALL change_session()",
    "WITH p AS PROCEDURE () RETURNS INT LANGUAGE SQL AS 'BEGIN RETURN 1; END' CALL p()",
    "SELECT * FROM TABLE(SYSTEM$SET_SESSION('x'))",
    "SELECT SYSTEM$ALTER_SESSION('TIMEZONE')",
    "CREATE TEMPORARY TABLE t (x INT)",
    "CREATE TEMPORARY TABLE t AS SELECT 1",
    "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
    "SHOW TABLES ->> USE ROLE ACCOUNTADMIN",
    "SELECT 1 ->> ALTER SESSION SET TIMEZONE = 'UTC'",
    "SELECT 1; USE ROLE ACCOUNTADMIN",
    "SELECT 1 INTO :x",
    "DECLARE c CURSOR FOR SELECT 1",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_a_change_of_the_session_is_refused(sql: str) -> None:
    """Even with every capability granted."""
    assert not judge(sql, *CAPABILITIES).allowed
