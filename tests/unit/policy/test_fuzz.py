"""Generated statements: a write at any place is refused, and no text makes the gate raise."""

from typing import Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from snowflake_mcp.policy.lexer import LexicalError, scan
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.syntax import parse
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import words
from tests.unit.policy.support import ALLOWED, REFUSED, judge

_STEADY: Final = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

_READS: Final = [judge(row["sql"]).sql for row in ALLOWED if row["kind"] in {"select", "values"}]
"""Without comments and semicolons, so that what is appended is not part of a comment."""
_WRITES: Final = [
    "INSERT INTO t SELECT 1",
    "insert overwrite into t values (1)",
    "UPDATE t SET a = 1",
    "DELETE FROM t",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
    "TRUNCATE TABLE t",
    "TRUNCATE t",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW v AS SELECT 1",
    "ALTER WAREHOUSE w SUSPEND",
    "ALTER SESSION SET a = 1",
    "DROP TABLE t",
    "UNDROP TABLE t",
    "COMMENT ON TABLE t IS 'x'",
    "GRANT ROLE a TO USER b",
    "REVOKE ROLE a FROM USER b",
    "COPY INTO @s FROM t",
    "PUT file:///x @s",
    "GET @s file:///x",
    "REMOVE @s",
    "RM @s",
    "CALL p()",
    "EXECUTE IMMEDIATE 'DROP TABLE t'",
    "EXECUTE TASK t",
    "BEGIN DROP TABLE t; END",
    "BEGIN TRANSACTION",
    "DECLARE x INT; BEGIN END",
    "LET x := 1",
    "RETURN 1",
    "SET x = 1",
    "UNSET x",
    "USE ROLE r",
    "USE DATABASE d",
    "COMMIT",
    "ROLLBACK",
    "SELECT SYSTEM$ABORT_SESSION(1)",
    "SELECT s.nextval",
    "SELECT a INTO b FROM t",
]
_EVERYTHING: Final = frozenset(CAPABILITIES)
_FRAMES: Final = [
    "{write}",
    "{read}; {write}",
    "{write}; {read}",
    "; {write}",
    "{read} ->> {write}",
    "{write} ->> {read}",
    "{read} ->> {write} ->> {read}",
    "{read}->>{write}",
    "({write})",
    "(({write}))",
    "({read}) ->> ({write})",
    "EXPLAIN {write}",
    "EXPLAIN USING JSON {write}",
    "EXPLAIN {read} ->> {write}",
    "DESCRIBE {write}",
    "SHOW TABLES ->> {write}",
    "SHOW {write}",
    "LIST @s ->> {write}",
    "{read} UNION ALL {write}",
    "SELECT * FROM ({write})",
    "SELECT * FROM ({write}) AS x",
    "SELECT * FROM (({write})) AS x",
    "SELECT * FROM a JOIN ({write}) b ON TRUE",
    "SELECT ({write})",
    "SELECT 1 FROM t WHERE EXISTS ({write})",
    "SELECT 1 FROM t WHERE a IN ({write})",
    "SELECT 1 FROM t, LATERAL ({write})",
    "WITH x AS ({write}) SELECT * FROM x",
    "WITH x AS (SELECT 1), y AS ({write}) SELECT * FROM x",
    "WITH x AS (SELECT 1) {write}",
    "WITH RECURSIVE x (a) AS (SELECT 1) {write}",
    "/* SELECT */ {write}",
    "/* ; */ {read} /* ; */ ; {write}",
    "-- SELECT 1\n{write}",
    "// SELECT 1\r\n{write}",
    "{read} -- x\n; {write}",
    "SELECT 'a'''; {write}",
    "SELECT 'a\\\\'; {write} --'",
    'SELECT "a"""; {write}',
    "SELECT $$a$$; {write}",
    "SELECT 'a' -- '\n; {write} -- '",
    'SELECT "a\\"; {write} --"',
]
_WORDS: Final = st.sampled_from(
    sorted(
        words(
            """
            SELECT FROM WHERE ( ) , ; ->> -> . : :: * = => @ @s $1 $$ ' " -- // /* */ ! ? [ ] { } 1
            'x' "y" a my_f( IN AS WITH INTO OVER AT CASE END FOR UPDATE VALUES UNION ALL SHOW DESC
            EXPLAIN LIST TABLE IDENTIFIER( GENERATOR( SYSTEM$WAIT NEXTVAL DROP CALL BEGIN é | ^ $
            """
        )
        | {"\n", "\r", "\t", "\x00", "\u2028", "\\", " "}
    )
)


def _tokens(sql: str) -> list[Token]:
    return scan(sql).tokens


@_STEADY
@given(sql=st.text(max_size=300))
def test_any_text_gets_a_verdict(sql: str) -> None:
    """The gate never raises."""
    verdict = judge(sql)
    assert verdict.allowed == (not verdict.refusals)


