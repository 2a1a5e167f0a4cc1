"""The stand-in for Snowflake's AI: strict about requests; and the semantic view of the sample."""

import json
from http.client import HTTPConnection
from typing import Any

import pytest
import yaml

from snowflake_mcp.simulator.semantics import QUESTIONS, SEMANTIC_VIEWS
from tests.unit.simulator.conftest import Wire

BASE = "/api/v2/databases/DEMO/schemas"
SEARCH = f"{BASE}/SUPPORT/cortex-search-services/TICKET_SEARCH:query"
ANALYST = "/api/v2/cortex/analyst/message"
AGENT = f"{BASE}/SALES/agents/SALES_AGENT:run"
VIEW = {"semantic_view": "DEMO.SALES.SALES_ANALYSIS"}


def message(text: Any) -> list[Any]:
    """One question."""
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


class Peer(Wire):
    """A client with a session that says what it sends."""

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Status and decoded body; a stream is its text."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10.0)
        try:
            sent = {
                "Authorization": f'Snowflake Token="{self.token}"',
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            }
            connection.request("POST", path, json.dumps(body), sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.getheader("Content-Type", "").startswith("text/event-stream"):
                return answer.status, text
            return answer.status, json.loads(text)
        finally:
            connection.close()


@pytest.fixture
def peer(simulator: int) -> Peer:
    """Logged in."""
    made = Peer(simulator)
    made.login()
    return made


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (SEARCH, [], "an object"),
        (SEARCH, {}, "query is missing"),
        (SEARCH, {"query": 1}, "query has to be of another type"),
        (SEARCH, {"query": " "}, "must not be empty"),
        (SEARCH, {"query": "x", "querry": 1}, "there is no field querry"),
        (SEARCH, {"query": "x", "limit": 1_001}, "between 1 and 1000"),
        (SEARCH, {"query": "x", "limit": True}, "limit has to be of another type"),
        (SEARCH, {"query": "x", "columns": ["EMAIL"]}, "no column"),
        (SEARCH, {"query": "x", "filter": {"@eq": {"EMAIL": 1}}}, "no attribute"),
        (SEARCH, {"query": "x", "filter": {"@is": {"PRIORITY": 1}}}, "no operator"),
        (SEARCH, {"query": "x", "filter": {"@eq": {"PRIORITY": None}}}, "a text or a number"),
        (SEARCH, {"query": "x", "filter": {"@and": []}}, "a list of filters"),
        (ANALYST, {"messages": message("x")}, "exactly one semantic model"),
        (ANALYST, {"messages": message(""), **VIEW}, "messages"),
        (ANALYST, {"messages": [], **VIEW}, "messages"),
        (ANALYST, {"messages": message("x"), "model": "y", **VIEW}, "no field model"),
        (AGENT, {"messages": message("x"), "stream": False}, "only streams"),
        (AGENT, {"messages": message("x"), "model": "y"}, "no field model"),
    ],
)
def test_a_request_has_to_be_as_documented(peer: Peer, path: str, body: Any, said: str) -> None:
    """400 with what is wrong."""
    status, answer = peer.post(path, body)
    assert status == 400
    assert said in answer["message"]


@pytest.mark.parametrize("path", [SEARCH, ANALYST, AGENT])
def test_who_asks_has_to_have_a_session(peer: Peer, path: str) -> None:
    """401 with the code that connectors know."""
    status, answer = peer.post(path, {}, Authorization='Snowflake Token="x"')
    assert (status, answer["code"]) == (401, "390104")
    status, _ = peer.post(path, {}, Authorization=f"Bearer {peer.token}")
    assert status == 401


def test_the_type_has_to_be_told(peer: Peer) -> None:
    """And a stream has to be wanted."""
    assert peer.post(SEARCH, {"query": "x"}, Content_Type="text/plain")[0] == 400
    asked = {"messages": message("x")}
    assert peer.post(AGENT, asked, Accept="application/json")[0] == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SEARCH.replace("TICKET_SEARCH", "NOPE"), {"query": "x"}),
        (AGENT.replace("SALES_AGENT", "NOPE"), {"messages": message("x")}),
        (ANALYST, {"messages": message("x"), "semantic_view": "DEMO.SALES.NOPE"}),
        (ANALYST, {"messages": message("x"), "semantic_model_file": "@a.b.c/d.yaml"}),
    ],
)
def test_what_is_not_there_is_not_found(peer: Peer, path: str, body: Any) -> None:
    """404, also over a name in quotes of another case."""
    assert peer.post(path, body)[0] == 404
    assert (
        peer.post(SEARCH.replace("TICKET_SEARCH", "%22ticket_search%22"), {"query": "x"})[0] == 404
    )
    assert peer.post(SEARCH.replace("TICKET_SEARCH", "ticket_search"), {"query": "x"})[0] == 200


def test_a_search_ranks_by_words_and_keeps_to_its_filter(peer: Peer) -> None:
    """More words first; a name in a query is only text."""
    columns = ["SUBJECT", "PRIORITY"]
    both = {"@or": [{"@eq": {"PRIORITY": "low"}}, {"@not": {"@lte": {"SATISFACTION": 4}}}]}
    body = {"query": "where is it' OR order", "columns": columns, "filter": both, "limit": 500}
    status, answer = peer.post(SEARCH, body)
    assert status == 200
    assert answer["results"][0]["SUBJECT"] == "Where is my order?"
    assert {each["PRIORITY"] for each in answer["results"]} >= {"low", "urgent"}
    assert len(answer["results"]) == 500
    assert answer["request_id"]
    assert peer.post(SEARCH, {"query": "zzz"})[1]["results"] == []


