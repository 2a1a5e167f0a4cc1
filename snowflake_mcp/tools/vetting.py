"""Whether the tools of a configuration can be offered: asked at the start and at each reload."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Final

from snowflake_mcp.config.model import Config
from snowflake_mcp.config.tools import ParameterSettings, Scalar
from snowflake_mcp.policy.rules import Rule
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.tools.configured import ConfiguredTool
from snowflake_mcp.warehouse.wishes import wish_of_tool

__all__ = ["tool_problems"]

_SAMPLES: Final[Mapping[str, Scalar]] = {
    "string": "a",
    "integer": 1,
    "number": 1.5,
    "boolean": True,
    "date": "2000-01-01",
    "timestamp": "2000-01-01T00:00:00",
    "identifier": "A",
}
_READS: Final = "A tool of your own reads, whatever the tier."


def tool_problems(config: Config, taken: Collection[str]) -> Iterator[str]:
    """What is wrong with tables ``[tools.NAME]``, one line each; ``taken`` are others' names.

    A statement has to pass the gate as a read, with the capabilities of the section ``policy``
    and with values in its places. Rules about objects and masks are the callers' and are held
    against each call.
    """
    for table in config.tools.values():
        where = f"tools.{table.name}"
        if table.name in taken:
            yield f"{where}: there is a tool of this name already"
        try:
            wish_of_tool(table)
        except ValueError as problem:
            yield f"{where}: role or warehouse: {problem}"
            continue
        try:
            tool = ConfiguredTool.of(table)
            database, schema = tool.place
        except ValueError as problem:
            yield f"{where}.{_part(str(problem))}"
            continue
        except ToolFailure as failure:
            yield f"{where}.{failure.message}"
            continue
        granted = frozenset(config.policy.capabilities)
        for sql in dict.fromkeys(_samples(tool)):
            refusal = _refusal(sql, config.limits.max_sql_bytes, granted, database, schema)
            if refusal is not None:
                yield f"{where}.sql: {refusal}"
                break


def _part(problem: str) -> str:
    return problem if problem.startswith("parameters.") else f"sql: {problem}"


def _samples(tool: ConfiguredTool) -> Iterator[str]:
    """The statement with values everywhere, and with NULL wherever there may be none."""
    every = {each.name: _sample(each) for each in tool.settings.parameters}
    yield tool.sql(every)
    needed = {each.name for each in tool.settings.parameters if not each.may_be_left_out}
    yield tool.sql({name: value for name, value in every.items() if name in needed})


def _sample(parameter: ParameterSettings) -> Scalar:
    return parameter.enum[0] if parameter.enum else _SAMPLES[parameter.type]


@lru_cache(maxsize=1_000)
def _refusal(
    sql: str,
    max_sql_bytes: int,
    granted: frozenset[str],
    database: str | None,
    schema: str | None,
) -> str | None:
    """Why the gate refuses a statement; ``None``: it does not.

    The text is the operator's, and there may be no children yet that could judge it.
    """
    # Loads the second parser, which a server without such tools never needs in this process.
    from snowflake_mcp.policy.assessment import assess  # noqa: PLC0415 - see above

    try:
        terms = Terms(max_sql_bytes, granted)
    except ValueError:
        # The section ``policy`` is told of on its own.
        terms = Terms(max_sql_bytes)
    verdict = assess(sql, terms, Situation(database, schema))
    if verdict.allowed:
        return None
    first = verdict.refusals[0]
    # The gate speaks to an agent, who might ask for a tier; no tier opens writes here.
    remedy = _READS if first.rule == Rule.NOT_A_READ.value else first.remedy
    return f"{first.rule}: {first.message} {remedy}"
