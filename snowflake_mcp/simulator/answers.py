"""The JSON of every answer but a result's."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.tokens import Pair

__all__ = ["failure_body", "login_body", "pending_body", "refusal_body", "success_body"]

SERVER_VERSION: Final = "10.0.0"


def success_body(data: object = None) -> bytes:
    """An answer that carries ``data``."""
    return msgspec.json.encode({"data": data, "code": None, "message": None, "success": True})


def refusal_body(
    code: str, message: str, sqlstate: str = "08001", *, with_data: bool = True
) -> bytes:
    """An answer to a request that never became a statement.

    A refused renewal is ``with_data`` False: connector 5.2 takes any data for new tokens.
    """
    return msgspec.json.encode(
        {
            "data": {"errorCode": code, "sqlState": sqlstate} if with_data else None,
            "code": code,
            "message": message,
            "success": False,
            "headers": None,
        }
    )


def failure_body(failure: StatementFailed, query_id: str) -> bytes:
    """The answer of a statement that failed."""
    return msgspec.json.encode(
        {
            "data": {
                "internalError": False,
                "errorCode": failure.code,
                "age": 0,
                "sqlState": failure.sqlstate,
                "queryId": query_id,
                "line": -1,
                "pos": -1,
                "type": "COMPILATION" if failure.sqlstate.startswith("42") else "EXECUTION",
            },
            "code": failure.code,
            "message": failure.message,
            "success": False,
            "headers": None,
        }
    )


def pending_body(query_id: str, *, asynchronous: bool) -> bytes:
    """The answer while a statement runs: ask again at getResultUrl."""
    return msgspec.json.encode(
        {
            "data": {
                "queryId": query_id,
                "getResultUrl": f"/queries/{query_id}/result",
                "queryAbortsAfterSecs": 300,
                "progressDesc": None,
            },
            "code": "333334" if asynchronous else "333333",
            "message": "Query execution in progress. Asynchronous."
            if asynchronous
            else "Query execution in progress.",
            "success": True,
        }
    )


def session_parameters() -> list[dict[str, object]]:
    """The session parameters that clients act upon."""
    values: Mapping[str, Any] = {
        "AUTOCOMMIT": True,
        "CLIENT_PREFETCH_THREADS": 4,
        "CLIENT_SESSION_KEEP_ALIVE": False,
        "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": 3600,
        # 0 keeps bound arrays in the request; there are no stages to put them on.
        "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD": 0,
        "CLIENT_TELEMETRY_ENABLED": False,
        "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "arrow",
        "QUERY_CONTEXT_CACHE_SIZE": 5,
        "TIMEZONE": "Etc/UTC",
    }
    return [{"name": name, "value": value} for name, value in values.items()]


def login_body(
    *,
    pair: Pair,
    session_number: int,
    user: str,
    place: Mapping[str, object],
    kept: Mapping[str, str],
) -> bytes:
    """The answer to a login that succeeded; ``kept`` are tokens that spare the next one."""
    return success_body(
        {
            "token": pair.token,
            "masterToken": pair.master_token,
            "validityInSeconds": pair.token_s,
            "masterValidityInSeconds": pair.master_token_s,
            "sessionId": session_number,
            "displayUserName": user.upper(),
            "serverVersion": SERVER_VERSION,
            "firstLogin": False,
            "parameters": session_parameters(),
            "sessionInfo": place,
            **kept,
        }
    )
