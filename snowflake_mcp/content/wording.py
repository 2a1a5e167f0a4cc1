"""The prompts themselves: what they are called, what they take, what they say."""

from typing import Final

from snowflake_mcp.content.steps import Argument, Prompt, perhaps, step

__all__ = ["PROMPTS"]

_DATABASE: Final = Argument("database", "Name of a database")
_SCHEMA: Final = Argument("schema", "Name of a schema in the database")
_TABLE: Final = Argument("table", "Name of a table or view in the schema")

_EXPLORE: Final = Prompt(
    name="explore_database",
    title="Explore a database",
    description="What a database holds: its schemas, its central tables, how they join.",
    arguments=(_DATABASE,),
    task="Find out what the Snowflake database named below holds, and explain it.",
    steps=(
        step("{list_schemas}(database). Leave out INFORMATION_SCHEMA."),
        step(
            "{list_tables}(database, schema) and {list_views}(database, schema) for each schema; "
            "with more than ten schemas, for those whose names and comments promise most. Read "
            "row counts and comments before you ask for anything else."
        ),
        perhaps(
            '{list_objects}(kind="semantic view", database): where there is one, somebody has '
            "already said which tables join and what the measures are; {describe_object} shows it."
        ),
        step(
            "{describe_table} or {describe_view} for the central ones: many rows, telling names, "
            "comments. Columns of the same name and type in several tables are how they join"
            '; {search_objects}(pattern=COLUMN, kind="column", database) finds them all at once.',
            "{describe_table} or {describe_view} for the central ones: many rows, telling names, "
            "comments. Columns of the same name and type in several tables are how they join.",
        ),
        perhaps(
            "{profile_table}(database, schema, table, columns=[...]) for the two or three most "
            "central tables: the time that they cover, and the values of status and type columns."
        ),
        perhaps(
            "{sample_rows}(database, schema, table, limit=5) only where names, types and comments "
            "leave a doubt, such as what a semi-structured column holds.",
            "{query_view}(database, schema, view_name, limit=5) only where names, types and "
            "comments leave a doubt. It reads tables as well.",
        ),
    ),
    answer="""\
Answer with:
- the purpose of the database in two sentences;
- a line for each schema;
- a table of the central tables and views: what one row is, key, rows, how it joins with others;
- three questions that this data can answer, and what is unclear.
Say which statements come from comments or keys and which are your guess. Where an answer says \
that it was truncated, say what you did not see.""",
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
    steps=(
        step(
            "Find the data: {search_objects}(pattern=one or two words of the question, database if "
            "one is given). Try a synonym before you give up. Prefer a view made for the purpose "
            "to raw tables.",
            "Find the data: {list_databases} if no database is given, then {list_schemas}, "
            "{list_tables} and {list_views}. Prefer a view made for the purpose to raw tables.",
        ),
        perhaps(
            'Where a semantic view is about the subject ({list_objects}(kind="semantic view", '
            "database)), its metrics are defined by those who know: {describe_object} names them, "
            "{query_semantic_view} answers with them, and the steps on writing SQL fall away."
        ),
        step(
            "{describe_table} or {describe_view} for everything you are about to use. Never guess "
            "a column."
        ),
        step(
            "Where a filter depends on how values are spelt, or a total on NULLs, look first: "
            "{profile_table}(database, schema, table, columns=[...]) has the commonest values, "
            "NULLs, smallest and largest in one call.",
            'Where a filter depends on how values are spelt, look first: {execute_query}("SELECT '
            'column, COUNT(*) FROM database.schema.table GROUP BY 1 ORDER BY 2 DESC LIMIT 20").',
        ),
        perhaps(
            "Write one SELECT with qualified names that filters and aggregates in Snowflake. For "
            "tables of many millions of rows {explain_query} tells what it would read, and which "
            "join has no condition, without running it."
        ),
        step(
            "Run it with {execute_query}. Do not fetch rows to count or add them up yourself. If "
            'the answer\'s state is not "success", the statement goes on: '
            "{get_query_status}(query_id, wait_s=30) until it has ended, then "
            "{fetch_results}(query_id).",
            "Run it with {execute_query}, qualified names, filters and aggregates in Snowflake. Do "
            "not fetch rows to count or add them up yourself.",
        ),
        step(
            "Check it: row counts before and after a join, NULLs in what you group or add up, the "
            "time span that the data covers. Correct and run again if it does not hold."
        ),
        perhaps(
            "{chart_query} where the answer is a trend, or compares more than about eight values: "
            "a picture beside the figures, of the same statement."
        ),
    ),
    answer="""\
Answer with the result first, then the statement, the definition that you chose for each term of \
the question, and what the data cannot say. If it cannot be answered from this data, say what is \
missing.""",
)

