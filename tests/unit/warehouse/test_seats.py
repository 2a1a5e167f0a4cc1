"""Callers of several tables: each at its own seat, by the real connector and a strict endpoint."""

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PrincipalSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.catalog import Asker, Catalog
from snowflake_mcp.warehouse.handles import Asking
from snowflake_mcp.warehouse.service import Warehouse
from tests.unit.simulator.conftest import WAIT_S, ready_port, start_simulator
from tests.unit.warehouse.collecting import Kept
from tests.unit.warehouse.waiting import async_test, clock, job, until, within

LOGINS = """
[users.service]
password = "one"
roles = ["READER", "WRITER"]
[users.bee]
password = "two"
"""

CONFIG = """
default_connection = "main"

[connections.main]
account = "acme"
user = "service"
password = "one"
role = "READER"
warehouse = "XS"
host = "127.0.0.1"
port = PORT
protocol = "http"

[connections.bee]
account = "acme"
user = "bee"
password_file = "FOLDER/bee"
role = "HIVE"
host = "127.0.0.1"
port = PORT
protocol = "http"

[connections.mute]
account = "acme"
user = "mute"
password = "three"
host = "127.0.0.1"
port = MUTE
protocol = "http"

[principals.ann]

[principals.will]
role = "writer"
warehouse = "big one"

[principals.bee]
connection = "bee"

[principals.owen]
role = "OWNER"

[principals.mute]
connection = "mute"
"""

ANN, WILL, BEE, OWEN, MUTE = (
    Principal(name, name) for name in ("ann", "will", "bee", "owen", "mute")
)
WHO = "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_SESSION()"


@dataclass(frozen=True)
class Place:
    """A strict endpoint, a port that never answers, and a folder for credentials."""

    port: int
    mute: int
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One for all tests here."""
    folder = tmp_path_factory.mktemp("seats")
    (folder / "logins.toml").write_text(LOGINS)
    process = start_simulator("--logins", str(folder / "logins.toml"))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        try:
            yield Place(ready_port(process), mute.getsockname()[1], folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(WAIT_S)
            if process.stdout is not None:
                process.stdout.close()


class House:
    """A warehouse over that configuration."""

    def __init__(self, place: Place, text: str = CONFIG, secret: str = "two") -> None:
        self.secret = place.folder / "bee"
        self.secret.write_text(secret)
        path = place.folder / "config.toml"
        text = text.replace("PORT", str(place.port)).replace("MUTE", str(place.mute))
        path.write_text(text.replace("FOLDER", str(place.folder)))
        self.config = load(Flags(config=str(path)), {})
        self.profiles = Profiles(self.config)
        self.accounts = Accounts.configured(self.config, self.profiles, None)
        self.warehouse = Warehouse(
            reactor,  # type: ignore[arg-type]
            self.accounts,
            self.config.pool,
            Metrics(),
        )
        self.warehouse.start()

    async def rows(self, sql: str, principal: Principal, **facts: Any) -> list[list[Any]]:
        """The rows of a statement of that caller."""
        outcome = await self.warehouse.run(job(sql, principal=principal, **facts), Kept())
        return outcome.value

    async def refusal(self, principal: Principal) -> ToolFailure:
        """How a statement of that caller fails."""
        with pytest.raises(ToolFailure) as caught:
            await self.rows("SELECT 1", principal)
        return caught.value

    def of(self, connection: str) -> dict[str, Any]:
        """What /status tells of a connection."""
        told: Any = self.warehouse.snapshot()["connections"]
        found: dict[str, Any] = told[connection]
        return found


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]  # it has no types
async def house(place: Place) -> AsyncIterator[House]:
    """A started one, stopped afterwards."""
    made = House(place)
    yield made
    await made.warehouse.stop(5.0)


@async_test
async def test_role_warehouse_and_user_are_the_tables_own(house: House) -> None:
    """Names are read as SQL reads them; what a table does not say is the connection's."""
    ((*ann, first),) = await house.rows(WHO, ANN)
    ((*will, second),) = await house.rows(WHO, WILL)
    ((*bee, third),) = await house.rows(WHO, BEE)
    assert ann == ["SERVICE", "READER", "XS"]
    assert will == ["SERVICE", "WRITER", "big one"]
    assert bee[:2] == ["BEE", "HIVE"]
    assert len({first, second, third}) == 3
    assert (house.of("main")["logins"], house.of("bee")["logins"]) == (2, 1)


