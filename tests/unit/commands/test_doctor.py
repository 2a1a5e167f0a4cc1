"""The doctor finds what is wrong, names it, and says what to do; what is well it says, too."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snowflake_mcp.cli import main
from snowflake_mcp.commands.doctor import examine
from snowflake_mcp.commands.findings import Finding
from snowflake_mcp.commands.reach import Address, address_of_account, reach
from snowflake_mcp.config.load import Flags, load
from tests.support import keys
from tests.support.server import free_port
from tests.support.simulator import Endpoint, simulating


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An account with the sample data."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


def written(folder: Path, port: int, text: str = "", *, mode: int = 0o600) -> Path:
    """A configuration whose account answers at a port of this host."""
    file = folder / "c.toml"
    file.write_text(
        f"""
[http]
endpoints = ["{free_port()}"]
[connections.main]
account = "test"
user = "TESTER"
password = "secret-word"
host = "127.0.0.1"
port = {port}
protocol = "http"
{text}
"""
    )
    file.chmod(mode)
    return file


def findings(file: Path) -> dict[str, Finding]:
    """What the doctor says of a configuration, by what it is about."""
    found = list(examine(load(Flags(config=str(file)), {}), str(file)))
    assert not any("secret-word" in f"{each.detail}{each.remedy}" for each in found)
    return {each.about: each for each in found}


def test_a_server_that_will_work(tmp_path: Path, account: Endpoint) -> None:
    """Every step is told, down to the grants of the role."""
    found = findings(written(tmp_path, account.port, 'database = "DEMO"\nwarehouse = "DEMO_WH"'))
    steps = ["configuration", "file", "listen", "name", "port", "certificate", "clock", "login"]
    around = ["role", "warehouse", "database", "schema", "databases", "grants", "not checked"]
    assert list(found) == [*steps, *around]
    assert {each.verdict for each in found.values()} <= {"ok", "skip", "warn"}
    assert found["database"] == Finding("database", "ok", "DEMO")
    assert found["clock"].verdict == "ok"
    assert "TESTER" in found["login"].detail


def test_a_name_that_the_session_does_not_have(tmp_path: Path, account: Endpoint) -> None:
    """With the grant that is missing."""
    found = findings(written(tmp_path, account.port, 'database = "NOWHERE"'))
    failed = [each for each in found.values() if each.verdict == "fail"]
    assert [each.about for each in failed] in (["database"], ["login"])
    assert failed[0].remedy


def test_files_that_others_may_read(tmp_path: Path, account: Endpoint) -> None:
    """Named with the command that mends it."""
    found = findings(written(tmp_path, account.port, mode=0o644))
    assert found["file"].verdict == "warn"
    assert "644" in found["file"].detail
    assert "chmod 600" in found["file"].remedy


def test_a_port_that_is_taken(tmp_path: Path, account: Endpoint) -> None:
    """By something else: by whom is easily seen."""
    file = written(tmp_path, account.port)
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        other.close()
        with closing(socket.create_server(("127.0.0.1", port))):
            text = file.read_text()
            start = text.index("endpoints")
            line = text[start : text.index("\n", start)]
            file.write_text(text.replace(line, f'endpoints = ["{port}"]'))
            found = findings(file)
    assert found["listen"].verdict == "fail"
    assert f"sport = :{port}" in found["listen"].remedy


def test_nobody_answers(tmp_path: Path) -> None:
    """Then nothing is logged in to."""
    found = findings(written(tmp_path, free_port()))
    assert found["port"].verdict == "fail"
    assert list(found)[-1] == "port"


def test_a_refused_login(tmp_path: Path) -> None:
    """With what Snowflake said and what may be done."""
    with simulating(tmp_path, "--faults") as endpoint:
        do = {"code": "390100", "message": "Incorrect username or password was specified."}
        endpoint.fault("login", do)
        found = findings(written(tmp_path, endpoint.port))
    assert found["login"].verdict == "fail"
    assert found["login"].remedy
    assert list(found)[-2:] == ["login", "not checked"]


def test_a_name_that_nobody_knows() -> None:
    """The first step that fails is the last one."""
    (found,) = reach(Address("nobody.invalid", 443, tls=True))
    assert (found.about, found.verdict) == ("name", "fail")


def test_clocks_that_differ(account: Endpoint) -> None:
    """Told with by how much."""
    later = datetime.now(UTC) + timedelta(minutes=5)
    found = list(reach(Address("127.0.0.1", account.port, tls=False), later))[-1]
    assert (found.about, found.verdict) == ("clock", "fail")
    apart_s = int(found.detail.partition(" ")[0])
    assert 295 <= apart_s <= 310


def test_a_certificate_that_nobody_here_trusts(tmp_path: Path) -> None:
    """As of a proxy that opens TLS, or of something else at the address."""
    with untrusted(tmp_path) as port:
        found = list(reach(Address("localhost", port, tls=True)))
    assert [each.verdict for each in found] == ["ok", "ok", "fail"]
    assert "CA" in found[-1].remedy


@contextmanager
def untrusted(folder: Path) -> Iterator[int]:
    """A TLS endpoint whose certificate it made itself."""
    files = keys.self_signed(folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = server.accept()
        with closing(caller), pytest.raises(ssl.SSLError):
            context.wrap_socket(caller, server_side=True)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        thread.join(10)
        server.close()


@pytest.mark.parametrize(
    ("parameters", "address"),
    [
        ({"account": "org-acc"}, Address("org-acc.snowflakecomputing.com", 443, tls=True)),
        (
            {"account": "x.cn-northwest-1"},
            Address("x.cn-northwest-1.snowflakecomputing.cn", 443, tls=True),
        ),
        (
            {"account": "a", "host": "h", "port": "8080", "protocol": "http"},
            Address("h", 8080, tls=False),
        ),
        ({"account": "a", "proxy_host": "p"}, None),
    ],
)
def test_where_an_account_answers(parameters: dict[str, object], address: Address | None) -> None:
    """As both connectors go there."""
    assert address_of_account(parameters) == address


def test_the_demo_needs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 0 and says that there is no account to look at."""
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--demo", "--port", str(free_port())])
    assert ended.value.code == 0
    assert "no account" in capsys.readouterr().out


def test_the_command_fails_where_a_step_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a script can ask."""
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--config", str(written(tmp_path, free_port()))])
    assert ended.value.code == 1
    shown = capsys.readouterr().out
    assert "fail  port" in shown
    assert shown.endswith("something is wrong\n")


def test_every_role_that_somebody_may_have_is_tried(tmp_path: Path) -> None:
    """By a login each; one that the user does not have is named with its grant."""
    logins = tmp_path / "logins.toml"
    logins.write_text('[users.TESTER]\npassword = "secret-word"\nroles = ["READER", "FINANCE"]\n')
    text = """role = "READER"
[policy]
allow_roles = ["finance", "READER"]
[principals.ann]
role = "NOT_MINE"
"""
    with simulating(tmp_path, "--logins", str(logins)) as endpoint:
        file = written(tmp_path, endpoint.port, text)
        found = list(examine(load(Flags(config=str(file)), {}), str(file)))
    others = [each for each in found if each.about == "other role"]
    assert [(each.verdict, each.detail.partition(" ")[0]) for each in others] == [
        ("ok", "FINANCE"),
        ("fail", "NOT_MINE:"),
    ]
    assert "GRANT ROLE NOT_MINE TO USER TESTER" in others[1].remedy