def test_an_analyst_may_be_asked_for_one_answer(peer: Peer) -> None:
    """Instead of a stream."""
    status, answer = peer.post(ANALYST, {"messages": message(QUESTIONS[1].asked), **VIEW})
    assert status == 200
    kinds = [block["type"] for block in answer["message"]["content"]]
    assert kinds == ["text", "sql"]


@pytest.mark.parametrize("known", QUESTIONS, ids=lambda known: known.name)
def test_what_it_knows_can_be_run(cursor: Any, known: Any) -> None:
    """Each of the statements gives rows."""
    cursor.execute(known.sql)
    assert len(cursor.fetchall()) > 2


@pytest.mark.parametrize(
    ("semantic", "plain"),
    [
        (
            (
                "SEMANTIC_VIEW(SALES_ANALYSIS DIMENSIONS ORDERS.CHANNEL AS c METRICS "
                "ORDERS.REVENUE WHERE REGIONS.REGION = 'DACH' AND orders.amount > 100) ORDER BY 1"
            ),
            (
                "(SELECT o.CHANNEL, SUM(o.TOTAL_AMOUNT) FROM ORDERS o JOIN CUSTOMERS c USING "
                "(CUSTOMER_ID) JOIN REGIONS r USING (REGION_ID) WHERE r.NAME = 'DACH' AND "
                "o.TOTAL_AMOUNT > 100 GROUP BY 1) ORDER BY 1"
            ),
        ),
        (
            "SEMANTIC_VIEW(DEMO.SALES.SALES_ANALYSIS METRICS ORDER_COUNT)",
            "(SELECT COUNT(*) FROM ORDERS)",
        ),
        (
            (
                "SEMANTIC_VIEW(sales_analysis DIMENSIONS customers.* METRICS orders.average_order) "
                "AS t ORDER BY t.segment"
            ),
            (
                "(SELECT SEGMENT, AVG(TOTAL_AMOUNT) FROM ORDERS JOIN CUSTOMERS USING (CUSTOMER_ID) "
                "GROUP BY 1) ORDER BY 1"
            ),
        ),
        (
            "SEMANTIC_VIEW(sales_analysis FACTS orders.amount WHERE status = 'NEW') ORDER BY 1",
            "(SELECT TOTAL_AMOUNT FROM ORDERS WHERE STATUS = 'NEW') ORDER BY 1",
        ),
    ],
)
def test_a_semantic_query_gives_what_plain_sql_does(cursor: Any, semantic: str, plain: str) -> None:
    """Row for row."""
    cursor.execute(f"SELECT * FROM {semantic}")
    found = cursor.fetchall()
    cursor.execute(f"SELECT * FROM {plain}")
    assert found == cursor.fetchall()
    assert found


@pytest.mark.parametrize(
    ("sql", "errno"),
    [
        ("SELECT * FROM SEMANTIC_VIEW(nope METRICS a.b)", 2003),
        ("SELECT * FROM SEMANTIC_VIEW(sales_analysis METRICS a.b)", 904),
        ("SELECT * FROM SEMANTIC_VIEW(sales_analysis METRICS revenue WHERE revenue > 1)", 904),
        ("SELECT * FROM SEMANTIC_VIEW(sales_analysis METRICS revenue FACTS amount)", 1003),
        ("DESCRIBE SEMANTIC VIEW nope", 2003),
        ("SHOW SEMANTIC DIMENSIONS IN nope", 2003),
    ],
)
def test_what_cannot_be_is_refused(cursor: Any, sql: str, errno: int) -> None:
    """With Snowflake's numbers."""
    from snowflake import connector

    with pytest.raises(connector.errors.ProgrammingError) as told:
        cursor.execute(sql)
    assert told.value.errno == errno


def test_the_members_of_a_view_are_shown(cursor: Any) -> None:
    """Those of one view, of a schema, by a pattern; all of it by DESCRIBE."""

    def names(sql: str) -> list[str]:
        cursor.execute(sql)
        place = [column.name for column in cursor.description].index("name")
        return [row[place] for row in cursor.fetchall()]

    view = SEMANTIC_VIEWS["DEMO", "SALES", "SALES_ANALYSIS"]
    assert names("SHOW SEMANTIC VIEWS IN ACCOUNT") == ["SALES_ANALYSIS"]
    assert names("SHOW SEMANTIC VIEWS IN SCHEMA DEMO.FINANCE") == []
    shown = names("SHOW SEMANTIC DIMENSIONS IN DEMO.SALES.SALES_ANALYSIS")
    assert sorted(shown) == sorted(each.name for each in view.dimensions)
    assert names("SHOW SEMANTIC METRICS LIKE 'rev%' IN DATABASE DEMO") == ["REVENUE"]
    assert names("SHOW SEMANTIC FACTS") == ["AMOUNT"]
    cursor.execute("DESCRIBE SEMANTIC VIEW SALES_ANALYSIS")
    told = {(row[0], row[1]) for row in cursor.fetchall()}
    assert ("METRIC", "REVENUE") in told
    assert ("TABLE", "REGIONS") in told


def test_a_view_can_be_read_as_a_model(cursor: Any) -> None:
    """As YAML that says what is in it."""
    cursor.execute("SELECT SYSTEM$READ_YAML_FROM_SEMANTIC_VIEW('demo.sales.sales_analysis') AS y")
    model = yaml.safe_load(cursor.fetchone()[0])
    assert model["name"] == "SALES_ANALYSIS"
    members = [
        each["name"]
        for table in model["tables"]
        for kind in ("dimensions", "facts", "metrics")
        for each in table.get(kind, ())
    ]
    view = SEMANTIC_VIEWS["DEMO", "SALES", "SALES_ANALYSIS"]
    every = (*view.dimensions, *view.facts, *view.metrics)
    assert sorted(members) == sorted(each.name for each in every)
