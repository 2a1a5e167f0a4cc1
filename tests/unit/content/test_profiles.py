"""What content shows to callers of different tables: their own objects, their own changes."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    LimitSettings,
    PolicySettings,
    PrincipalSettings,
)
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.content.content import build_content
from snowflake_mcp.protocol.changes import Change, Changes
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.warehouse.accounts import Seat
from tests.support.catalogs import CatalogStatements, request

HOME: Final = ConnectionSettings("home", Backend.SNOWFLAKE, {"database": "DEMO", "schema": "SALES"})
AWAY: Final = ConnectionSettings("away", Backend.SNOWFLAKE, {"database": "my db"})
ANN: Final = Principal("ann", "ann")
BOB: Final = Principal("bob/1", "bob")
FEW: Final = PolicySettings(allow_objects=("DEMO.SALES.ORDERS",))
ORDERS: Final = "snowflake://DEMO/SALES/ORDERS"
SALES: Final = "snowflake://DEMO/SALES"


def config(**tables: Mapping[str, Any]) -> Config:
    made = {name: PrincipalSettings(name, **settings) for name, settings in tables.items()}
    return Config(HOME, principals=made, connections={"home": HOME, "away": AWAY})


class Stand:
    """One catalog in memory that several callers read."""

    def __init__(self, **tables: Mapping[str, Any]) -> None:
        self.clock = Clock()
        self.statements = CatalogStatements()
        self.statements.connection = HOME
        self.statements.seats[BOB.name] = Seat(AWAY.name, None, None, AWAY)
        self.profiles = Profiles(config(**tables))
        self.content = build_content(self.statements, config(**tables), self.clock, self.profiles)
        self.library = self.content.library
        self.changes = Changes()

    def hear(self, profile: str) -> list[Change]:
        """What clients of a table hear from now on."""
        heard: list[Change] = []
        self.changes.listen(heard.append, profile=profile)
        return heard


def asking(principal: Principal) -> RequestContext:
    made = request()
    made.facts = structs.replace(made.facts, principal=principal)
    return made


def did(work: Any) -> Any:
    """The result of a coroutine that does not wait."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(found.append)
    return found[0]


def listed(stand: Stand, principal: Principal) -> list[str]:
    return [entry["uri"] for entry in did(stand.library.resources(asking(principal)))]


def read(stand: Stand, principal: Principal, uri: str) -> Any:
    return did(stand.library.read(uri, asking(principal)))


def test_lists_hold_what_the_callers_rules_show() -> None:
    """Each caller has their own list, and the default database is that of their connection."""
    stand = Stand(ann={"policy": FEW}, bob={"connection": "away"})
    assert listed(stand, LOCAL) == [
        "snowflake://databases",
        "snowflake://DEMO",
        "snowflake://%22my%20db%22",
        "snowflake://DEMO/PUBLIC",
        SALES,
    ]
    assert listed(stand, ANN) == ["snowflake://databases", "snowflake://DEMO", SALES]
    assert listed(stand, BOB)[-1] == "snowflake://%22my%20db%22/S"


def test_what_rules_hide_does_not_exist() -> None:
    """D-06: to who may not see it; its neighbours in the same schema are not named either."""
    stand = Stand(ann={"policy": FEW})
    (shown,) = read(stand, ANN, SALES)
    assert '"ORDERS"' in shown["text"]
    assert "lines" not in shown["text"]
    assert "ORDERS_BY_DAY" not in shown["text"]
    hidden = ("snowflake://%22my%20db%22", SALES + "/ORDERS_BY_DAY", "snowflake://DEMO/PUBLIC")
    for uri in hidden:
        failure = read(stand, ANN, uri)
        assert isinstance(failure.value, McpError)
        assert failure.value.message.startswith("Resource not found")
        assert read(stand, LOCAL, SALES + "/ORDERS_BY_DAY")[0]["text"]


def test_completions_are_of_visible_names() -> None:
    """D-08: of databases, schemas and tables alike."""
    stand = Stand(ann={"policy": FEW})

    def names(principal: Principal, variable: str, **known: str) -> list[str]:
        reference = {"type": "ref/resource", "uri": "snowflake://{database}/{schema}/{table}"}
        work = stand.content.completions.complete(reference, variable, "", known, asking(principal))
        return list(did(work))

    assert names(LOCAL, "database") == ["DEMO", '"my db"']
    assert names(ANN, "database") == ["DEMO"]
    assert names(ANN, "schema", database="DEMO") == ["SALES"]
    assert names(ANN, "schema", database='"my db"') == []
    assert names(ANN, "table", database="DEMO", schema="SALES") == ["ORDERS"]


