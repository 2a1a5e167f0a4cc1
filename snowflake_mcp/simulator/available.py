"""Whether the embedded demo warehouse can run here."""

from importlib.util import find_spec
from typing import Final

__all__ = ["PASSWORD_VARIABLE", "demo_problem"]

PASSWORD_VARIABLE: Final = "SNOWFLAKE_MCP_SIMULATOR_PASSWORD"
"""Environment variable by which the parent tells the child the one password it accepts."""

_NEEDED: Final = ("fakesnow", "duckdb", "sqlglot", "pyarrow")


def demo_problem() -> str | None:
    """None when the demo warehouse can run, else one sentence that says what to do.

    Looks for the packages without importing them.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if not missing:
        return None
    return (
        f"The demo warehouse needs {', '.join(missing)}, which "
        f"{'is' if len(missing) == 1 else 'are'} not installed: "
        'pip install "snowflake-mcp-server[demo]"'
    )
