"""search_objects: what is found and in which order, through the real connector."""

from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import Family
from tests.unit.tools.fakes import asynchronous, shown
from tests.unit.tools.lore import Knowing
from tests.unit.warehouse.conftest import Build

Demo = dict[str, object]


def names(answer: dict[str, Any]) -> list[str]:
    return [item["name"] for item in answer["objects"]]


@asynchronous
async def test_show(demo: Demo, build: Build) -> None:
    k = Knowing.over(build(demo))
    for p in ("orders", "customer", "custmer", "order%", "sales", "email", "region order"):
        r = await k.call("search_objects", pattern=p, limit=5)
        print(p, shown(r))
    r = await k.call("search_objects", pattern="orders", detail_level="columns", limit=2); print(shown(r), r.structured)
    r = await k.call("search_objects", pattern="seq", kind="sequence"); print(shown(r))
    r = await k.call("search_objects", pattern="demo", kind="warehouse"); print(shown(r))
    r = await k.call("search_objects", pattern="email", kind="column"); print(shown(r))
