"""Who may do what: every caller with every tool on every object, held against a plain table.

Configuration, kernel, tools and judgement are the real ones; only Snowflake answers from memory.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet.task import Clock

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.content.content import Content, build_content
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.calls import Reply as Answered
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Offer
from snowflake_mcp.tools.backing import Lore
from snowflake_mcp.tools.registry import build_registry
from tests.support.catalogs import CatalogStatements
from tests.support.kernels import with_envelope
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import FakePainter, FakeWarehouse, Reply, columns

TABLES: Final = """
[policy]
deny_objects = ["VAULT"]

[principals.rita]
preset = "reader"
[principals.rita.policy]
allow_objects = ["SALES.CORE"]

[principals.anna]
preset = "analyst"
[principals.anna.policy]
allow_objects = ["SALES", "HR.CORE.PAY"]
capabilities = ["udf"]

[principals.dora]
tools = ["execute_*", "check_sql", "list_databases"]
[principals.dora.policy]
tier = "dml"
confirm_writes = false
deny_objects = ["HR", "VAULT"]

[principals.carl]
[principals.carl.policy]
tier = "ddl"

[principals.adam]
preset = "admin"
[principals.adam.policy]
confirm_writes = false
deny_objects = []
capabilities = ["query_history", "get_ddl"]
"""

LISTS: Final = {"list_databases", "list_schemas", "list_tables", "list_views", "list_objects"}
LOOKS: Final = LISTS | {
    "describe_table",
    "describe_view",
    "describe_object",
    "search_objects",
    "query_view",
    "sample_rows",
    "check_sql",
}
READS: Final = LOOKS | {
    "chart_query",
    "execute_query",
    "explain_query",
    "get_ddl",
    "my_queries",
    "profile_table",
    "submit_query",
}
ABOUT_IDS: Final = {"get_query_status", "fetch_results", "cancel_query", "export_results"}
ALL: Final = READS | ABOUT_IDS | {"execute_statement"}
SALES, PAY, VAULT = ("SALES", "CORE", "T"), ("HR", "CORE", "PAY"), ("VAULT", "CORE", "V")
OBJECTS: Final = (SALES, PAY, VAULT)


@dataclass(frozen=True)
class May:
    """What a caller may do, in words that owe nothing to the code."""

    principal: Principal
    tools: set[str]
    objects: tuple[tuple[str, ...], ...]
    tier: int = 0
    capabilities: tuple[str, ...] = ()
    unasked: bool = True
    """Writes go without a question; this client cannot be asked any."""


MAY: Final = {
    "nobody": May(LOCAL, READS | ABOUT_IDS, (SALES, PAY)),
    "rita": May(Principal("rita", "rita"), LOOKS, (SALES,)),
    "anna": May(Principal("anna/7", "anna"), READS | ABOUT_IDS, (SALES, PAY), 0, ("udf",)),
    "dora": May(
        Principal("dora", "dora"),
        {"execute_query", "execute_statement", "check_sql", "list_databases"},
        (SALES,),
        1,
    ),
    "carl": May(Principal("carl", "carl"), ALL, (SALES, PAY), 2, unasked=False),
    "adam": May(Principal("adam", "adam"), ALL, OBJECTS, 3, ("query_history", "get_ddl")),
}

STATEMENTS: Final[Mapping[str, tuple[str, int, str]]] = {
    "read": ("SELECT * FROM {}", 0, ""),
    "describe": ("DESCRIBE TABLE {}", 0, ""),
    "chain": ("SELECT 1 ->> SELECT * FROM {}", 0, ""),
    "subquery": ("SELECT 1 WHERE EXISTS (SELECT 1 FROM {})", 0, ""),
    "function": ("SELECT sales.core.f(x) FROM {}", 0, "udf"),
    "definition": ("SELECT GET_DDL('TABLE', '{}')", 0, "get_ddl"),
    "history": (
        "SELECT * FROM TABLE(SALES.INFORMATION_SCHEMA.QUERY_HISTORY_BY_USER()), {}",
        0,
        "query_history",
    ),
    "insert": ("INSERT INTO {} VALUES (1)", 1, ""),
    "create": ("CREATE TABLE {} (a INT)", 2, ""),
    "drop": ("DROP TABLE {}", 2, ""),
    "grant": ("GRANT SELECT ON TABLE {} TO ROLE r", 3, ""),
}
"""A statement about an object, the tier that it takes, and the capability that it takes."""


class Realm:
    """One server for all of them."""

    def __init__(self, folder: Path) -> None:
        file = folder / "c.toml"
        file.write_text(TABLES)
        config = load(Flags(config=str(file), demo=True), {})
        self.profiles = Profiles(config)
        plan = '{"GlobalStats": {"partitionsAssigned": 1, "bytesAssigned": 1}}'
        figures: dict[str, Reply | Exception] = {
            "EXPLAIN USING JSON ": Reply(columns("content"), [[plan]]),
            "SELECT COUNT(*) FROM (": Reply(columns("n"), [[1]]),
        }
        self.warehouse = FakeWarehouse(
            {**figures, "": Reply(columns("name"), [["SALES"], ["VAULT"]])}
        )
        self.catalog = CatalogStatements({"": (("name",), [["SALES"], ["HR"], ["VAULT"]])})
        self.content: Content = build_content(self.catalog, config, Clock(), self.profiles)
        self.clock = Clock()
        self.lore = Lore.over(self.warehouse, Clock())
        tools = build_registry(
            self.warehouse,
            DirectGate(),
            config,
            profiles=self.profiles,
            lore=self.lore,
            painter=FakePainter(),
        )
        self.kernel = Kernel(
            clock=self.clock,
            offer=Offer(tools, self.content.library),
            identity=ServerIdentity("s", "S", "1", tools.instructions),
            signers=Signers.of(b"k" * 32, 3600.0, lambda: 1_000.0),
            request_timeout_s=lambda _: 60.0,
        )

    def ask(self, principal: Principal, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request of the stateless era."""
        replies: list[Answered | None] = []
        call = self.kernel.start(
            Request(1, method, with_envelope(**params)),
            Facts("http", principal, "2026-07-28"),
            lambda _: None,
        )
        call.reply.addCallback(replies.append)
        assert replies[0] is not None
        answer: dict[str, Any] = json.loads(bytes(replies[0].body))
        return answer

    def outcome(self, principal: Principal, tool: str, **arguments: Any) -> str:
        """What became of a call, in one word, with what reached Snowflake to prove it."""
        self.warehouse.jobs.clear()
        # What is kept is not asked for.
        self.lore.changed("finance", Tier.ADMIN)
        answer = self.ask(principal, "tools/call", name=tool, arguments=arguments)
        sent = [job.sql for job in self.warehouse.jobs]
        asking = {job.principal for job in self.warehouse.jobs}
        assert asking <= {principal, replace(principal, name="catalog reading")}
        if "error" in answer:
            assert sent == []
            return {-32602: "closed", -32021: "unasked"}[answer["error"]["code"]]
        result = answer["result"]
        if result.get("isError"):
            assert sent == []
            assert result["_meta"]["snowflake-mcp/failure"]["family"] == "refused"
            return "refused"
        if tool == "check_sql":
            assert sent == []
            return "done" if result["structuredContent"]["allowed"] else "refused"
        assert sent
        return "done"


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Realm:
    """Nothing in it changes from cell to cell."""
    return Realm(tmp_path_factory.mktemp("realm"))


