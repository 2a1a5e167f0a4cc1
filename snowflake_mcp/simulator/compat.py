"""Stand-ins for the parts of snowflake.connector that fakesnow imports.

fakesnow 0.12 was written against connector 4.x and cannot be imported beside 5.x, where
modules it wants are gone. The simulator needs only fakesnow's translator and executor, which
use the connector for nothing but exception classes. Standing in for those few names makes the
simulator independent of the installed connector line, and saves its import (about 40 MB and
100 to 250 ms). It is only ever done in the simulator's own process.
"""

import sys
from types import ModuleType
from typing import Final

__all__ = ["FakesnowError", "install_connector_names"]


class FakesnowError(Exception):
    """What fakesnow raises for a statement that failed; any thread."""

    def __init__(
        self,
        msg: str | None = None,
        errno: int | None = None,
        sqlstate: str | None = None,
        **_ignored: object,
    ) -> None:
        super().__init__(msg)
        self.msg = msg or ""
        self.errno = errno if errno is not None else -1
        self.sqlstate = sqlstate or "n/a"


class _Absent:
    """A class that exists only to be imported or inherited from."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        """Accept anything, as the class it stands for does."""


_ERROR_NAMES: Final = (
    "DatabaseError",
    "Error",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
)


def install_connector_names() -> None:
    """Put the stand-ins into ``sys.modules``; call once, before fakesnow is imported.

    :raises RuntimeError: the real connector is loaded in this process.
    """
    present = sys.modules.get("snowflake.connector")
    if present is not None:
        if hasattr(present, "simulator_stand_in"):
            return
        raise RuntimeError("the simulator must run in a process of its own")
    errors = dict.fromkeys(_ERROR_NAMES, FakesnowError)
    _module("snowflake")
    _module(
        "snowflake.connector",
        simulator_stand_in=True,
        connect=None,
        paramstyle="qmark",
        **errors,
    )
    _module("snowflake.connector.errors", **errors)
    _module("snowflake.connector.pandas_tools", write_pandas=None)
    _module("snowflake.connector.converter", SnowflakeConverter=_Absent)
    _module("snowflake.connector.file_util", SnowflakeFileUtil=_Absent)
    _module("snowflake.connector.result_batch", ResultBatch=_Absent)
    _module(
        "snowflake.connector.cursor",
        ResultMetadata=_Absent,
        DictCursor=type("DictCursor", (_Absent,), {}),
        SnowflakeCursor=type("SnowflakeCursor", (_Absent,), {}),
    )


def _module(name: str, **names: object) -> None:
    module = ModuleType(name)
    module.__dict__.update(names)
    # Without a path Python would not treat the module as a package.
    module.__path__ = []
    sys.modules[name] = module
    parent, _, leaf = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], leaf, module)
