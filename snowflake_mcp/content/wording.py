"""The prompts themselves: what they are called, what they take, what they say."""

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["PROMPTS", "Argument", "Prompt"]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a prompt; ``kind`` says how it is checked."""

    name: str
    description: str
    kind: Literal["name", "text", "sql"] = "name"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: the task in a sentence, the arguments, and the steps."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    task: str
    steps: str
    tools: frozenset[str]
    """Those that the steps name; who lacks one cannot follow them."""


_DATABASE: Final = Argument("database", "Name of a database")
_SCHEMA: Final = Argument("schema", "Name of a schema in the database")
_TABLE: Final = Argument("table", "Name of a table or view in the schema")

_EXPLORE: Final = Prompt(
    name="explore_database",
    title="Explore a database",
    description="What a database holds: its schemas, its central tables, how they join.",
    arguments=(_DATABASE,),
    task="Find out what the Snowflake database named below holds, and explain it.",
    steps="""\
Steps:
1. list_schemas(database). Leave out INFORMATION_SCHEMA.
2. list_tables(database, schema) and list_views(database, schema) for each schema; with more than \
ten schemas, for those whose names and comments promise most.
3. describe_table or describe_view for the central ones: many rows, telling names, comments.
4. query_view(database, schema, view_name, limit=5) only where names, types and comments leave a \
doubt. It reads tables as well.

Answer with:
- the purpose of the database in two sentences;
- a line for each schema;
- a table of the central tables and views: what one row is, key, rows, how it joins with others;
- three questions that this data can answer, and what is unclear.
Say which statements come from comments or keys and which are your guess. Where an answer says \
that it was truncated, say what you did not see.""",
    tools=frozenset(
        {
            "describe_table",
            "describe_view",
            "list_schemas",
            "list_tables",
            "list_views",
            "query_view",
        }
    ),
)

_ANSWER: Final = Prompt(
    name="answer_question",
    title="Answer a question",
    description="Answer a question from the data, with the statement and the rows as evidence.",
    arguments=(
        Argument("question", "The question, in plain words", kind="text"),
        Argument("database", "Name of the database to look in", required=False),
    ),
    task="Answer the question below from the data in Snowflake, and show the evidence.",
    steps="""\
Steps:
1. Find the data: list_databases if no database is given, then list_schemas, list_tables and \
list_views. Prefer a view made for the purpose to raw tables.
2. describe_table or describe_view for everything you are about to use. Never guess a column.
3. Where a filter depends on how values are spelt, look first: execute_query("SELECT column, \
COUNT(*) FROM database.schema.table GROUP BY 1 ORDER BY 2 DESC LIMIT 20").
4. Write one SELECT with qualified names that filters and aggregates in Snowflake, and run it \
with execute_query. Do not fetch rows to count or add them up yourself.
5. Check it: row counts before and after a join, NULLs in what you group or add up, the time span \
that the data covers. Correct and run again if it does not hold.

Answer with the result first, then the statement, the definition that you chose for each term of \
the question, and what the data cannot say. If it cannot be answered from this data, say what is \
missing.""",
    tools=frozenset(
        {
            "describe_table",
            "describe_view",
            "execute_query",
            "list_databases",
            "list_schemas",
            "list_tables",
            "list_views",
        }
    ),
)

_REVIEW: Final = Prompt(
    name="review_query",
    title="Review and tune a statement",
    description="Is a SQL statement right, clear and cheap; and a better version of it.",
    arguments=(Argument("query", "The SQL statement", kind="sql"),),
    task="Review the SQL statement below: is it right, is it cheap, is it clear.",
    steps="""\
Steps:
1. describe_table or describe_view for every object in it: do the columns exist, do the types of \
compared and joined columns agree, which are nullable, what is the key.
2. execute_query("EXPLAIN USING TEXT " + statement): partitions and bytes, join order, joins \
without a condition. This does not run the statement.
3. Look for: joins that multiply rows; NULLs in NOT IN, in joins and in averages; filters in \
WHERE that undo an outer join; functions around a column that is filtered (they hinder pruning); \
SELECT *; DISTINCT or ORDER BY that hides a fault; dates without a time zone; integer division.
4. Compare your version with the original on a small scope, such as one day, with execute_query: \
same row count, same totals. Only run statements that read.

Answer with the faults first, the worst on top, each with the place and the consequence; then the \
better statement; then what you verified and what you only believe. If it is fine, say so and \
change nothing.""",
    tools=frozenset({"describe_table", "describe_view", "execute_query"}),
)

_DOCUMENT: Final = Prompt(
    name="document_schema",
    title="Document a schema",
    description="Reference documentation of a schema's tables, views and columns in Markdown.",
    arguments=(_DATABASE, _SCHEMA),
    task="Write the reference documentation of the Snowflake schema named below, in Markdown.",
    steps="""\
Steps:
1. list_tables(database, schema) and list_views(database, schema).
2. describe_table for every table, describe_view for every view. With more than thirty objects, \
begin with the largest and say which ones you left out.
3. Where a column has no comment and its name does not explain it, look at its values once: \
execute_query("SELECT column, COUNT(*) FROM database.schema.table GROUP BY 1 ORDER BY 2 DESC \
LIMIT 10"). Leave out columns that look personal.

Write:
- one paragraph on the schema;
- for each object a section: what one row is, key, number of rows, and a table of its columns \
(name, type, nullable, meaning); for a view also what it is made from, taken from its DDL;
- how the objects join, as a list of column pairs.
Take over existing comments as they are. Mark everything that you inferred with "(inferred)". \
Invent nothing.""",
    tools=frozenset(
        {"describe_table", "describe_view", "execute_query", "list_tables", "list_views"}
    ),
)

_QUALITY: Final = Prompt(
    name="check_data_quality",
    title="Check data quality",
    description="Checks a table for missing, double, stray and stale values, with the counts.",
    arguments=(_DATABASE, _SCHEMA, _TABLE),
    task="Check the quality of the data in the Snowflake table or view named below.",
    steps="""\
Steps:
1. describe_table, or describe_view if it is a view (list_views tells): columns, keys, types, \
comments.
2. One statement for the whole table with execute_query: COUNT(*), and for each column \
COUNT(column), APPROX_COUNT_DISTINCT(column), MIN and MAX where they mean something. With more \
than forty columns, take several statements.
3. For the key: execute_query("SELECT key, COUNT(*) FROM database.schema.table GROUP BY 1 HAVING \
COUNT(*) > 1 LIMIT 10").
4. For columns with few values: the values and their counts; look for spellings of the same \
thing, blanks, placeholders such as 'N/A' or 1900-01-01.
5. For numbers and dates: negative or zero where that makes no sense, the future, gaps by day or \
month, the newest row.
6. For columns that refer to another table of the schema: how many rows have no partner.

Count in Snowflake and never by reading rows. For a very large table work on the latest part \
first, and say which.

Answer with a table of findings: check, column, rows concerned, share, how serious; each with the \
statement that proves it. Then what is fine, and what you did not check.""",
    tools=frozenset({"describe_table", "describe_view", "execute_query", "list_views"}),
)

PROMPTS: Final = (_EXPLORE, _ANSWER, _REVIEW, _DOCUMENT, _QUALITY)
"""Every prompt, in the order of the list."""
