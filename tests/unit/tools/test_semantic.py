"""query_semantic_view: the statement that it makes, and what the gate thinks of it."""

from dataclasses import replace
from typing import Any

import pytest

from snowflake_mcp.config.cortex import CortexSettings
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PolicySettings
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.tools.registry import Registry, build_registry
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import FakeWarehouse, Reply, asynchronous, columns, context, shown

VIEW = {"database": "demo", "schema": "sales", "view": "v"}
OPEN = Config(
    ConnectionSettings("finance", Backend.SNOWFLAKE), cortex=CortexSettings(semantic_views=True)
)


def tools_over(policy: PolicySettings | None = None) -> tuple[Registry, FakeWarehouse]:
    """The tools with the real gate, over a warehouse that answers everything."""
    warehouse = FakeWarehouse({"": Reply(columns("A"), [["1"]])})
    config = replace(OPEN, policy=policy or PolicySettings())
    return build_registry(warehouse, DirectGate(), config), warehouse


async def made(**arguments: Any) -> str:
    """The statement of a call."""
    tools, warehouse = tools_over()
    result = await tools.call("query_semantic_view", {**VIEW, **arguments}, context())
    assert result.failure is None, shown(result)
    (job,) = warehouse.jobs
    return job.sql


@asynchronous
async def test_the_statement_is_made_of_quoted_names() -> None:
    """In the order that Snowflake documents, with one row more than asked for."""
    sql = await made(
        dimensions=["regions.region", '"My".x'],
        metrics=["revenue"],
        where="regions.region = 'EU' AND amount > 5",
        order_by=["revenue desc", "regions.region"],
        limit=3,
    )
    assert sql == (
        'SELECT * FROM SEMANTIC_VIEW("DEMO"."SALES"."V" '
        'DIMENSIONS "REGIONS"."REGION", "My"."X" METRICS "REVENUE" '
        "WHERE regions.region = 'EU' AND amount > 5\n"
        ') ORDER BY "REVENUE" DESC, "REGION" LIMIT 4'
    )
    assert 'FACTS "A"."B")' in await made(facts=["a.b"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "nothing is asked for"),
        ({"metrics": ["a"], "facts": ["b"]}, "together"),
        ({"dimensions": ["a.b.c"]}, "no name of a member"),
        ({"dimensions": ["a b"]}, "no name of a member"),
        ({"metrics": [""]}, "no name of a member"),
        ({"metrics": ["a"], "order_by": ["a sideways"]}, "no name of a member"),
    ],
)
@asynchronous
async def test_what_does_not_go_together_is_told(arguments: dict[str, Any], said: str) -> None:
    """Before anything is sent."""
    tools, warehouse = tools_over()
    result = await tools.call("query_semantic_view", {**VIEW, **arguments}, context())
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert said in shown(result)
    assert not warehouse.jobs


@pytest.mark.parametrize(
    "where",
    [
        "1=1) ; DROP TABLE t --",
        "1=1) UNION SELECT * FROM (SELECT 1",
        "SYSTEM$CANCEL_ALL_QUERIES(1) = ''",
        "x = 1 ->> DROP TABLE t",
        "EXISTS (SELECT 1 FROM vault.core.v)",
        "1=1 -- ",
        "/*",
    ],
)
@asynchronous
async def test_a_condition_does_no_more_than_a_query_may(where: str) -> None:
    """Whatever is written there, the gate judges the whole, or it is one harmless read."""
    tools, warehouse = tools_over(PolicySettings(deny_objects=("VAULT",)))
    asked = {**VIEW, "metrics": ["m"], "where": where}
    result = await tools.call("query_semantic_view", asked, context())
    if result.failure is None:
        (job,) = warehouse.jobs
        verdict = await DirectGate().judge(
            job.sql, *_terms(PolicySettings(deny_objects=("VAULT",)))
        )
        assert verdict.allowed
        assert where.strip() == "1=1 --" or "UNION" in where
    else:
        assert result.failure.family is Family.REFUSED
        assert not warehouse.jobs


def _terms(policy: PolicySettings) -> Any:
    from snowflake_mcp.policy.terms import Situation, Terms

    return Terms(65_536, frozenset(), (), policy.deny_objects), Situation(None, None)


@asynchronous
async def test_object_rules_and_masks_hold() -> None:
    """The view has to be visible, and a masked column is no dimension."""
    tools, warehouse = tools_over(PolicySettings(deny_objects=("DEMO.SALES.V",)))
    asked = {**VIEW, "dimensions": ["c.email"]}
    result = await tools.call("query_semantic_view", asked, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    tools, masked = tools_over(PolicySettings(mask_columns=("EMAIL",)))
    result = await tools.call("query_semantic_view", asked, context())
    assert result.failure is not None
    assert "masked-column" in shown(result)
    assert not warehouse.jobs
    assert not masked.jobs


@asynchronous
async def test_members_are_listed_by_the_view_that_they_are_in() -> None:
    """A rule about the view is a rule about them."""
    names = (
        *("database_name", "schema_name", "semantic_view_name"),
        *("table_name", "name", "data_type", "synonyms", "comment"),
    )
    rows = [
        ["DEMO", "SALES", view, "T", name, "DATE", "", ""]
        for view, name in (("V", "A"), ("W", "B"))
    ]
    warehouse = FakeWarehouse({"SHOW SEMANTIC DIMENSIONS": Reply(columns(*names), rows)})
    config = replace(OPEN, policy=PolicySettings(allow_objects=("DEMO.SALES.V",)))
    tools = build_registry(warehouse, DirectGate(), config)
    asked = {"kind": "semantic dimensions", "database": "demo", "schema": "sales"}
    result = await tools.call("list_objects", asked, context())
    assert "A | " in shown(result)
    assert "B | " not in shown(result)
    assert warehouse.jobs[0].sql == 'SHOW SEMANTIC DIMENSIONS IN SCHEMA "DEMO"."SALES"'
