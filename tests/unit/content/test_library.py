"""Resources: the list, the templates, the texts, and the errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.content.asking import SERVER
from snowflake_mcp.content.uris import parse
from snowflake_mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Family,
    McpError,
    ToolFailure,
)
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.version import SERVER_NAME
from tests.support.catalogs import MISSING, SMALL, Answer, request
from tests.unit.content.stand import Stand
from tests.unit.warehouse.waiting import async_test


@async_test
async def test_what_was_asked_of_snowflake_is_left_in_the_trail() -> None:
    """For the audit: where, and the ids; what was kept from before asks nothing."""
    stand = Stand(parameters={"role": "reader"})
    first, second = request(), request()
    for each in (first, second):
        await stand.library.read("snowflake://databases", each)
    (job,) = stand.statements.jobs
    assert job.on_query is not None
    assert job.on_end is not None
    job.on_query("01b0")
    job.on_end("01b0", "success")
    assert first.trail.query_ids == {"01b0": "success"}
    assert (first.trail.connection, first.trail.role) == ("finance", "READER")
    assert second.trail.query_ids == {}


BUSY = ToolFailure(Family.BUSY, "All places\nare taken.", retryable=True)


async def read(stand: Stand, uri: str) -> dict[str, Any]:
    (content,) = await stand.library.read(uri, request())
    assert (content["uri"], content["mimeType"]) == (uri, "application/json")
    body: dict[str, Any] = json.loads(content["text"])
    return body


@async_test
async def test_the_list_has_databases_and_the_schemas_of_the_default() -> None:
    """The default is where the connection's sessions begin; two statements, once a minute."""
    stand = Stand()
    await stand.library.resources(request())
    listed = await stand.library.resources(request())
    assert [(entry["uri"], entry["title"]) for entry in listed] == [
        ("snowflake://databases", "Databases"),
        ("snowflake://DEMO", "Database DEMO"),
        ("snowflake://%22my%20db%22", 'Database "my db"'),
        ("snowflake://DEMO/PUBLIC", "Schema DEMO.PUBLIC"),
        ("snowflake://DEMO/SALES", "Schema DEMO.SALES"),
    ]
    assert all(entry["mimeType"] == "application/json" for entry in listed)
    assert [sql.split(" LIMIT")[0] for sql in stand.sql] == [
        "SHOW DATABASES",
        'SHOW SCHEMAS IN DATABASE "DEMO"',
    ]


@pytest.mark.parametrize(
    ("database", "schemas"),
    [('"my db"', ["snowflake://%22my%20db%22/S"]), ("gone", []), ('"', None), (7, None)],
)
@async_test
async def test_a_configured_default_counts(database: object, schemas: list[str] | None) -> None:
    """One that does not exist shows nothing, one that is no name is passed over."""
    stand = Stand(parameters={"database": database})
    listed = [str(entry["uri"]) for entry in await stand.library.resources(request())]
    assert listed[3:] == (
        ["snowflake://DEMO/PUBLIC", "snowflake://DEMO/SALES"] if schemas is None else schemas
    )


@async_test
async def test_without_a_default_there_are_databases_only() -> None:
    """And one statement."""
    stand = Stand({"SHOW DATABASES": (("name",), [["A"]])})
    assert len(await stand.library.resources(request())) == 2
    assert len(stand.sql) == 1


@async_test
async def test_the_list_is_bounded() -> None:
    """What is beyond is reached through the templates."""
    many: Answer = (("name", "is_current"), [[f"D{n}", "N"] for n in range(600)])
    both: Answer = (("name", "is_current"), [[f"D{n}", "Y"] for n in range(5_000)])
    stand = Stand({"SHOW DATABASES": many, "SHOW SCHEMAS": both}, parameters={"database": "D1"})
    listed = await stand.library.resources(request())
    assert len(listed) == len({entry["uri"] for entry in listed}) == 1_000
    stand = Stand({"SHOW DATABASES": both, "SHOW SCHEMAS": many})
    assert len(await stand.library.resources(request())) == 1_000


@async_test
async def test_databases_are_read() -> None:
    """With comments, the default, and the way one level down."""
    assert await read(Stand(), "snowflake://databases") == {
        "uri_template": "snowflake://{name}",
        "databases": [
            {"name": "DEMO", "comment": "Sales", "default": True},
            {"name": '"my db"'},
        ],
        "truncated": False,
    }


@async_test
async def test_a_database_is_read() -> None:
    """Its schemas."""
    assert await read(Stand(), "snowflake://demo") == {
        "database": "DEMO",
        "uri_template": "snowflake://DEMO/{name}",
        "schemas": [
            {"name": "PUBLIC"},
            {"name": "SALES", "comment": "What was sold", "default": True},
        ],
        "truncated": False,
    }


