"""Every question, through the SDK's client to a real server, and held against the connector."""

import asyncio
import json
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mcp import Client

from bench.report import Table
from bench.tasks.agent import Agent
from bench.tasks.counting import COUNTING
from bench.tasks.finding import FINDING
from bench.tasks.mending import MENDING
from bench.tasks.question import Question, same
from tests.support.server import serving
from tests.support.simulator import Endpoint, simulating

__all__ = ["QUESTIONS", "Outcome", "measure", "play", "tables"]

QUESTIONS: Final[Sequence[Question]] = (*FINDING, *COUNTING, *MENDING)
_SETTINGS: Final = {
    # What makes a statement slow here, and a server that does not wait for it.
    "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
    "SNOWFLAKE_MCP_LIMITS_ANSWER_WITHIN_S": "5",
}


_SERVICES: Final = """
[cortex]
semantic_views = true
[cortex.analyst.sales]
description = "orders and revenue by region, segment, channel and month"
semantic_view = "DEMO.SALES.SALES_ANALYSIS"
"""
"""What of Snowflake's AI the plans use; the demo has stand-ins without a model."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question."""

    question: str
    tools: tuple[str, ...]
    """Called, in order."""
    asked_bytes: int
    answered_bytes: int
    tokens: int
    fault: str = ""
    """Why the answer was not right; empty: it was."""


def play(questions: Sequence[Question] = QUESTIONS) -> tuple[list[Outcome], int]:
    """Ask every question; gives the outcomes, and the bytes of the list of tools."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder) as endpoint:
            environ = {**endpoint.environ, **_SETTINGS}
            file = folder / "services.toml"
            file.write_text(_SERVICES)
            options = ("--no-demo", "--config", str(file))
            with serving(folder, *options, environ=environ) as server:
                return asyncio.run(_converse(server.url, endpoint, questions))


async def _converse(
    url: str, endpoint: Endpoint, questions: Sequence[Question]
) -> tuple[list[Outcome], int]:
    async with Client(url, mode="auto") as client:
        listed = await client.list_tools()
        tools = [tool.model_dump(by_alias=True, exclude_none=True) for tool in listed.tools]
        shown = len(json.dumps(tools, ensure_ascii=False, separators=(",", ":")).encode())
        with closing(endpoint.connect()) as connection:
            return [await _answer(client, connection, each) for each in questions], shown


async def _answer(client: Client, connection: Any, question: Question) -> Outcome:
    agent = Agent(client)
    fault = ""
    try:
        answer = await question.plan(agent)
    except (AssertionError, LookupError, ValueError, TypeError) as error:
        fault = f"{type(error).__name__}: {error}"
    else:
        with closing(connection.cursor()) as cursor:
            truth = cursor.execute(question.truth).fetchall()
        if not same(answer, truth, question.columns):
            fault = f"{str(answer)[:300]} is not {str(truth)[:300]}"
    return Outcome(
        question.text,
        tuple(agent.tools),
        agent.asked_bytes,
        agent.text_bytes,
        agent.tokens,
        fault,
    )


def tables(outcomes: Iterable[Outcome], listed_bytes: int) -> list[Table]:
    """A row for each question, and what they come to."""
    outcomes = list(outcomes)
    each = Table(
        "Question by question",
        "*Asked* and *answered* are the bytes of the arguments that an agent writes and of the "
        "text that it reads, without pictures; four of either are counted as a token.",
        ("question", "calls", "plan", "asked", "answered", "tokens", "right"),
    )
    for one in outcomes:
        numbers = (one.asked_bytes, one.answered_bytes, one.tokens)
        each.rows.append(
            (
                one.question,
                str(len(one.tools)),
                _plan(one.tools),
                *(f"{number:,}" for number in numbers),
                "no" if one.fault else "yes",
            )
        )
    whole = Table("All together", "Of the questions above.", ("what", "figure"))
    calls = [len(one.tools) for one in outcomes]
    whole.add("questions", len(outcomes))
    whole.add("right answers", sum(not one.fault for one in outcomes))
    whole.add("calls", sum(calls))
    whole.add("calls a question, mean", sum(calls) / len(calls))
    whole.add("calls a question, most", max(calls))
    whole.add("bytes answered", sum(one.answered_bytes for one in outcomes))
    whole.add("tokens a question, mean", sum(one.tokens for one in outcomes) / len(outcomes))
    whole.add("tokens a question, most", max(one.tokens for one in outcomes))
    whole.add("bytes of the list of tools, read once", listed_bytes)
    return [whole, each]


def _plan(tools: Sequence[str]) -> str:
    """The tools in order; the same one again and again is said once."""
    runs: list[list[Any]] = []
    for tool in tools:
        if runs and runs[-1][0] == tool:
            runs[-1][1] += 1
        else:
            runs.append([tool, 1])
    return ", ".join(f"`{tool}`" + (f" x{times}" if times > 1 else "") for tool, times in runs)


def measure() -> list[Table]:
    """Ask everything and make the tables; status 1 when an answer was wrong."""
    outcomes, listed_bytes = play()
    faults = [f"{one.question}: {one.fault}" for one in outcomes if one.fault]
    if faults:
        raise SystemExit("\n".join(faults))
    return tables(outcomes, listed_bytes)
