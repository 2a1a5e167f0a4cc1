"""Content through the real warehouse against the demo warehouse."""

import json
from typing import Any

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings
from snowflake_mcp.content.content import build_content
from snowflake_mcp.protocol.changes import Change, Changes
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.catalogs import request
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.conftest import Build
from tests.unit.warehouse.waiting import async_test, clock, job

CONFIG = Config(ConnectionSettings("demo", Backend.DEMO))


async def run(warehouse: Warehouse, sql: str) -> None:
    await warehouse.run(job(sql), Kept())


@async_test
async def test_the_way_from_the_list_to_a_column(demo: dict[str, object], build: Build) -> None:
    """Every level leads to the next, and completion finds the same names."""
    content = build_content(build(demo), CONFIG, clock)
    context = request(clock)

    async def read(uri: str) -> dict[str, Any]:
        (found,) = await content.library.read(uri, context)
        body: dict[str, Any] = json.loads(found["text"])
        return body

    listed = [entry["uri"] for entry in await content.library.resources(context)]
    assert {"snowflake://databases", "snowflake://DEMO", "snowflake://DEMO/SALES"} <= set(listed)
    for uri in listed:
        await read(uri)
    schema = await read("snowflake://DEMO/SALES")
    table, view = schema["tables"][0]["name"], schema["views"][0]["name"]
    assert (await read(schema["uri_template"].replace("{name}", table)))["columns"]
    assert "SELECT" in (await read(schema["uri_template"].replace("{name}", view)))["ddl"]
    assert table in await content.completions.complete(
        {"type": "ref/prompt", "name": "check_data_quality"},
        "table",
        table[:2].lower(),
        {"database": "demo", "schema": "sales"},
        context,
    )


@async_test
async def test_a_new_table_is_told(demo: dict[str, object], build: Build) -> None:
    """What happens in the warehouse reaches who has read the schema, and its new table."""
    warehouse = build(demo)
    content = build_content(warehouse, CONFIG, clock)
    changes = Changes()
    heard: list[Change] = []
    changes.listen(lambda change: heard.append(Change(change.kind, change.uri)))
    content.seen.tell(changes.publish)
    watch = content.watch(changes)
    await run(warehouse, "create schema demo.watched")
    try:
        await content.library.read("snowflake://DEMO/WATCHED", request(clock))
        assert content.library.can_watch("snowflake://DEMO/WATCHED/T", LOCAL)
        # What is younger than 5 s is not read again.
        content.library._catalog._recent._kept.clear()
        await watch.refresh()
        assert heard == []
        await run(warehouse, "create table demo.watched.t (a int)")
        content.library._catalog._recent._kept.clear()
        await watch.refresh()
        assert heard == [
            Change("resource", "snowflake://DEMO/WATCHED"),
            Change("resource", "snowflake://DEMO/WATCHED/T"),
        ]
    finally:
        await run(warehouse, "drop schema demo.watched")
