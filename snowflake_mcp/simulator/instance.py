"""The one DuckDB of this process, with fakesnow's translator over it, locked down."""

import warnings
from datetime import date
from pathlib import Path
from typing import Any, Final

from snowflake_mcp.simulator.compat import install_connector_names
from snowflake_mcp.simulator.execution import Connection
from snowflake_mcp.simulator.foreign import whole_numbers
from snowflake_mcp.simulator.macros import create_macros
from snowflake_mcp.simulator.notes import Notes
from snowflake_mcp.simulator.samples import create_samples

__all__ = ["Instance"]

_LOCKS: Final = (
    # Without a folder to spill to, a query beyond the limit fails and leaves no files behind.
    "SET GLOBAL temp_directory=''",
    "SET GLOBAL enable_external_access=false",
    "SET GLOBAL python_enable_replacements=false",
    "SET GLOBAL memory_limit='512MB'",
    "SET GLOBAL threads=2",
    "SET GLOBAL lock_configuration=true",
)


class Instance:
    """The one DuckDB of this process; connections are made from it."""

    def __init__(self) -> None:
        """Blocks for some hundred milliseconds."""
        install_connector_names()
        # DuckDB advises another call than the one fakesnow makes; nobody here can follow it.
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
        import fakesnow.instance
        import fakesnow.transforms.stage

        # Its folder for staged files, made by the import; stages are refused, so it stays unused.
        Path(fakesnow.transforms.stage.LOCAL_BUCKET_PATH).rmdir()
        # fakesnow makes every SUM and AVG a float, in case the column is text.
        fakesnow.transforms.numeric_agg_implicit_cast = lambda expression: expression
        vars(fakesnow.transforms)["integer_precision"] = whole_numbers
        self._fakesnow = fakesnow.instance.FakeSnow(
            create_database_on_connect=False, create_schema_on_connect=False
        )
        # fakesnow keeps every result for ever; results are kept, within bounds, elsewhere.
        self._fakesnow.results_cache = _Forgetful()
        create_macros(self._fakesnow.duck_conn)
        self.notes = Notes()

    def fill(self, today: date) -> None:
        """Create the sample data; blocks for about half a second. Before :meth:`lock`."""
        create_samples(self.connect(None, None), self.notes, today)

    def lock(self) -> None:
        """Shut off the host: files, extensions, settings; for good."""
        for statement in _LOCKS:
            self._fakesnow.duck_conn.execute(statement)

    def connect(self, database: str | None, schema: str | None) -> Connection:
        """A session of its own; names that do not exist are ignored, as Snowflake does."""
        return Connection(self._fakesnow.connect(), self.notes, database, schema)


class _Forgetful(dict[str, Any]):
    """A cache that keeps nothing."""

    def __setitem__(self, key: str, value: object) -> None:
        """Forget at once."""
