"""The units in systemd/ fit the program: options, limits, names, and each other."""

import shlex
from pathlib import Path

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.python.reflect import namedAny
from twisted.scripts._twistd_unix import ServerOptions

from snowflake_mcp.app import network_services
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.tap import Options

UNITS = Path(__file__).resolve().parents[3] / "systemd"
SERVICES = ["snowflake-mcp.service", "snowflake-mcp@.service"]
SOCKETS = ["snowflake-mcp.socket", "snowflake-mcp@.socket"]


def unit(name: str) -> dict[str, list[str]]:
    """The assignments of a unit; a key may come more than once."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def command(name: str) -> tuple[list[str], list[str]]:
    """The options of twistd, and ours."""
    (line,) = unit(name)["ExecStart"]
    words = shlex.split(line)
    split = words.index("snowflake-mcp")
    return words[1:split], words[split + 1 :]


def flags(words: list[str]) -> set[str]:
    return {word.lstrip("-").partition("=")[0] for word in words if word.startswith("-")}


@pytest.mark.parametrize("name", SERVICES)
def test_every_flag_exists(name: str) -> None:
    """Of twistd before the name of the plugin, of ours behind it."""
    theirs, ours = command(name)
    known = ServerOptions()
    assert flags(theirs) <= {option.rstrip("=") for option in known.longOpt} | set(known.shortOpt)
    assert flags(ours) <= {option.rstrip("=") for option in Options().longOpt}
    assert "--pidfile=" in theirs
    assert "--no-demo" in ours


@pytest.mark.parametrize("name", SERVICES)
def test_the_logger_exists(name: str) -> None:
    """Twistd would fail at the start."""
    (logger,) = [word.partition("=")[2] for word in command(name)[0] if "--logger=" in word]
    assert callable(namedAny(logger))


@pytest.mark.parametrize("name", SERVICES)
def test_the_limits_fit(name: str) -> None:
    """Systemd kills no drain, and gives up on a server that fails slowly at every start, too."""
    account = {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "p"}
    services = network_services(load(Flags(), account), MemoryReactorClock())
    assert float(unit(name)["TimeoutStopSec"][0]) > services.stop_within_s + 5
    assert float(unit(name)["WatchdogSec"][0]) >= 10
    interval, burst, attempt, pause = (
        float(unit(name)[key][0])
        for key in ("StartLimitIntervalSec", "StartLimitBurst", "TimeoutStartSec", "RestartSec")
    )
    assert interval > burst * (attempt + pause)


@pytest.mark.parametrize("name", SERVICES)
def test_snowflake_stays_reachable(name: str) -> None:
    """Hardening does not cut the network off."""
    assert not [key for key in unit(name) if key.startswith(("IPAddress", "PrivateNetwork"))]
    assert {"AF_INET", "AF_INET6"} <= set(unit(name)["RestrictAddressFamilies"][0].split())


@pytest.mark.parametrize("name", SERVICES)
def test_hardening_leaves_tls_its_callbacks(name: str) -> None:
    """Those of pyOpenSSL need memory that is written and executed, or nothing with TLS starts."""
    assert "MemoryDenyWriteExecute" not in unit(name)


@pytest.mark.parametrize("name", SOCKETS)
def test_the_socket_has_the_name_that_the_service_takes(name: str) -> None:
    """And the family: an address of IPv4."""
    (descriptor,) = unit(name)["FileDescriptorName"]
    (stream,) = unit(name)["ListenStream"]
    assert stream.count(".") == 3
    ours = command(name.replace(".socket", ".service"))[1]
    assert ours[ours.index("--port") + 1] == f"systemd:domain=INET:name={descriptor}"


def test_instances_share_the_port_and_differ_in_nothing_else() -> None:
    """The template is the service once more, so that neither is forgotten."""
    one, many = ((UNITS / name).read_text() for name in SERVICES)
    many = many.replace("snowflake-mcp@%i.socket", "snowflake-mcp.socket")
    assert many.replace("-%i", "").replace(", instance %i", "") == one
    assert unit("snowflake-mcp@.socket")["ReusePort"] == ["yes"]
    assert "ReusePort" not in unit("snowflake-mcp.socket")


def test_the_user_and_the_folders() -> None:
    """What the units use is what sysusers and tmpfiles make."""
    users = (UNITS / "sysusers.d" / "snowflake-mcp.conf").read_text().split()
    folders = (UNITS / "tmpfiles.d" / "snowflake-mcp.conf").read_text()
    assert [users[1]] == unit(SERVICES[0])["User"] == unit(SERVICES[0])["Group"]
    assert "d /etc/snowflake-mcp 0750 root snowflake-mcp -" in folders
