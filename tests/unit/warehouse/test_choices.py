"""Another connection, role or warehouse than the caller's own, by the real connector."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.choices import choices_of
from snowflake_mcp.warehouse.handles import Asking
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish
from tests.unit.simulator.conftest import WAIT_S, ready_port, start_simulator
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, clock, job

LOGINS = """
[users.service]
password = "one"
roles = ["READER", "ANALYST", "WRITER"]
[users.bee]
password = "two"
"""

CONFIG = """
default_connection = "main"

[connections.main]
account = "acme"
user = "service"
password = "one"
role = "reader"
warehouse = "XS"
host = "127.0.0.1"
port = PORT
protocol = "http"

[connections.lake]
description = "What the sensors say."
account = "acme"
user = "bee"
password = "two"
role = "HIVE"
host = "127.0.0.1"
port = PORT
protocol = "http"
[connections.lake.policy]
allow_roles = ["HIVE"]

[policy]
allow_roles = ["analyst", "READER"]

[principals.ann]
role = "WRITER"
[principals.ann.policy]
allow_connections = ["lake", "main"]
allow_roles = ["READER"]
allow_warehouses = ["big one"]

[principals.bob]
[principals.bob.policy]
allow_roles = []

[tools.counted]
description = "Counts."
sql = "SELECT 1"
role = "WRITER"
"""

ANN, BOB = Principal("ann", "ann"), Principal("bob", "bob")
WHO = "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_SESSION()"
TAG = {"server": "s", "principal": "ann", "tool": "t"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A strict endpoint for all tests here."""
    logins = tmp_path_factory.mktemp("choices") / "logins.toml"
    logins.write_text(LOGINS)
    process = start_simulator("--logins", str(logins))
    try:
        yield ready_port(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(WAIT_S)
        if process.stdout is not None:
            process.stdout.close()


class House:
    """A warehouse over that configuration."""

    def __init__(self, folder: Path, port: int) -> None:
        self.path = folder / "config.toml"
        self.path.write_text(CONFIG.replace("PORT", str(port)))
        config = load(Flags(config=str(self.path)), {})
        self.profiles = Profiles(config)
        accounts = Accounts.configured(config, self.profiles, None)
        self.warehouse = Warehouse(
            reactor,  # type: ignore[arg-type]  # typed as a module
            accounts,
            config.pool,
            Metrics(),
        )
        self.warehouse.start()

    async def who(self, principal: Principal, wish: Wish = NO_WISH) -> list[Any]:
        """User, role, warehouse and session of a statement."""
        outcome = await self.warehouse.run(job(WHO, principal=principal, wish=wish), Kept())
        rows: list[list[Any]] = outcome.value
        return rows[0]

    async def refusal(self, principal: Principal, wish: Wish) -> ToolFailure:
        """How a statement fails."""
        with pytest.raises(ToolFailure) as caught:
            await self.who(principal, wish)
        return caught.value


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]  # it has no types
async def house(tmp_path: Path, port: int) -> AsyncIterator[House]:
    """A started one, stopped afterwards."""
    made = House(tmp_path, port)
    yield made
    await made.warehouse.stop(5.0)


@async_test
async def test_what_is_chosen_is_what_the_login_has(house: House) -> None:
    """Role and warehouse by the login, on sessions of their own; the caller's own come back."""
    own = await house.who(ANN)
    chosen = await house.who(ANN, Wish(role="READER", warehouse="big one"))
    assert (own[:3], chosen[:3]) == (["SERVICE", "WRITER", "XS"], ["SERVICE", "READER", "big one"])
    assert own[3] != chosen[3]
    assert (await house.who(ANN))[3] == own[3]
    assert (await house.who(ANN, Wish(role="READER", warehouse="big one")))[3] == chosen[3]


@async_test
async def test_another_connection_has_its_own_login_and_role(house: House) -> None:
    """The caller's role belongs to the caller's connection and does not go along."""
    assert (await house.who(ANN, Wish("lake")))[:2] == ["BEE", "HIVE"]


@async_test
async def test_to_choose_what_one_has_anyway_is_no_choice(house: House) -> None:
    """The same session serves it."""
    own = await house.who(ANN)
    for wish in (Wish("main"), Wish(role="WRITER"), Wish("main", "WRITER", "XS")):
        assert (await house.who(ANN, wish))[3] == own[3]


