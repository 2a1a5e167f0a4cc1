"""The OpenAPI description says what the path table does."""

from typing import Any

from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.transports.front import MCP_PATH
from snowflake_mcp.transports.openapi import OPERATIONS
from snowflake_mcp.transports.rest import FAMILY_STATUS
from tests.unit.transports.stand import Stand


def _described(stand: Stand) -> dict[str, Any]:
    answer = stand.connect().request("GET", "/openapi.json")
    assert answer.status == 200
    assert answer.header("Cache-Control") == "public, max-age=300"
    description: dict[str, Any] = answer.json()
    return description


def test_every_path_and_method_is_described_and_no_other(stand: Stand) -> None:
    """The two tables agree; MCP's own path and OAuth's metadata have descriptions of theirs."""
    served = {
        (route.path, method)
        for route in stand.front.site.tree
        for method in route.methods
        if route.path != MCP_PATH and not route.path.startswith("/.well-known/")
    }
    assert set(OPERATIONS) == served
    described = {
        (path, method.upper())
        for path, methods in _described(stand)["paths"].items()
        for method in methods
    }
    assert described == served


def test_every_failure_of_a_tool_call_is_described(stand: Stand) -> None:
    """Each status of the failure table stands there with the codes it may carry."""
    responses = _described(stand)["paths"]["/mcp/tools/call"]["post"]["responses"]
    for family in Family:
        assert family.value in responses[str(FAMILY_STATUS[family])]["description"]


def test_every_reference_leads_somewhere(stand: Stand) -> None:
    """No schema is named that is not there, none is there for nothing."""
    description = _described(stand)
    assert description["openapi"].startswith("3.1.")
    named: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                named.add(value["$ref"].removeprefix("#/components/schemas/"))
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)

    walk(description)
    assert named == set(description["components"]["schemas"])


def test_who_calls_is_asked_everywhere_but_at_probes(stand: Stand) -> None:
    """With the refusals that an unknown caller gets; without authentication nothing is needed."""
    description = _described(stand)
    assert set(description["components"]["securitySchemes"]) == {"bearer"}
    for path, methods in description["paths"].items():
        for operation in methods.values():
            asks = not path.startswith("/health")
            assert ("security" in operation, "401" in operation["responses"]) == (asks, asks)


def test_operations_have_unique_names(stand: Stand) -> None:
    """Generated clients name their functions by them."""
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