@async_test
async def test_callers_of_one_table_share_no_session(house: House) -> None:
    """The same seat twice, and each caller keeps to sessions of its own."""
    first, second = Principal("will/1", "will"), Principal("will/2", "will")
    sessions = [(await house.rows(WHO, one))[0] for one in (first, second, first, second)]
    assert sessions[0] == sessions[2]
    assert sessions[1] == sessions[3]
    assert sessions[0][:3] == sessions[1][:3]
    assert sessions[0][3] != sessions[1][3]


@async_test
async def test_another_callers_result_is_not_known(house: House, place: Place) -> None:
    """On one Snowflake user, here and in a process that has only the history to go by."""
    tag = {"server": "s", "principal": "ann", "tool": "t"}
    outcome = await house.warehouse.run(job("SELECT 42", principal=ANN, tag=tag), Kept())
    replica = House(place)
    try:
        for handles in (house.warehouse.handles, replica.warehouse.handles):
            for other in (WILL, BEE, Principal("ann/1", "ann")):
                asking = Asking(other, {**tag, "principal": other.name})
                with pytest.raises(ToolFailure) as caught:
                    await handles.standing(outcome.query_id, asking)
                assert caught.value.family is Family.MISSING_OBJECT
            standing = await handles.standing(outcome.query_id, Asking(ANN, tag))
            assert standing.state == "success"
    finally:
        await replica.warehouse.stop(5.0)


@async_test
async def test_a_refused_credential_is_the_trouble_of_its_callers_alone(place: Place) -> None:
    """The others go on, the server is ready, and /status says which connection pauses."""
    house = House(place, secret="wrong")
    try:
        for _ in range(3):
            refused = await house.refusal(BEE)
            assert refused.family is Family.AUTH
        assert (await house.rows(WHO, ANN))[0][1] == "READER"
        assert await house.warehouse.check() == (True, "Snowflake answered 0 s ago")
        assert (house.of("bee")["state"], house.of("bee")["paused"]) == ("paused", "auth")
        assert house.of("bee")["failed_logins"] == 1
        assert (house.of("main")["state"], house.of("main")["failed_logins"]) == ("ok", 0)
        house.secret.write_text("two")
        house.warehouse.retire_sessions()
        assert (await house.rows(WHO, BEE))[0][0] == "BEE"
    finally:
        await house.warehouse.stop(5.0)


@async_test
async def test_a_role_that_is_not_granted_pauses_that_role_alone(house: House) -> None:
    """The credential is right, so whoever has another role on the connection goes on."""
    refusals = [await house.refusal(OWEN) for _ in range(3)]
    for refused in refusals:
        assert (refused.family, refused.details["errno"]) == (Family.AUTH, 390189)
        assert "not the role" in refused.message
    # One that is raised again and again would keep the frames of every call.
    assert len({id(refused) for refused in refusals}) == 3
    assert house.of("main")["failed_logins"] == 1
    assert (await house.rows(WHO, WILL))[0][1] == "WRITER"
    assert house.of("main")["state"] == "ok"


@async_test
async def test_a_host_that_never_answers_holds_up_nobody_else(house: House) -> None:
    """Its logins have threads of their own."""
    stuck = [
        Deferred.fromCoroutine(house.rows("SELECT 1", Principal(f"mute/{n}", "mute")))
        for n in range(8)
    ]
    (row,) = await within(Deferred.fromCoroutine(house.rows(WHO, ANN)), 10)
    assert row[0] == "SERVICE"
    assert (house.of("mute")["logging_in"], house.of("mute")["state"]) == (1, "untried")
    for one in stuck:
        one.addErrback(lambda _: None)
        one.cancel()