@async_test
async def test_a_schema_is_read() -> None:
    """Its tables and views."""
    assert await read(Stand(), "snowflake://DEMO/SALES") == {
        "database": "DEMO",
        "schema": "SALES",
        "uri_template": "snowflake://DEMO/SALES/{name}",
        "tables": [
            {"name": "ORDERS", "comment": "all", "kind": "TABLE", "rows": 5, "bytes": 1024},
            {"name": '"order lines"', "kind": "TABLE"},
        ],
        "views": [{"name": "ORDERS_BY_DAY", "secure": True}],
        "truncated": False,
    }


@async_test
async def test_a_table_is_read() -> None:
    """Kind, comment, size and columns, in two statements."""
    stand = Stand()
    body = await read(stand, "snowflake://DEMO/SALES/ORDERS")
    assert len(stand.sql) == 2
    columns = body.pop("columns")
    assert body == {
        "database": "DEMO",
        "schema": "SALES",
        "name": "ORDERS",
        "comment": "all",
        "kind": "TABLE",
        "rows": 5,
        "bytes": 1024,
        "truncated": False,
    }
    assert [column["name"] for column in columns] == ["ID", '"at"']


@async_test
async def test_a_view_is_read_with_its_definition() -> None:
    """A third statement; what Snowflake does not show is null."""
    stand = Stand()
    body = await read(stand, "snowflake://DEMO/SALES/ORDERS_BY_DAY")
    assert (body["kind"], body["ddl"]) == ("VIEW", "create view ORDERS_BY_DAY as select 1")
    assert "ddl_truncated" not in body
    nothing: list[Answer] = [MISSING, (("name", "text"), [["ORDERS_BY_DAY", ""]]), (("name",), [])]
    for hidden in nothing:
        answers: dict[str, Answer] = {"SHOW VIEWS LIKE": hidden, **SMALL}
        del answers["SHOW VIEWS LIKE 'ORDERS_BY_DAY' "]
        body = await read(Stand(answers), "snowflake://DEMO/SALES/ORDERS_BY_DAY")
        assert body["ddl"] is None
        assert body["columns"]
    cut = Stand(max_cell_chars=16)
    body = await read(cut, "snowflake://DEMO/SALES/ORDERS_BY_DAY")
    assert (body["ddl"], body["ddl_truncated"]) == ("create view ORDE", True)


@async_test
async def test_what_show_does_not_list_is_described_all_the_same() -> None:
    """The columns are there, the kind is not known."""
    answers: dict[str, Answer] = {"SHOW OBJECTS": (("name",), []), **SMALL}
    body = await read(Stand(answers), "snowflake://DEMO/SALES/ORDERS")
    assert "kind" not in body
    assert len(body["columns"]) == 2


@async_test
async def test_a_long_text_is_cut_and_says_how_to_go_on() -> None:
    """Within limits.max_result_bytes, at every level."""
    rows = [[f"N{n:04}", "VARCHAR"] for n in range(1_000)]
    stand = Stand({"": (("name", "type"), rows)}, max_result_bytes=4_096)
    for uri, name in (
        ("snowflake://databases", "databases"),
        ("snowflake://D", "schemas"),
        ("snowflake://D/S", "tables"),
        ("snowflake://D/S/T", "columns"),
    ):
        (content,) = await stand.library.read(uri, request())
        assert len(content["text"].encode()) < 4_096 + 512
        body = json.loads(content["text"])
        assert body["truncated"] is True
        assert 10 < len(body[name]) < 1_000
        assert body["next_step"]


@async_test
async def test_hidden_characters_are_spelt_out() -> None:
    """D-06: names and comments of others can hide nothing; JSON still has them as they are."""
    answers: dict[str, Answer] = {
        "SHOW SCHEMAS": (("name", "comment"), [["S\u202e", "a\u200bb"]]),
    }
    (content,) = await Stand(answers).library.read("snowflake://d%E2%80%8Bb", request())
    assert content["text"].isprintable()
    assert json.loads(content["text"])["schemas"] == [{"name": '"S\u202e"', "comment": "a\u200bb"}]
    listed = await Stand({"SHOW DATABASES": (("name",), [["A\nB\u202e"]])}).library.resources(
        request()
    )
    assert listed[1]["name"] == '"A\\nB\\u202e"'


@pytest.mark.parametrize(
    "uri",
    [
        "snowflake://NOPE",
        "snowflake://DEMO/NOPE",
        "snowflake://DEMO/SALES/NOPE",
        "snowflake://DEMO/../X",
        "file:///etc/passwd",
        "snowflake://" + "x" * 10_000,
    ],
)
@async_test
async def test_what_is_not_there(uri: str) -> None:
    """-32602 with the URI, whether it cannot be or is not."""
    with pytest.raises(McpError) as caught:
        await Stand().library.read(uri, request())
    assert caught.value.code == INVALID_PARAMS
    assert caught.value.message.startswith("Resource not found: ")
    assert caught.value.data == {"uri": uri[:2_048]}