def looking(tool: str, path: tuple[str, ...]) -> dict[str, Any] | None:
    """Arguments of a tool that names an object, or takes one query about it alone."""
    database, schema, name = path
    found: dict[str, dict[str, Any]] = {
        "list_schemas": {"database": database},
        "list_tables": {"database": database, "schema": schema},
        "list_views": {"database": database, "schema": schema},
        "describe_table": {"database": database, "schema": schema, "table_name": name},
        "describe_view": {"database": database, "schema": schema, "view_name": name},
        "query_view": {"database": database, "schema": schema, "view_name": name},
        "profile_table": {"database": database, "schema": schema, "table": name},
        "sample_rows": {"database": database, "schema": schema, "table": name},
        "chart_query": {"kind": "bar", "y": [], "query": f"SELECT * FROM {'.'.join(path)}"},
        "explain_query": {"query": f"SELECT * FROM {'.'.join(path)}"},
        "search_objects": {"pattern": "xx", "database": database, "schema": schema},
        "list_objects": {"kind": "task", "database": database, "schema": schema},
        "describe_object": {
            "kind": "task",
            "database": database,
            "schema": schema,
            "name": name,
        },
        "get_ddl": {"kind": "table", "database": database, "schema": schema, "name": name},
    }
    return found.get(tool)


