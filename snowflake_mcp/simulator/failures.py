"""Failures of statements as Snowflake words them: code, SQL state, message."""

import re
from dataclasses import dataclass
from typing import Final

__all__ = [
    "StatementFailed",
    "cancelled",
    "missing_object",
    "not_supported",
    "syntax_error",
    "timed_out",
    "translate",
    "wrong_statement_count",
]


@dataclass(eq=False)
class StatementFailed(Exception):
    """A statement that ends with an error; any thread."""

    code: str
    """Six digits, as on the wire."""
    sqlstate: str
    message: str

    def __str__(self) -> str:
        """Safe for logs: no SQL text."""
        return f"{self.code} ({self.sqlstate})"


def syntax_error(detail: str) -> StatementFailed:
    """The statement cannot be parsed."""
    return StatementFailed("001003", "42000", f"SQL compilation error:\n{detail}")


def missing_object(kind: str, name: str) -> StatementFailed:
    """A table, view, schema, database or function that is not there."""
    return StatementFailed(
        "002003",
        "02000" if kind in {"Database", "Schema"} else "42S02",
        f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.",
    )


def not_supported(what: str) -> StatementFailed:
    """A statement that a real account may run and this warehouse cannot."""
    return StatementFailed(
        "000002", "0A000", f"Unsupported feature: {what} is not supported by the demo warehouse."
    )


def cancelled() -> StatementFailed:
    """Someone aborted the statement."""
    return StatementFailed("000604", "57014", "SQL execution canceled")


def timed_out(seconds: float) -> StatementFailed:
    """STATEMENT_TIMEOUT_IN_SECONDS has passed."""
    return StatementFailed(
        "000630",
        "57014",
        f"Statement reached its statement or warehouse timeout of {seconds:g} second(s) "
        "and was canceled.",
    )


def wrong_statement_count(actual: int, desired: int = 1) -> StatementFailed:
    """More (or fewer) statements than the caller announced."""
    return StatementFailed(
        "000008",
        "0A000",
        f"Actual statement count {actual} did not match the desired statement count {desired}.",
    )


def translate(error: BaseException) -> StatementFailed:
    """The Snowflake failure for an exception of DuckDB, sqlglot or fakesnow; any thread.

    Matched by class name, so that this module needs none of the three.
    """
    if isinstance(error, StatementFailed):
        return error
    kind = type(error).__name__
    text = _plain(str(getattr(error, "msg", "") or error))
    if kind == "FakesnowError":
        return _from_fakesnow(
            int(getattr(error, "errno", -1)), str(getattr(error, "sqlstate", "")), text
        )
    if kind == "OutOfMemoryException":
        # DuckDB's own words advise settings that nobody can change here.
        return StatementFailed(
            "300005", "XX000", "The demo warehouse is out of memory. Select fewer or smaller rows."
        )
    rule = _BY_CLASS.get(kind)
    if rule is not None:
        code, sqlstate, lead = rule
        return _refined(StatementFailed(code, sqlstate, lead + text))
    if isinstance(error, RecursionError):
        return syntax_error("The statement is nested too deeply.")
    return StatementFailed("000603", "XX000", f"SQL execution internal error: {kind}")


_COMPILATION: Final = "SQL compilation error:\n"
_BY_CLASS: Final = {
    "ParseError": ("001003", "42000", _COMPILATION),
    "TokenError": ("001003", "42000", _COMPILATION),
    "UnsupportedError": ("000002", "0A000", "Unsupported feature: "),
    "ParserException": ("001003", "42000", _COMPILATION),
    "SyntaxException": ("001003", "42000", _COMPILATION),
    "BinderException": ("000904", "42000", _COMPILATION),
    "CatalogException": ("002003", "42S02", _COMPILATION),
    "ConversionException": ("100038", "22018", ""),
    "InvalidInputException": ("100132", "P0000", ""),
    "InvalidTypeException": ("001007", "22023", _COMPILATION),
    "TypeMismatchException": ("001007", "22023", _COMPILATION),
    "OutOfRangeException": ("100039", "22003", "Numeric value out of range: "),
    "ConstraintException": ("100072", "22000", "DML operation failed: "),
    "InterruptException": ("000604", "57014", ""),
    "TransactionException": ("000625", "57014", "Statement was aborted by another transaction: "),
    "PermissionException": ("003001", "42501", "SQL access control error:\n"),
    "NotImplementedException": ("000002", "0A000", "Unsupported feature: "),
    "NotImplementedError": ("000002", "0A000", "Unsupported feature: "),
    "ResourceInUseException": ("002002", "42710", _COMPILATION),
    "DependencyException": ("002002", "2BP01", _COMPILATION),
}