@pytest.mark.parametrize(
    ("principal", "wish", "told"),
    [
        (LOCAL, Wish(role="OWNER"), ("role: expected one of READER, ANALYST", "OWNER")),
        (LOCAL, Wish("lake"), ("connection: expected one of main", "got lake")),
        (BOB, Wish(role="ANALYST"), ("role: expected one of READER on connection main", "ANALYST")),
        (ANN, Wish("lake", "READER"), ("role: expected one of HIVE on connection lake", "READER")),
        (ANN, Wish(warehouse="XL"), ('warehouse: expected one of XS, "big one"', "XL")),
        (ANN, Wish("lake", warehouse="XS"), ('warehouse: expected one of "big one"', "XS")),
    ],
)
@async_test
async def test_what_may_not_be_chosen_is_refused_where_the_seat_is_taken(
    house: House, principal: Principal, wish: Wish, told: tuple[str, ...]
) -> None:
    """Whatever tool let it through; the refusal names what may be chosen, and nothing was sent."""
    refused = await house.refusal(principal, wish)
    assert refused.family is Family.INVALID_ARGUMENT
    assert all(part in refused.message for part in told)
    assert "allow_" in refused.hint
    pool: Any = house.warehouse.snapshot()["pool"]
    assert pool["logins"] == 0


@async_test
async def test_an_operators_tool_has_its_seat_whoever_calls(house: House) -> None:
    """What a tool's table says is not the caller's choice, so no list of the caller's counts."""
    refused = await house.refusal(BOB, Wish(role="ANALYST"))
    assert refused.family is Family.INVALID_ARGUMENT
    assert (await house.who(BOB, Wish(role="WRITER")))[:2] == ["SERVICE", "WRITER"]


@async_test
async def test_what_a_reload_takes_away_is_gone_at_once(house: House) -> None:
    """Sessions that are open already serve it no more."""
    await house.who(ANN, Wish(role="READER"))
    house.path.write_text(house.path.read_text().replace('allow_roles = ["READER"]', ""))
    house.profiles.take(load(Flags(config=str(house.path)), {}))
    await house.who(ANN, Wish(role="ANALYST"))
    house.path.write_text(house.path.read_text().replace('"analyst", ', ""))
    house.profiles.take(load(Flags(config=str(house.path)), {}))
    assert "ANALYST" in (await house.refusal(ANN, Wish(role="ANALYST"))).message


@async_test
async def test_a_statement_is_found_where_it_ran(
    house: House, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here by memory; in another process by the history of one connection after the other."""
    wish = Wish("lake")
    tag = {**TAG, **wish.words}
    sent = job("SELECT 42", principal=ANN, tag=tag, wish=wish)
    outcome = await house.warehouse.run(sent, Kept())
    (tmp_path / "replica").mkdir()
    replica = House(tmp_path / "replica", port)
    try:
        for handles in (house.warehouse.handles, replica.warehouse.handles):
            asking = Asking(ANN, TAG)
            assert await handles.place(outcome.query_id, asking) == wish
            errands = handles._errands
            asked_at: list[Wish] = []
            with monkeypatch.context() as patch:

                def run(*args: Any, errands: Any = errands, at: Any = asked_at, **more: Any) -> Any:
                    at.append(more["wish"])
                    return type(errands).run(errands, *args, **more)

                patch.setattr(errands, "run", run)
                standing = await handles.standing(outcome.query_id, asking)
            assert (standing.state, standing.wish) == ("success", wish)
            # Here its end is remembered; the other process asks Snowflake, on that connection.
            assert asked_at == ([] if handles is house.warehouse.handles else [wish])
            read = job("", principal=ANN)
            result = await handles.read(outcome.query_id, asking, read, Kept(), 1.0)
            assert result.value == [[42]]
            with pytest.raises(ToolFailure) as caught:
                await handles.place(outcome.query_id, Asking(BOB, {**TAG, "principal": "bob"}))
            assert caught.value.family is Family.MISSING_OBJECT
    finally:
        await replica.warehouse.stop(5.0)


@async_test
async def test_lists_of_the_catalog_are_kept_by_the_chosen_role(house: House) -> None:
    """What one role sees is not shown to another, though the caller is the same."""
    catalog = Catalog(house.warehouse, clock)
    for wish, opened in ((NO_WISH, 1), (Wish(role="READER"), 2), (Wish("lake"), 3), (NO_WISH, 3)):
        await catalog.databases(Asker(ANN, wish=wish))
        pool: Any = house.warehouse.snapshot()["pool"]
        assert pool["opened"] == opened, wish


def test_a_choice_is_only_where_there_is_one(house: House) -> None:
    """An argument with one possible value costs tokens and says nothing."""
    everybody, ann, bob = (choices_of(house.profiles, name) for name in ("", "ann", "bob"))
    kinds = ("connection", "role", "warehouse")
    assert [everybody.names(kind) for kind in kinds] == [(), ("READER", "ANALYST"), ()]
    assert ann.names("connection") == ("main", "lake")
    assert ann.names("role") == ("WRITER", "READER", "HIVE")
    assert ann.names("warehouse") == ("XS", '"big one"')
    assert [bob.names(kind) for kind in kinds] == [(), (), ()]


def test_a_tag_that_anybody_may_have_written_is_read_as_far_as_it_is_one() -> None:
    """A name that cannot be one counts as none."""
    assert tags.wish_in('{"connection":"x","role":"r","warehouse":"w w"}') == Wish("x", "R", "w w")
    assert tags.wish_in('{"role":"\\"open"}') == NO_WISH
    assert tags.wish_in("none") == NO_WISH