@_STEADY
@given(words=st.lists(_WORDS, max_size=60), gap=st.sampled_from(["", " "]))
def test_any_heap_of_words_gets_a_verdict(words: list[str], gap: str) -> None:
    """The gate never raises, also when the text is made of its own vocabulary."""
    sql = gap.join(words)
    verdict = judge(sql)
    assert verdict.allowed == (not verdict.refusals)
    if verdict.allowed:
        assert judge(verdict.sql).sql == verdict.sql


@_STEADY
@given(
    frame=st.sampled_from(_FRAMES),
    read=st.sampled_from(_READS),
    write=st.sampled_from(_WRITES),
    gap=st.sampled_from([" ", "\n", "/**/", " -- x\n", " /* SELECT ' */ "]),
)
def test_a_write_in_a_template_is_refused(frame: str, read: str, write: str, gap: str) -> None:
    """No place where a statement can stand takes a write, however it is spaced."""
    sql = frame.format(read=read, write=gap.join(write.split(" ")))
    assert not judge(sql).allowed, sql


def test_every_write_in_every_template_is_refused() -> None:
    """D-10: the same without chance, and with every capability granted: no grant opens a write."""
    passed = [
        sql
        for frame in _FRAMES
        for write in _WRITES
        if judge(sql := frame.format(read="SELECT a FROM t", write=write), *CAPABILITIES).allowed
    ]
    assert passed == []


def test_the_second_opinion_alone_refuses_writes() -> None:
    """Of the same texts it lets through only those in which a statement looks like a name."""
    like_names = {"TRUNCATE t", "REMOVE @s", "RM @s", "UNSET x", "COMMIT", "ROLLBACK"}
    like_names |= {"BEGIN TRANSACTION", "RETURN 1"}
    passed = []
    for frame in _FRAMES:
        for write in _WRITES:
            sql = frame.format(read="SELECT a FROM t", write=write)
            try:
                cut = scan(sql)
            except LexicalError:
                continue
            for start, end in cut.comments:
                sql = sql[:start] + " " * (end - start) + sql[end:]
            if write not in like_names and not parse(sql, cut.tokens, _EVERYTHING)[1]:
                passed.append(sql)
    assert passed == []


@_STEADY
@given(words=st.lists(_WORDS, min_size=1, max_size=60))
def test_the_second_opinion_never_raises(words: list[str]) -> None:
    """Whatever the parser does with a heap of words, a finding or a tree comes out."""
    sql = " ".join(words)
    try:
        tokens = _tokens(sql)
    except LexicalError:
        return
    if tokens:
        tree, findings = parse(sql, tokens, _EVERYTHING)
        assert (tree is None) == bool(findings)


@_STEADY
@given(read=st.sampled_from(_READS), write=st.sampled_from(_WRITES), data=st.data())
def test_a_write_behind_any_bracket_is_refused(read: str, write: str, data: st.DataObject) -> None:
    """A write right after an opening bracket is refused, and after any flow operator."""
    tokens = _tokens(read)
    at = data.draw(st.integers(0, len(tokens) - 1))
    start = tokens[at].start
    bracket = tokens[at].text == "(" and "PATTERN" not in read
    glue = f"({write})" if bracket else f" ->> {write} ->> "
    assert not judge(read[:start] + glue + read[start + bracket :]).allowed


@_STEADY
@given(read=st.sampled_from(_READS), data=st.data())
def test_a_user_function_in_place_of_any_value_is_refused(read: str, data: st.DataObject) -> None:
    """Wherever a value stands, a call of an unknown function is seen."""
    values = [t for t in _tokens(read) if t.kind in {Kind.NUMBER, Kind.STRING}]
    assume(values and "PATTERN (" not in read)
    value = data.draw(st.sampled_from(values))
    sql = f"{read[: value.start]} my_udf(1, 'x') {read[value.start + len(value.text) :]}"
    assert not judge(sql).allowed, sql


@_STEADY
@given(read=st.sampled_from(_READS), data=st.data())
def test_what_survives_a_mutation_is_stable(read: str, data: st.DataObject) -> None:
    """Of spliced statements those that pass send the tokens that were judged, and pass again."""
    spliced = [token.text for token in _tokens(read)]
    other = data.draw(st.sampled_from([*_READS, *(row["sql"] for row in REFUSED[:200])]))
    pieces = other.split()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(spliced)))
        gone = data.draw(st.integers(0, 2))
        first = data.draw(st.integers(0, max(0, len(pieces) - 1)))
        spliced[at : at + gone] = pieces[first : first + data.draw(st.integers(0, 5))]
    sql = " /**/ ".join(spliced)
    verdict = judge(sql)
    if verdict.allowed:
        judged = [(t.kind, t.text) for t in _tokens(sql)]
        if judged[-1][1] == ";":
            judged.pop()
        assert [(t.kind, t.text) for t in _tokens(verdict.sql)] == judged
        again = judge(verdict.sql)
        assert again.allowed
        assert again.sql == verdict.sql