@async_test
async def test_failures_of_snowflake() -> None:
    """-32603 with the message on one line, the family, and whether to try again."""
    stand = Stand({"": BUSY})
    for work in (
        stand.library.read("snowflake://DEMO/SALES", request()),
        stand.library.resources(request()),
    ):
        with pytest.raises(McpError) as caught:
            await work
        assert caught.value.code == INTERNAL_ERROR
        assert caught.value.message == "All places\\nare taken."
        assert caught.value.data == {"family": "busy", "retryable": True}


@async_test
async def test_a_failure_beside_the_main_matter_is_a_failure_too() -> None:
    """Only a definition that may not be seen is left out; a busy server is not hidden."""
    answers: dict[str, Answer] = {"SHOW VIEWS LIKE": BUSY, **SMALL}
    del answers["SHOW VIEWS LIKE 'ORDERS_BY_DAY' "]
    with pytest.raises(McpError):
        await Stand(answers).library.read("snowflake://DEMO/SALES/ORDERS_BY_DAY", request())
    stand = Stand({**SMALL, 'SHOW SCHEMAS IN DATABASE "DEMO"': BUSY})
    with pytest.raises(McpError):
        await stand.library.resources(request())


def test_a_client_that_leaves_stops_its_statements() -> None:
    """Both of them."""
    stand = Stand()
    stand.statements.held = True
    reading = Deferred.fromCoroutine(stand.library.read("snowflake://DEMO/SALES", request()))
    assert len(stand.sql) == 2
    reading.addErrback(lambda failure: failure.trap(CancelledError))
    reading.cancel()
    assert stand.statements.cancelled == 2


def test_a_failure_stops_the_other_statement() -> None:
    """Nobody would read what it gives."""
    stand = Stand({"SHOW TABLES": MISSING, "SHOW VIEWS": (("name",), [])})
    stand.statements.held = True
    reading = Deferred.fromCoroutine(stand.library.read("snowflake://DEMO/SALES", request()))
    reading.addErrback(lambda failure: failure.trap(McpError))
    stand.statements.waiting.pop(0).callback(None)
    assert stand.statements.cancelled == 1


@async_test
async def test_statements_lead_back_to_the_request() -> None:
    """The query tag names the server as tools do."""
    stand = Stand()
    await stand.library.read("snowflake://databases", request())
    assert SERVER == SERVER_NAME
    assert stand.statements.jobs[0].tag == {
        "server": SERVER_NAME,
        "principal": "local",
        "client": "probe/1",
        "session": "s-1",
        "request": "r-1",
        "method": "resources/read",
    }


uris = (
    st.text()
    | st.text(st.characters()).map("snowflake://".__add__)
    | st.lists(
        st.sampled_from(
            ["snowflake:", "/", "//", "%", "%2", "%22", "%00", "%FF", "..", "A", '"', "?"]
        )
    ).map("".join)
)


@given(uris)
def test_no_text_raises_anything_but_an_mcp_error(uri: str) -> None:
    """Whatever a client sends as a URI is read or refused."""
    outcome: list[Any] = []
    library = Stand().library
    Deferred.fromCoroutine(library.read(uri, request())).addBoth(outcome.append)
    if isinstance(outcome[0], list):
        assert parse(uri) is not None
    else:
        assert isinstance(outcome[0].value, McpError)
    assert library.can_watch(uri, LOCAL) in (True, False)


def test_only_uris_of_ours_can_be_watched() -> None:
    """Whether they exist or not: what is not there yet may come."""
    library = Stand().library
    assert library.can_watch("snowflake://databases", LOCAL)
    assert library.can_watch("snowflake://NOT/YET", LOCAL)
    assert not library.can_watch("snowflake://a/b/c/d", LOCAL)
    assert not library.can_watch("test://x", LOCAL)


@async_test
async def test_denied_objects_are_not_there() -> None:
    """They are not listed, and their own URIs lead nowhere, without a statement."""
    stand = Stand(policy=PolicySettings(deny_objects=('"my db"', "DEMO.PUBLIC", "*.*.ORDERS_*")))
    listed = await stand.library.resources(request())
    assert [entry["uri"] for entry in listed] == [
        "snowflake://databases",
        "snowflake://DEMO",
        "snowflake://DEMO/SALES",
    ]
    body = await read(stand, "snowflake://DEMO/SALES")
    assert [table["name"] for table in body["tables"]] == ["ORDERS", '"order lines"']
    assert body["views"] == []
    before = list(stand.sql)
    for uri in ("%22my%20db%22", "DEMO/PUBLIC", "DEMO/SALES/ORDERS_BY_DAY"):
        with pytest.raises(McpError, match="not found"):
            await stand.library.read(f"snowflake://{uri}", request())
    assert stand.sql == before