@async_test
async def test_a_warm_session_is_only_for_the_servers_own_seat(house: House) -> None:
    """Whoever has another role or connection logs in; whoever has not adopts it."""
    await house.warehouse._sessions.warm_up()
    (will,) = await house.rows(WHO, WILL)
    (bee,) = await house.rows(WHO, BEE)
    assert house.of("main")["logins"] == 2
    (ann,) = await house.rows(WHO, ANN)
    assert house.of("main")["logins"] == 2
    assert (will[1], bee[1], ann[1]) == ("WRITER", "HIVE", "READER")


@async_test
async def test_the_catalog_is_kept_by_connection_and_role(house: House) -> None:
    """Two callers of one role share what was read; another role's is never shown to them."""
    catalog = Catalog(house.warehouse, clock)
    pool: Any = house.warehouse.snapshot()["pool"]
    assert pool["opened"] == 0
    for principal, opened in ((ANN, 1), (LOCAL, 1), (WILL, 2), (BEE, 3), (WILL, 3)):
        await catalog.databases(Asker(principal))
        pool = house.warehouse.snapshot()["pool"]
        assert pool["opened"] == opened, principal


@async_test
async def test_a_caller_whose_table_is_gone_is_refused(house: House, place: Place) -> None:
    """From the moment of the reload on, whatever sessions it had."""
    await house.rows("SELECT 1", WILL)
    path = place.folder / "config.toml"
    path.write_text(path.read_text().replace("[principals.will]", "[principals.wilma]"))
    house.profiles.take(load(Flags(config=str(path)), {}))
    refused, again = await house.refusal(WILL), await house.refusal(WILL)
    assert refused.family is Family.FORBIDDEN
    assert again is not refused
    assert (await house.rows(WHO, Principal("wilma", "wilma")))[0][1] == "WRITER"


@async_test
async def test_a_connection_may_go_while_its_login_is_under_way(house: House, place: Place) -> None:
    """Who waits for it is told when the login ends; nobody hears of it in /status any more."""
    caller = Principal("mute", "mute")
    stuck: Any = Deferred.fromCoroutine(house.rows("SELECT 1", caller))
    await house.rows("SELECT 1", BEE)
    await until(lambda: house.of("mute")["logging_in"], 5, "the login")
    path = place.folder / "config.toml"
    without = path.read_text().split("[connections.mute]")[0] + "[principals.bee]\nconnection='bee'"
    path.write_text(without)
    config = load(Flags(config=str(path)), {})
    house.accounts.take(config.connections)
    house.profiles.take(config)
    house.warehouse.retire_sessions()
    assert list(house.warehouse.part("connections")) == ["main", "bee"]
    assert house.warehouse.part("pool")["logins"] == 1
    assert (await house.refusal(caller)).family is Family.FORBIDDEN
    assert (await house.rows(WHO, BEE))[0][0] == "BEE"
    stuck.addErrback(lambda _: None)
    stuck.cancel()


def test_a_role_that_is_no_name_is_told_at_the_start(place: Place) -> None:
    """By its table, before anybody calls."""
    with pytest.raises(ValueError, match=r"principals\.will: role or warehouse: a name begins"):
        House(place, CONFIG.replace('"writer"', "'\"open'"))


def test_a_seat_is_made_once_and_anew_for_other_settings() -> None:
    """Those of the caller's table as well as those of the connection."""

    def config(role: str, user: str) -> Config:
        parameters = MappingProxyType({"user": user})
        own = ConnectionSettings("main", Backend.SNOWFLAKE, parameters)
        tables = {"ann": PrincipalSettings("ann", role=role)}
        return Config(own, principals=tables, connections={"main": own})

    first, other_role, other_user = config("a", "x"), config("b", "x"), config("b", "y")
    profiles = Profiles(first)
    accounts, caller = Accounts.configured(first, profiles, None), Principal("ann", "ann")
    seat = accounts.seat(caller)
    assert (seat.role, accounts.seat(caller) is seat) == ("A", True)
    profiles.take(other_role)
    assert accounts.seat(caller).role == "B"
    accounts.take(other_user.connections)
    assert accounts.seat(caller).settings.parameters["user"] == "y"
