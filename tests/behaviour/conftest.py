"""Runs every behaviour in every cell of the table where it applies."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.behaviour.scene import Scene
from tests.behaviour.table import APPLIES, TABLE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the cells of a behaviour from the table."""
    if "scene" in metafunc.fixturenames:
        row = TABLE[metafunc.function.__name__]
        cells = [cell for cell, verdict in row.items() if verdict == APPLIES]
        metafunc.parametrize("scene", cells, ids=str, indirect=True)


@pytest.fixture
def scene(request: Any) -> Iterator[Scene]:
    """A server and the clients that a behaviour needs."""
    made = Scene(request.param)
    yield made
    made.close()