_REVIEW: Final = Prompt(
    name="review_query",
    title="Review and tune a statement",
    description="Is a SQL statement right, clear and cheap; and a better version of it.",
    arguments=(Argument("query", "The SQL statement", kind="sql"),),
    task="Review the SQL statement below: is it right, is it cheap, is it clear.",
    steps=(
        perhaps(
            "{check_sql}(query): whether this server would run it, and which objects it touches. "
            "Nothing is run."
        ),
        step(
            "{describe_table} or {describe_view} for every object in it: do the columns exist, do "
            "the types of compared and joined columns agree, which are nullable, what is the key."
        ),
        step(
            "{explain_query}(query): partitions and bytes of each scan, join order, and advice. "
            "Nothing is run.",
            '{execute_query}("EXPLAIN USING TEXT " + statement): partitions and bytes, join '
            "order, joins without a condition. This does not run the statement.",
        ),
        perhaps(
            "{my_queries}: if it has run before, how long it took and whether it failed. It is the "
            "only figure of time that you have."
        ),
        step(
            "Look for: joins that multiply rows; NULLs in NOT IN, in joins and in averages; "
            "filters in WHERE that undo an outer join; functions around a column that is filtered "
            "(they hinder pruning); SELECT *; DISTINCT or ORDER BY that hides a fault; dates "
            "without a time zone; integer division."
        ),
        step(
            "Compare your version with the original: {explain_query} of both, bytes and "
            "partitions side by side; then {execute_query} of both on a small scope, such as one "
            "day: same row count, same totals. Only run statements that read.",
            "Compare your version with the original on a small scope, such as one day, with "
            "{execute_query}: same row count, same totals. Only run statements that read.",
        ),
    ),
    answer="""\
Answer with the faults first, the worst on top, each with the place and the consequence; then the \
better statement; then what you verified and what you only believe. If it is fine, say so and \
change nothing.""",
)

_DOCUMENT: Final = Prompt(
    name="document_schema",
    title="Document a schema",
    description="Reference documentation of a schema's tables, views and columns in Markdown.",
    arguments=(_DATABASE, _SCHEMA),
    task="Write the reference documentation of the Snowflake schema named below, in Markdown.",
    steps=(
        step("{list_tables}(database, schema) and {list_views}(database, schema)."),
        perhaps(
            "{list_objects}(kind, database, schema) for the kinds function, procedure, stage, "
            "stream, task and dynamic table: whoever loads this schema or reads from it."
        ),
        step(
            "{describe_table} for every table, {describe_view} for every view; its DDL comes "
            "along. With more than thirty objects, begin with the largest and say which ones you "
            "left out."
        ),
        step(
            "Where a column has no comment and its name does not explain it, look at its values "
            "once: {profile_table}(database, schema, table, columns=[...]), all such columns of a "
            "table in one call. Leave out columns that look personal.",
            "Where a column has no comment and its name does not explain it, look at its values "
            'once: {execute_query}("SELECT column, COUNT(*) FROM database.schema.table GROUP BY 1 '
            'ORDER BY 2 DESC LIMIT 10"). Leave out columns that look personal.',
        ),
        perhaps(
            "{sample_rows}(database, schema, table, limit=3) where you cannot say what one row is."
        ),
    ),
    answer="""\
Write:
- one paragraph on the schema;
- for each object a section: what one row is, key, number of rows, and a table of its columns \
(name, type, nullable, meaning); for a view also what it is made from, taken from its DDL;
- how the objects join, as a list of column pairs.
Take over existing comments as they are. Mark everything that you inferred with "(inferred)". \
Invent nothing.""",
)

_QUALITY: Final = Prompt(
    name="check_data_quality",
    title="Check data quality",
    description="Checks a table for missing, double, stray and stale values, with the counts.",
    arguments=(_DATABASE, _SCHEMA, _TABLE),
    task="Check the quality of the data in the Snowflake table or view named below.",
    steps=(
        step(
            "{describe_table}, or {describe_view} if it is a view ({list_views} tells): columns, "
            "keys, types, comments."
        ),
        step(
            "{profile_table}(database, schema, table): rows, and for each column NULLs, distinct, "
            "smallest, largest and commonest values. With more than thirty columns, call it again "
            "with columns=[...] for the rest. Where it says that it sampled, so does your report.",
            "One statement for the whole table with {execute_query}: COUNT(*), and for each column "
            "COUNT(column), APPROX_COUNT_DISTINCT(column), MIN and MAX where they mean something. "
            "With more than forty columns, take several statements.",
        ),
        step(
            'For the key: {execute_query}("SELECT key, COUNT(*) FROM database.schema.table GROUP '
            'BY 1 HAVING COUNT(*) > 1 LIMIT 10").'
        ),
        step(
            "For columns with few values: look for spellings of the same thing, blanks, "
            "placeholders such as 'N/A' or 1900-01-01."
        ),
        step(
            "For numbers and dates: negative or zero where that makes no sense, the future, gaps "
            "by day or month, the newest row."
        ),
        step(
            "For columns that refer to another table of the schema: how many rows have no partner."
        ),
    ),
    answer="""\
Count in Snowflake and never by reading rows. For a very large table work on the latest part \
first, and say which.

Answer with a table of findings: check, column, rows concerned, share, how serious; each with the \
statement that proves it. Then what is fine, and what you did not check.""",
)

PROMPTS: Final = (_EXPLORE, _ANSWER, _REVIEW, _DOCUMENT, _QUALITY)
"""Every prompt, in the order of the list."""