def test_a_reload_counts_at_the_next_reading() -> None:
    """Nothing that was kept is shown to who may no longer see it."""
    stand = Stand(ann={})
    assert '"ORDERS_BY_DAY"' in read(stand, ANN, SALES)[0]["text"]
    stand.profiles.take(config(ann={"policy": FEW}))
    assert '"ORDERS_BY_DAY"' not in read(stand, ANN, SALES)[0]["text"]
    stand.profiles.take(config(ann={"policy": PolicySettings(deny_objects=("DEMO",))}))
    assert isinstance(read(stand, ANN, SALES).value, McpError)


def test_texts_are_bounded_by_the_callers_limits() -> None:
    """Who may have less in one answer has less of a resource."""
    stand = Stand(ann={"limits": LimitSettings(max_result_bytes=1_024, max_cell_chars=16)})
    day = SALES + "/ORDERS_BY_DAY"
    assert '"ddl_truncated":true' in read(stand, ANN, day)[0]["text"]
    assert "ddl_truncated" not in read(stand, LOCAL, day)[0]["text"]


def test_a_change_is_told_to_whom_it_concerns() -> None:
    """Who may not see an object hears nothing of it, even when they have asked to."""
    stand = Stand(ann={"policy": PolicySettings(deny_objects=("DEMO.SALES.ORDERS",))})
    ann, local = stand.hear("ann"), stand.hear("")
    watch = stand.content.watch(stand.changes)
    watch.startService()
    read(stand, LOCAL, ORDERS)
    assert stand.library.can_watch(ORDERS, ANN)
    read(stand, ANN, SALES)
    stand.statements.answers["SHOW OBJECTS LIKE 'ORDERS' "] = (("name", "rows"), [["ORDERS", 6]])
    stand.clock.advance(60)
    stand.clock.advance(60)
    assert (ann, local) == ([], [Change("resource", ORDERS, "")])
    stand.statements.answers['SHOW VIEWS IN SCHEMA "DEMO"."SALES"'] = (("name",), [["NEW"]])
    stand.clock.advance(60)
    assert (ann, len(local)) == ([Change("resource", SALES, "ann")], 1)
    watch.stopService()


def test_readers_of_different_tables_do_not_look_like_changes() -> None:
    """They see different texts under one URI, and nothing has changed."""
    stand = Stand(ann={"policy": FEW})
    ann, local = stand.hear("ann"), stand.hear("")
    stand.content.seen.tell(stand.changes.publish)
    for principal in (LOCAL, ANN, LOCAL, ANN):
        read(stand, principal, SALES)
        listed(stand, principal)
    assert (ann, local) == ([], [])


def test_one_table_cannot_crowd_out_the_interest_of_another() -> None:
    """However many resources its callers ask to hear of."""
    stand = Stand(ann={})
    assert stand.library.can_watch(ORDERS, LOCAL)
    for number in range(200):
        assert stand.library.can_watch(f"snowflake://D{number}", ANN)
    assert (ORDERS, "") in stand.content.seen.due()
    assert len(stand.content.seen.due()) == 65


def test_prompts_are_for_who_has_their_tools() -> None:
    """A prompt that speaks of a tool which the caller lacks would lead nowhere."""
    have = {"ann": {"list_schemas", "list_tables", "list_views", "describe_table"}, "bob": set()}
    have["ann"] |= {"describe_view", "query_view"}
    profiles = Profiles(config(ann={}, bob={}))
    content = build_content(
        CatalogStatements(), config(), Clock(), profiles, lambda who: have[who.profile]
    )
    assert [prompt["name"] for prompt in content.prompts.describe(ANN)] == ["explore_database"]
    assert content.prompts.describe(BOB) == []
    given = {"database": "DEMO"}
    assert did(content.prompts.get("explore_database", given, asking(ANN)))["messages"]
    for name, principal in (("explore_database", BOB), ("answer_question", ANN)):
        refused = did(content.prompts.get(name, given, asking(principal)))
        assert isinstance(refused.value, McpError)
        assert refused.value.message.startswith("Unknown prompt; there are: ")


def test_interest_of_a_table_that_is_gone_ends() -> None:
    """The next round looks for nobody's sake."""
    stand = Stand(ann={})
    stand.hear("")
    watch = stand.content.watch(stand.changes)
    watch.startService()
    read(stand, ANN, ORDERS)
    read(stand, LOCAL, SALES)
    stand.profiles.take(config())
    before = len(stand.statements.sql)
    stand.clock.advance(60)
    assert stand.content.seen.due() == [(SALES, "")]
    assert len(stand.statements.sql) == before + 2
    watch.stopService()
