"""Errors of the engine in Snowflake's words."""

import pytest

from snowflake_mcp.simulator.compat import FakesnowError
from snowflake_mcp.simulator.failures import StatementFailed, timed_out, translate


def engine_error(name: str, text: str) -> Exception:
    """An exception of DuckDB, which only its class name identifies."""
    kind: type[Exception] = type(name, (Exception,), {})
    return kind(text)


@pytest.mark.parametrize(
    ("error", "code", "sqlstate", "words"),
    [
        (
            engine_error(
                "CatalogException", "Catalog Error: Table with name T does not exist!\nDid"
            ),
            "002003",
            "42S02",
            "Object 'T' does not exist or not authorized.",
        ),
        (
            engine_error(
                "BinderException", 'Binder Error: Referenced column "C" not found in FROM'
            ),
            "000904",
            "42000",
            "invalid identifier 'C'",
        ),
        (
            engine_error("CatalogException", "Scalar Function with name nofunc does not exist!"),
            "002140",
            "42601",
            "Unknown function NOFUNC",
        ),
        (
            engine_error("InterruptException", "INTERRUPT Error: Interrupted!"),
            "000604",
            "57014",
            "",
        ),
        (
            engine_error("InvalidInputException", "Invalid Input Error: Division by zero"),
            "100051",
            "22012",
            "Division by zero",
        ),
        (engine_error("PermissionException", "Permission Error: no"), "003001", "42501", "no"),
        (
            FakesnowError("Table with name X does not exist!", 2003, "42S02"),
            "002003",
            "42S02",
            "'X'",
        ),
        (FakesnowError("PIVOT not implemented. Please", 9999, "99999"), "000002", "0A000", "PIVOT"),
        (RecursionError(), "001003", "42000", "nested too deeply"),
        (KeyError("secret"), "000603", "XX000", "internal error: KeyError"),
        (timed_out(5), "000630", "57014", "timeout of 5 second(s)"),
    ],
)
def test_codes_states_and_words(error: Exception, code: str, sqlstate: str, words: str) -> None:
    """Each kind of failure has Snowflake's code, SQL state and wording."""
    failed = translate(error)
    assert (failed.code, failed.sqlstate) == (code, sqlstate)
    assert words in failed.message


def test_hints_of_the_engine_do_not_show() -> None:
    """DuckDB's proposals and echoes of the statement are cut off."""
    error = engine_error(
        "ParserException", 'Parser Error: syntax error at "x"\n\nLINE 1: select x\n ^'
    )
    assert translate(error).message == 'SQL compilation error:\nsyntax error at "x"'


def test_a_failure_shows_no_message_in_logs() -> None:
    """The text of a failure may quote the statement, so str() gives only the code."""
    assert str(StatementFailed("001003", "42000", "near 'secret'")) == "001003 (42000)"