_MISSING_TABLE: Final = re.compile(r"(Table|View|Schema|Sequence) with name (\S+) does not exist")
_MISSING_FUNCTION: Final = re.compile(
    r'Function with name "?([^"\s]+)"? (?:does not exist|is not in the catalog)'
)
_MISSING_COLUMN: Final = re.compile(
    r'(?:Referenced column "([^"]+)" not found|'
    r'does not have a column named "([^"]+)"|'
    r'Referenced table "([^"]+)" not found)'
)
_MISSING_CATALOG: Final = re.compile(r'Catalog "([^"]+)" does not exist')
_EXISTS: Final = re.compile(r'with name "?([^"\s]+)"? already exists')


def _from_fakesnow(errno: int, sqlstate: str, text: str) -> StatementFailed:
    if errno == 2043 or "Binder Error" in text:
        return _refined(StatementFailed("000904", "42000", _COMPILATION + text))
    if errno == 2003:
        return _refined(StatementFailed("002003", "42S02", _COMPILATION + text))
    if errno == 1003:
        return _refined(StatementFailed("001003", "42000", _COMPILATION + text))
    if errno == 9999:
        return not_supported(text.partition(" not implemented")[0] or "this statement")
    if errno == 100035:
        return _refined(StatementFailed("100038", "22018", text))
    if text.startswith("Session variable"):
        return StatementFailed("000904", "42000", _COMPILATION + text)
    if errno < 0:
        return StatementFailed("000603", "XX000", text)
    return _refined(StatementFailed(f"{errno:06d}", sqlstate, text))


def _refined(failed: StatementFailed) -> StatementFailed:
    """The wording Snowflake has for what DuckDB says in its own words."""
    text = failed.message
    if "Division by zero" in text:
        return StatementFailed("100051", "22012", "Division by zero")
    if "NOT NULL constraint failed" in text:
        return StatementFailed("100072", "22000", "NULL result in a non-nullable column")
    if found := _EXISTS.search(text):
        return StatementFailed(
            "002002", "42710", f"{_COMPILATION}Object '{found[1]}' already exists."
        )
    if found := _MISSING_FUNCTION.search(text):
        return StatementFailed(
            "002140", "42601", f"{_COMPILATION}Unknown function {found[1].upper()}"
        )
    if found := _MISSING_TABLE.search(text):
        return missing_object("Object", found[2].strip("!\"'"))
    if found := _MISSING_CATALOG.search(text):
        return missing_object("Database", found[1])
    if found := _MISSING_COLUMN.search(text):
        name = next(group for group in found.groups() if group)
        return StatementFailed(
            "000904", "42000", f"{_COMPILATION}error line 1: invalid identifier '{name}'"
        )
    return failed


_NOISE: Final = (
    re.compile(r"\n+LINE \d+:.*", re.DOTALL),
    re.compile(r"\n*Did you mean.*", re.DOTALL),
    re.compile(r"\n*Candidate bindings:.*", re.DOTALL),
    re.compile(r"\x1b\[\d*m"),
    re.compile(
        r"^(?:Parser|Binder|Catalog|Conversion|Constraint|Invalid Input|Out of Range|Syntax|"
        r"Transaction|Permission|TransactionContext|Out of Memory|INTERRUPT|Not implemented) "
        r"Error: "
    ),
)


def _plain(text: str) -> str:
    """DuckDB's message without its hints, which name DuckDB things or echo the statement."""
    for pattern in _NOISE:
        text = pattern.sub("", text)
    return text.strip()[:2000]
