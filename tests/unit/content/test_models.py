"""Semantic models as resources: whose they are, and what they give."""

from types import MappingProxyType
from typing import Any

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.config.cortex import AnalystService, CortexService, SearchService
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PolicySettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.content.models import WithModels
from snowflake_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Family,
    McpError,
    ToolFailure,
)
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.warehouse.catalog import Catalog
from tests.support.catalogs import request
from tests.unit.content.stand import Stand
from tests.unit.content.test_results import Tools
from tests.unit.tools.fakes import FakeWarehouse, Reply, asynchronous, columns

URI = "snowflake://semantic-models/sales"
SERVICES: dict[str, CortexService] = {
    "analyst.sales": AnalystService("sales", "orders.", "DEMO.SALES.SALES_ANALYSIS"),
    "analyst.file": AnalystService("file", "d", "", "@A.B.C/f.yaml"),
    "search.docs": SearchService("docs", "d", "A", "B", "C"),
}


class House:
    """The library over a warehouse that answers as told."""

    def __init__(self, answer: Any = None, **policy: Any) -> None:
        text = "name: X\nhidden: a\u200bb\n"
        reply = answer or Reply(columns("name", "text"), [["SALES_ANALYSIS", text]])
        self.warehouse = FakeWarehouse({"SELECT": reply})
        config = Config(
            ConnectionSettings("finance", Backend.SNOWFLAKE),
            services=MappingProxyType(SERVICES),
            policy=PolicySettings(**policy),
        )
        self.tools = Tools()
        self.tools.names = ["cortex_analyst"]
        self.library = WithModels(
            Stand().library, self.tools, Catalog(self.warehouse, Clock()), Profiles(config)
        )

    async def uris(self) -> list[str]:
        """Of the models that are listed."""
        listed = await self.library.resources(request())
        return [each["uri"] for each in listed if "semantic-models" in each["uri"]]


@asynchronous
async def test_the_model_of_an_analyst_is_listed() -> None:
    """That of a view; a file in a stage and other services are none."""
    assert await House().uris() == [URI]


@asynchronous
async def test_who_has_no_analyst_has_no_model() -> None:
    """By tools, and by object rules."""
    house = House()
    house.tools.names = ["list_databases"]
    assert await house.uris() == []
    with pytest.raises(McpError, match="not found"):
        await house.library.read(URI, request())
    assert await House(deny_objects=("DEMO.SALES",)).uris() == []


@asynchronous
async def test_a_model_is_read_in_one_statement() -> None:
    """Nothing in it is hidden."""
    house = House()
    (content,) = await house.library.read(URI, request())
    assert content["mimeType"] == "application/yaml"
    assert content["text"] == "name: X\nhidden: a\\u200bb\n"
    (job,) = house.warehouse.jobs
    assert "SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW('DEMO.SALES.SALES_ANALYSIS')" in job.sql


@pytest.mark.parametrize(
    ("family", "code"),
    [(Family.MISSING_OBJECT, INVALID_PARAMS), (Family.UNAVAILABLE, INTERNAL_ERROR)],
)
@asynchronous
async def test_what_cannot_be_read_is_told(family: Family, code: int) -> None:
    """A view that is not there is a resource that is not there."""
    with pytest.raises(McpError) as told:
        await House(ToolFailure(family, "no")).library.read(URI, request())
    assert told.value.code == code


@asynchronous
async def test_all_else_is_the_catalogs() -> None:
    """URIs that only look alike, too; and models are not watched."""
    library = House().library
    for uri in ("snowflake://semantic-models", URI + "/x", URI + "?"):
        with pytest.raises(McpError):
            await library.read(uri, request())
    assert not library.can_watch(URI, LOCAL)
    assert library.can_watch("snowflake://databases", LOCAL)
    assert await library.templates(request())
