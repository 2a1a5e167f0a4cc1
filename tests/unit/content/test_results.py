"""Results and exports as resources: whose they are, what they give, how much."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from snowflake_mcp.content.results import WithResults
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Family,
    McpError,
    ToolFailure,
)
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import ToolResult
from tests.support.catalogs import request
from tests.support.spools import exported, spooling
from tests.unit.content.stand import Stand

ID = "01b2c3d4-0000-abcd-0000-00000000000a"
ANN, EVE = Principal("ann"), Principal("eve")


class Tools:
    """Answers one tool as told."""

    def __init__(self) -> None:
        self.names = ["fetch_results", "export_results"]
        self.failure: ToolFailure | None = None
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        return [{"name": name} for name in self.names]

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        self.asked.append((name, arguments, context.facts.principal.name))
        if self.failure is not None:
            return ToolResult("no", failure=self.failure)
        return ToolResult("text", structured={"rows": [[1]], "row_count": 1})


class House:
    """The library over a spool."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.tools = Tools()
        self.spool: Spool = spooling(folder, **settings)
        self.library = WithResults(Stand().library, self.tools, self.spool)

    def read(self, uri: str, principal: Principal = ANN) -> dict[str, Any]:
        """The content, or the error it ends with."""
        context = request()
        context.facts = Facts("http", principal, "2026-07-28")
        found: list[Any] = []
        Deferred.fromCoroutine(self.library.read(uri, context)).addBoth(found.append)
        (result,) = found
        if not isinstance(result, list):
            result.raiseException()
        (content,) = result
        self.trail = context.trail
        return dict(content)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """One with the defaults."""
    return House(tmp_path)


def test_a_result_is_what_the_tool_gives(house: House) -> None:
    """Asked as the caller, so that whatever holds for the tool holds here."""
    uri = f"snowflake://results/{ID}"
    content = house.read(uri)
    assert (content["uri"], content["mimeType"]) == (uri, "application/json")
    assert json.loads(content["text"]) == {"rows": [[1]], "row_count": 1}
    assert house.tools.asked == [("fetch_results", {"query_id": ID}, "ann")]


@pytest.mark.parametrize(
    ("family", "code"),
    [(Family.MISSING_OBJECT, INVALID_PARAMS), (Family.UNAVAILABLE, INTERNAL_ERROR)],
)
def test_a_result_that_cannot_be_had(house: House, family: Family, code: int) -> None:
    """Not there, or not now."""
    house.tools.failure = ToolFailure(family, "No statement of yours has this query id.")
    with pytest.raises(McpError) as failed:
        house.read(f"snowflake://results/{ID}")
    assert failed.value.code == code


def test_an_export_is_read_by_its_owner(house: House) -> None:
    """Text as text, the rest as a blob; the audit hears of which."""
    text = exported(house.spool, "A\nä\n".encode(), "ann", "csv")
    content = house.read(f"snowflake://exports/{text.id}")
    assert (content["text"], content["mimeType"]) == ("A\nä\n", "text/csv; charset=utf-8")
    assert house.trail.export == text.name
    blob = exported(house.spool, b"PAR1\xff", "ann", "parquet")
    content = house.read(f"snowflake://exports/{blob.id}")
    assert base64.b64decode(content["blob"]) == b"PAR1\xff"
    with pytest.raises(McpError, match="no export of yours"):
        house.read(f"snowflake://exports/{text.id}", EVE)


def test_a_large_export_is_not_put_into_a_message(tmp_path: Path) -> None:
    """The answer says what to use instead."""
    house = House(tmp_path, max_read_bytes=10)
    small, large = (exported(house.spool, b"x" * size) for size in (10, 11))
    assert house.read(f"snowflake://exports/{small.id}")["text"] == "x" * 10
    with pytest.raises(McpError, match="use the link") as failed:
        house.read(f"snowflake://exports/{large.id}")
    assert (failed.value.code, failed.value.data["bytes"]) == (INVALID_PARAMS, 11)  # type: ignore[index]


def test_a_file_that_is_gone_is_an_error_of_the_server(house: House) -> None:
    """Without its path."""
    export = exported(house.spool, b"x")
    export.path.unlink()
    with pytest.raises(McpError, match="cannot be read") as failed:
        house.read(f"snowflake://exports/{export.id}")
    assert failed.value.code == INTERNAL_ERROR


def test_templates_are_of_those_who_have_the_tools(house: House) -> None:
    """Behind those of the catalog."""

    def listed() -> list[str]:
        found: list[Any] = []
        Deferred.fromCoroutine(house.library.templates(request())).addBoth(found.append)
        return [each["uriTemplate"] for each in found[0]][3:]

    assert listed() == ["snowflake://results/{query_id}", "snowflake://exports/{export_id}"]
    house.tools.names = ["fetch_results"]
    assert listed() == ["snowflake://results/{query_id}"]
    house.tools.names = []
    assert listed() == []


def test_results_are_not_watched_and_the_catalog_is(house: House) -> None:
    """What never changes has nothing to tell; a database may be called RESULTS."""
    assert not house.library.can_watch(f"snowflake://results/{ID}", ANN)
    assert not house.library.can_watch("snowflake://exports/" + "0" * 32, ANN)
    assert house.library.can_watch("snowflake://RESULTS/PUBLIC", ANN)
    assert house.library.can_watch("snowflake://results/public", ANN)
