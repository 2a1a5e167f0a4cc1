"""The tables of Snowflake's AI: what they take, and what is said of the rest."""

from pathlib import Path

import pytest

from snowflake_mcp.config.cortex import AgentService, AnalystService, SearchService
from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Config

GOOD = """
[cortex]
semantic_views = true
max_response_bytes = 2048

[cortex.search.docs]
description = "d"
database = "A"
schema = "B"
service = "C"
columns = ["X", "Y"]
limit = 3

[cortex.analyst.view]
description = "d"
semantic_view = "A.B.V"

[cortex.analyst.file]
description = "d"
semantic_model_file = "@A.B.S/f.yaml"

[cortex.agents.helper]
description = "d"
database = "A"
schema = "B"
agent = "G"
"""


def read(folder: Path, text: str) -> Config:
    """What a server reads."""
    file = folder / "c.toml"
    file.write_text(text)
    return load(Flags(config=str(file)), {})


def test_every_table_is_read(tmp_path: Path) -> None:
    """In the order of families, each under its name."""
    config = read(tmp_path, GOOD)
    assert (config.cortex.semantic_views, config.cortex.max_response_bytes) == (True, 2048)
    assert dict(config.services) == {
        "search.docs": SearchService("docs", "d", "A", "B", "C", ("X", "Y"), 3),
        "analyst.view": AnalystService("view", "d", "A.B.V"),
        "analyst.file": AnalystService("file", "d", "", "@A.B.S/f.yaml"),
        "agents.helper": AgentService("helper", "d", "A", "B", "G"),
    }


def test_nothing_is_there_by_default(tmp_path: Path) -> None:
    """Neither a service nor the tool for semantic views."""
    config = read(tmp_path, "")
    assert not config.services
    assert not config.cortex.semantic_views


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cortex = 1", "cortex: must be a table"),
        ("[cortex]\nsearch = 1", "cortex.search: must be tables: [cortex.search.NAME]"),
        ("[cortex.search]\nx = 1", "cortex.search.x: must be a table"),
        ("[cortex.sarch.x]", "cortex.sarch: is not a setting"),
        ('[cortex.search."a b"]', "a name has 1 to 64 letters"),
        ("[cortex.search.x]", "cortex.search.x.service: is missing"),
        ('[cortex.agents.x]\ndescription = "d"', "cortex.agents.x.agent: is missing"),
        ('[cortex.agents.x]\nname = "d"', "cortex.agents.x.name: is not a setting"),
        ("[cortex.search.x]\nlimit = 1001", "1001 is not in 1..1000"),
        ("[cortex.search.x]\ncolums = 1", "cortex.search.x.colums: is not a setting"),
        ('[cortex.analyst.x]\ndescription = "d"', "semantic_view or semantic_model_file"),
        (
            (
                '[cortex.analyst.x]\ndescription = "d"\nsemantic_view = "a.b.c"\n'
                'semantic_model_file = "@a.b.c/d"'
            ),
            "and not both",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, said: str) -> None:
    """With the place where it is written."""
    with pytest.raises(ConfigError) as told:
        read(tmp_path, text)
    assert any(said in line for line in told.value.problems), told.value.problems
