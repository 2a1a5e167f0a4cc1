"""The demo warehouse and real warehouses for tools that read the catalog."""

from tests.support.demo import demo
from tests.unit.warehouse.conftest import build

__all__ = ["build", "demo"]
