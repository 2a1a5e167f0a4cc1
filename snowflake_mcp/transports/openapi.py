"""The OpenAPI 3.1 description of REST and probes, made from the tables that serve them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from snowflake_mcp.exports.links import PATH as EXPORTS
from snowflake_mcp.exports.spool import TYPES
from snowflake_mcp.ops.exposition import CONTENT_TYPE
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.transports.admin import ACTIONS, Action
from snowflake_mcp.transports.exchange import JSON, Exchange
from snowflake_mcp.transports.levers import AdminSource
from snowflake_mcp.transports.rest import FAMILY_STATUS
from snowflake_mcp.transports.tree import Route
from snowflake_mcp.version import SERVER_TITLE, VERSION

__all__ = ["OPERATIONS", "ApiDescription"]

_OBJECT: Final = {"type": "object"}
_TEXT: Final = {"type": "string"}
_PROBES: Final = "/health"
"""What nobody has to be known for."""
_UNIDENTIFIED: Final = (400, 401, 403, 429, 503)
"""How a caller is answered whose credential is missing, wrong, or cannot be checked now."""


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(status: int, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": schema}}}


def _failures() -> dict[str, Any]:
    """The failure statuses of a tool call, each with the codes that it may carry."""
    answers: dict[str, Any] = {}
    for status in sorted(set(FAMILY_STATUS.values())):
        codes = [family.value for family in Family if FAMILY_STATUS[family] == status]
        answers[str(status)] = {
            **_answer(status, _reference("Error")),
            "description": "error.code: " + ", ".join(codes),
        }
    return answers


OPERATIONS: Final[Mapping[tuple[str, str], dict[str, Any]]] = {
    ("/health", "GET"): {
        "operationId": "health",
        "summary": "Whether the process serves, which version, since when, on which backend",
        "responses": {"200": _answer(200, _reference("Health"))},
    },
    ("/health/live", "GET"): {
        "operationId": "live",
        "summary": "Whether the process answers at all",
        "responses": {"200": _answer(200, _OBJECT)},
    },
    ("/health/ready", "GET"): {
        "operationId": "ready",
        "summary": "Whether requests can be served now, check by check",
        "responses": {
            "200": _answer(200, _reference("Readiness")),
            "503": _answer(503, _reference("Readiness")),
        },
    },
    ("/status", "GET"): {
        "operationId": "status",
        "summary": "Connections, running requests, pool and totals",
        "responses": {"200": _answer(200, _OBJECT)},
    },
    ("/metrics", "GET"): {
        "operationId": "metrics",
        "summary": "The numbers for Prometheus, in its text format",
        "responses": {"200": {"description": "OK", "content": {CONTENT_TYPE: {"schema": _TEXT}}}},
    },
    ("/mcp/tools", "GET"): {
        "operationId": "listTools",
        "summary": "The tools that the caller may use, with their schemas",
        "responses": {"200": _answer(200, _reference("ToolList"))},
    },
    ("/mcp/tools/call", "POST"): {
        "operationId": "callTool",
        "summary": "Run a tool",
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _reference("ToolCall")}},
        },
        "responses": {
            "200": _answer(200, _reference("ToolAnswer")),
            **_failures(),
            "413": _answer(413, _reference("Error")),
            "415": _answer(415, _reference("Error")),
        },
    },
    ("/openapi.json", "GET"): {
        "operationId": "describe",
        "summary": "This description",
        "responses": {"200": _answer(200, _OBJECT)},
    },
}
"""By path and method; a test holds it against the path table."""

_SCHEMAS: Final[Mapping[str, Any]] = {
    "Health": {
        "type": "object",
        "required": ["status", "timestamp", "version", "uptime_seconds", "backend"],
        "properties": {
            "status": _TEXT,
            "timestamp": {"type": "string", "format": "date-time"},
            "version": _TEXT,
            "uptime_seconds": {"type": "number"},
            "backend": _TEXT,
        },
    },
    "Readiness": {
        "type": "object",
        "required": ["status", "checks"],
        "properties": {
            "status": {"enum": ["ready", "degraded", "not ready"]},
            "checks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "ok", "detail", "age_s", "vital"],
                    "properties": {
                        "name": _TEXT,
                        "ok": {"type": "boolean"},
                        "detail": _TEXT,
                        "age_s": {"type": "number"},
                        "vital": {"type": "boolean"},
                    },
                },
            },
        },
    },
    "ToolList": {
        "type": "object",
        "required": ["tools"],
        "properties": {
            "tools": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "inputSchema"],
                    "properties": {
                        "name": _TEXT,
                        "title": _TEXT,
                        "description": _TEXT,
                        "inputSchema": _OBJECT,
                        "outputSchema": _OBJECT,
                    },
                },
            }
        },
    },
    "ToolCall": {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": _TEXT, "arguments": _OBJECT},
    },
    "ToolAnswer": {
        "type": "object",
        "required": ["name", "result", "text", "meta"],
        "properties": {
            "name": _TEXT,
            "result": {"type": ["object", "null"], "description": "as the tool's outputSchema"},
            "text": _TEXT,
            "meta": _OBJECT,
            "content": {
                "type": "array",
                "items": _OBJECT,
                "description": "more content blocks of MCP, such as a picture; where there are any",
            },
        },
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": _TEXT,
                    "message": _TEXT,
                    "hint": _TEXT,
                    "retryable": {"type": "boolean"},
                    "details": _OBJECT,
                },
            }
        },
    },
}


_EMPTY: Final = {"type": "object", "additionalProperties": False}
_UNREADABLE: Final = {str(code): _answer(code, _reference("Error")) for code in (413, 415)}
_BESIDE_ACTIONS: Final[Mapping[tuple[str, str], dict[str, Any]]] = {
    ("/admin/ticket", "POST"): {
        "operationId": "admin_ticket",
        "summary": "A ticket that opens the WebSocket /admin/live once, within 30 s",
        "requestBody": {"required": True, "content": {JSON: {"schema": _EMPTY}}},
        "responses": {
            **{str(code): _answer(code, _reference("Error")) for code in (400, 404, 503)},
            "200": _answer(200, _OBJECT),
            **_UNREADABLE,
        },
    },
    ("/ui", "GET"): {
        "operationId": "statusPage",
        "summary": "The status page; it holds no data and asks for a token",
        "responses": {"200": {"description": "OK", "content": {"text/html": {"schema": _TEXT}}}},
    },
}
"""What there is of the admin surface beside its actions."""


_EXPORT: Final[Mapping[str, Any]] = {
    "operationId": "fetchExport",
    "summary": "A file that export_results has made; the whole link comes with its answer",
    "parameters": [
        {"name": name, "in": where, "required": True, "schema": _TEXT}
        for name, where in (("name", "path"), ("ticket", "query"), ("signature", "query"))
    ],
    "responses": {
        "200": {"description": "The file", "content": {each: {} for each in TYPES.values()}},
        "206": {"description": "The part that the header Range asks for"},
        "416": _answer(416, _reference("Error")),
        **{str(code): _answer(code, _reference("Error")) for code in (403, 404, 410, 503)},
    },
}


def _admin_operation(action: Action) -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components((action.takes,))
    schema = {**schemas[action.takes.__name__]}
    schema.pop("title", None)
    operation: dict[str, Any] = {
        "operationId": "admin_" + action.name.replace("/", "_"),
        "summary": action.summary,
        "description": "Needs the right admin; without it the path is not there.",
        "responses": {
            "200": _answer(200, _OBJECT),
            "400": _answer(400, _reference("Error")),
            "404": _answer(404, _reference("Error")),
            "503": _answer(503, _reference("Error")),
        },
    }
    if action.method == "POST":
        operation["responses"] |= _UNREADABLE
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    elif schema["properties"]:
        operation["parameters"] = [
            {"name": name, "in": "query", "required": False, "schema": kind}
            for name, kind in schema["properties"].items()
        ]
    return operation


def _asking(operation: Mapping[str, Any]) -> dict[str, Any]:
    """An operation with what is answered where the server asks who calls."""
    refusals = {str(status): _answer(status, _reference("Error")) for status in _UNIDENTIFIED}
    return {
        **operation,
        "security": [{}, {"bearer": []}],
        "responses": {**refusals, **operation["responses"]},
    }


def _describe(actions: Sequence[Action] = (), *, exports: str = "off") -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for action in actions:
        paths.setdefault(action.path, {})[action.method.lower()] = _admin_operation(action)
    beside = _BESIDE_ACTIONS if actions else {}
    for (path, method), operation in {**OPERATIONS, **beside}.items():
        paths.setdefault(path, {})[method.lower()] = operation
    for path, methods in paths.items():
        if not path.startswith(_PROBES):
            for method, operation in methods.items():
                methods[method] = _asking(operation)
    if exports != "off":
        operation = dict(_EXPORT) if exports == "signed" else _asking(_EXPORT)
        paths[f"{EXPORTS}/{{name}}"] = {"get": operation}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{SERVER_TITLE} MCP server: REST and probes",
            "version": VERSION,
            "description": "The tools without MCP, and what probes ask. MCP itself is at /mcp.",
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


class ApiDescription:
    """``GET /openapi.json``."""

    def __init__(self, admin: AdminSource | None = None, exports: str = "off") -> None:
        """``exports`` is the kind of links to them, as the setting has it."""
        self._admin = admin
        self._body = msgspec.json.encode(_describe(exports=exports))
        self._with_admin = msgspec.json.encode(_describe(ACTIONS, exports=exports))

    def routes(self) -> list[Route]:
        """Where it is."""
        return [Route("/openapi.json", {"GET": self.get})]

    def get(self, exchange: Exchange) -> None:
        """The description; the same for every caller.

        The admin surface is in it when the configuration gives anybody the right to it.
        """
        body = self._with_admin if self._admin is not None and self._admin.exists else self._body
        exchange.respond(200, body, headers=(("Cache-Control", "public, max-age=300"),))
