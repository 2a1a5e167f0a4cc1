"""Where the two lines of snowflake-connector-python differ in what the tests see: all of it."""

from importlib.metadata import version
from typing import Final

__all__ = ["CONNECTOR", "READS_HALF_SURROGATES"]

CONNECTOR: Final = int(version("snowflake-connector-python").partition(".")[0])

READS_HALF_SURROGATES: Final = CONNECTOR == 4
r"""Of answers in JSON with half a surrogate pair (``\ud800``) in a text; 5 refuses the answer."""