def expected(may: May, tool: str, path: tuple[str, ...], tier: int, capability: str) -> str:
    """What the table above says of a call about an object."""
    if tool not in may.tools:
        return "closed"
    if path not in may.objects or (capability and capability not in may.capabilities):
        return "refused"
    if tier > (may.tier if tool in {"execute_statement", "check_sql"} else 0):
        return "refused"
    if tool == "execute_statement":
        if tier == 0:
            return "refused"
        return "done" if may.unasked else "unasked"
    return "done"


def cells() -> Iterator[tuple[str, str, tuple[str, ...], str, dict[str, Any], int, str]]:
    """Every caller, every tool, every object, and every statement where the tool takes one."""
    for who in MAY:
        for tool in sorted(ALL - {"list_databases", "my_queries"} - ABOUT_IDS):
            for path in OBJECTS:
                arguments = looking(tool, path)
                if arguments is not None:
                    yield who, tool, path, "", arguments, 0, ""
                    continue
                for kind, (sql, tier, capability) in STATEMENTS.items():
                    query = {"query": sql.format(".".join(path))}
                    yield who, tool, path, kind, query, tier, capability


def test_every_cell(realm: Realm) -> None:
    """D-01: done, refused, or closed: what each caller meets is what the table says of them."""
    wrong, seen = [], dict.fromkeys(("done", "refused", "closed", "unasked"), 0)
    for who, tool, path, kind, arguments, tier, capability in cells():
        may = MAY[who]
        wanted = expected(may, tool, path, tier, capability)
        found = realm.outcome(may.principal, tool, **arguments)
        seen[found] += 1
        if found != wanted:
            wrong.append(f"{who} {tool} {kind} {'.'.join(path)}: {found}, not {wanted}")
    assert not wrong, "\n".join(wrong)
    assert min(seen.values()) > 5
    assert sum(seen.values()) == len(MAY) * len(OBJECTS) * (14 + 4 * len(STATEMENTS))


@pytest.mark.parametrize("who", MAY)
def test_lists_hold_what_is_theirs(realm: Realm, who: str) -> None:
    """D-07: tools and databases, by tool and by resource; nothing else is told to be there."""
    may = MAY[who]
    tools = realm.ask(may.principal, "tools/list")["result"]
    assert {tool["name"] for tool in tools["tools"]} == may.tools
    assert tools["cacheScope"] == "private"
    databases = {path[0] for path in may.objects}
    if "list_databases" in may.tools:
        answer = realm.ask(may.principal, "tools/call", name="list_databases", arguments={})
        listed = answer["result"]["structuredContent"]["databases"]
        assert {item["name"] for item in listed} == databases & {"SALES", "VAULT"}
    found = realm.ask(may.principal, "resources/list")["result"]["resources"]
    assert {entry["name"] for entry in found if entry["title"].startswith("Database ")} == databases
    for path in OBJECTS:
        uri = f"snowflake://{'/'.join(path)}"
        answer = realm.ask(may.principal, "resources/read", uri=uri)
        assert ("result" in answer) == (path in may.objects)
    instructions = realm.ask(may.principal, "server/discover")["result"]["instructions"]
    assert ("execute_statement writes" in instructions) == ("execute_statement" in may.tools)
    for tool in ALL - may.tools:
        assert tool not in instructions


@pytest.mark.parametrize("who", MAY)
def test_tools_about_ids_are_closed_to_whom_they_are(realm: Realm, who: str) -> None:
    """And open to the others, whose own ids they take."""
    may = MAY[who]
    for tool in ABOUT_IDS:
        answer = realm.ask(may.principal, "tools/call", name=tool, arguments={"query_id": "01b0-1"})
        assert ("error" in answer) == (tool not in may.tools)


def test_remedies_speak_of_the_callers_own_table(realm: Realm) -> None:
    """What one caller is told names no other one."""
    for who, tool, _, _, arguments, _, _ in cells():
        answer = realm.ask(MAY[who].principal, "tools/call", name=tool, arguments=arguments)
        told = json.dumps(answer)
        for other in MAY.keys() - {who}:
            assert f"principals.{other}" not in told
