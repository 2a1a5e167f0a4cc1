"""What the units promise, one step after the other; each says what was seen, or fails."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.booted.asking import answered, ask, call, query, under_load
from tests.booted.container import SOURCES, Container
from tests.support.processes import until

__all__ = ["STEPS", "Step"]

Step = Callable[[Container], str]

_SERVICE: Final = "snowflake-mcp.service"
_SOCKET: Final = "snowflake-mcp.socket"
_INSTALL: Final = f"{SOURCES}/scripts/install.sh"
_PYTHON: Final = "/opt/snowflake-mcp/venv/bin/python"
_CONFIG: Final = "/etc/snowflake-mcp/config.toml"
_DROP_IN: Final = "/run/systemd/system/snowflake-mcp.service.d/booted.conf"
_ENDPOINT_PORT: Final = 9555
_INSTALL_S: Final = 600.0
_READY_S: Final = 30.0
_GIVES_UP_S: Final = 120.0
_WATCHED_S: Final = 5
_MAX_EXPOSURE: Final = 1.5
_CONNECTION: Final = f"""
[connections.prod]
account = "local"
user = "tester"
host = "127.0.0.1"
port = {_ENDPOINT_PORT}
protocol = "http"
database = "DEMO"
schema = "SALES"
warehouse = "DEMO_WH"
role = "DEMO_ROLE"

[policy]
hourly_statements = 1000000
"""
_CHART: Final = {
    "kind": "bar",
    "query": "SELECT channel, COUNT(*) AS n FROM demo.sales.orders GROUP BY 1",
}


def _ready() -> None:
    until(lambda: answered("/health/ready"), _READY_S, "the server is ready")


def _main_pid(container: Container) -> str:
    return container.property("MainPID", _SERVICE)


def _journal(container: Container, *options: str) -> str:
    return container.done(
        "journalctl", "--no-pager", "--output=cat", f"--unit={_SERVICE}", *options
    )


def _settings(container: Container, text: str) -> None:
    container.path(_CONFIG).write_text(text)


def install(container: Container) -> str:
    """From nothing to a query that is answered."""
    began = time.monotonic()
    container.done("sh", _INSTALL, "--demo", within_s=_INSTALL_S)
    _ready()
    query()
    return f"{time.monotonic() - began:.0f} s to an answered query"


def repeat(container: Container) -> str:
    """A second time changes nothing and restarts nothing."""
    before = _main_pid(container)
    said = container.done("sh", _INSTALL, "--demo", within_s=_INSTALL_S)
    copied = [line for line in said.splitlines() if line.startswith("+ install")]
    assert not copied, copied
    assert _main_pid(container) == before
    return "no file replaced, the same process"


def verify(container: Container) -> str:
    """Nothing is wrong with them for systemd, and little that the service may do."""
    files = [f"/etc/systemd/system/{unit}" for unit in (_SERVICE, _SOCKET)]
    checked = container.run("systemd-analyze", "verify", "--recursive-errors=yes", *files)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), checked
    told = container.run("systemd-analyze", "security", "--no-pager", _SERVICE).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert found is not None, told[-500:]
    exposure = float(found[1])
    assert exposure <= _MAX_EXPOSURE, exposure
    enabled = container.done("systemctl", "is-enabled", _SERVICE, _SOCKET).split()
    assert enabled == ["enabled", "enabled"]
    return f"`verify` says nothing, exposure {exposure}, service and socket enabled"


def configure(container: Container) -> str:
    """From the demo to an account, which is a process that outlives the server."""
    container.done(
        *("systemd-run", "--unit=endpoint", "--quiet", "--working-directory=/tmp", _PYTHON),
        *("-m", "snowflake_mcp.simulator", "--port", str(_ENDPOINT_PORT), "--sample", "--stay"),
    )
    _settings(container, _CONNECTION)
    container.path("/etc/snowflake-mcp/environment").write_text("SNOWFLAKE_PASSWORD=any\n")
    container.done("rm", "/etc/systemd/system/snowflake-mcp.service.d/demo.conf")
    container.done("systemctl", "daemon-reload")
    container.done("systemctl", "restart", _SERVICE)
    _ready()
    query()
    return "ready, a query answered"


def chart(_: Container) -> str:
    """The picture of a result, drawn in a child under the unit's filters."""
    pictures = [each for each in call("chart_query", _CHART)["content"] if each["type"] == "image"]
    assert pictures, "no picture"
    return f"a PNG of {len(pictures[0]['data']) * 3 // 4:,} bytes"


def by_socket(container: Container) -> str:
    """The first connection starts the service."""
    container.done("systemctl", "stop", _SERVICE)
    assert container.property("Result", _SERVICE) == "success"
    began = time.monotonic()
    status, _ = ask("GET", "/health")
    assert status == 200
    return f"answered after {time.monotonic() - began:.1f} s"


def restart(container: Container) -> str:
    """A restart while four clients ask on new connections."""
    _ready()
    with under_load(4) as load:
        time.sleep(1)  # noqa: TID251 - the load has to be under way; a container has no clock to turn
        began = time.monotonic()
        container.done("systemctl", "restart", _SERVICE)
        took_s = time.monotonic() - began
        _ready()
    assert not load.bad, load.bad[:3]
    assert load.good
    return f"{took_s:.1f} s; {load}"


def watchdog(container: Container) -> str:
    """A process that no longer turns is replaced; the interval is made short for that."""
    with _drop_in(container, "WatchdogSec=2"):
        _ready()
        before = _main_pid(container)
        began = time.monotonic()
        _signal(container, signal.SIGSTOP)
        until(lambda: _main_pid(container) not in (before, "0"), _READY_S, "a new process")
        _ready()
        took_s = time.monotonic() - began
    assert "Watchdog timeout" in _journal(container)
    return f"`Watchdog timeout` in the journal, ready again after {took_s:.1f} s"


def killed(container: Container) -> str:
    """SIGKILL: the socket keeps the next request until there is a new process."""
    _ready()
    _signal(container, signal.SIGKILL)
    began = time.monotonic()
    status, _ = ask("GET", "/health")
    assert status == 200
    took_s = time.monotonic() - began
    _ready()
    return f"the next request was answered after {took_s:.1f} s"


def reload(container: Container) -> str:
    """A reload under load: a setting that counts, then a file that is refused."""
    before = _main_pid(container)
    with under_load(4) as load:
        _settings(container, _CONNECTION + "\n[limits]\nmax_rows = 7\ndefault_rows = 7\n")
        container.done("systemctl", "reload", _SERVICE)
        told = "reload: applied: limits"
        until(lambda: told in _journal(container), _READY_S, "the change is told")
        time.sleep(1)  # noqa: TID251 - queries under the new setting
        _settings(container, _CONNECTION + "\n[limits]\nmax_rows = 'many'\n")
        container.run("systemctl", "reload", _SERVICE)
        told_no = "reload refused, nothing is changed"
        until(lambda: told_no in _journal(container), _READY_S, "the refusal is told")
        time.sleep(1)  # noqa: TID251 - and after the refusal
    _settings(container, _CONNECTION)
    container.done("systemctl", "reload", _SERVICE)
    assert not load.bad, load.bad[:3]
    assert _main_pid(container) == before
    return f"the same process, the bad file refused; {load}"


def journal(container: Container) -> str:
    """Every line of the running server is an object with the fields that are promised."""
    lines = _journal(container, "--identifier=snowflake-mcp").splitlines()
    found: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    others = [line for line in lines if not line.startswith("{")]
    assert found
    assert all({"time", "level", "logger", "message"} <= each.keys() for each in found)
    assert "SELECT" not in "".join(lines), "a statement in the journal"
    return f"{len(found)} lines of JSON, {len(others)} others, no text of a statement"


def hopeless(container: Container) -> str:
    """A configuration that cannot work is not tried for ever (F-26)."""
    container.run("systemctl", "reset-failed", _SERVICE, _SOCKET)
    _settings(container, _CONNECTION + "\n[limits]\nmax_rows = 'many'\n")
    began = time.monotonic()
    container.run("systemctl", "restart", _SERVICE)
    failed = "systemctl is-failed --quiet " + _SERVICE
    until(
        lambda: container.run("sh", "-c", failed).returncode == 0 and _gave_up(container),
        _GIVES_UP_S,
        "systemd gives up",
    )
    took_s = time.monotonic() - began
    starts = container.property("NRestarts", _SERVICE)
    time.sleep(_WATCHED_S)  # noqa: TID251 - that nothing more happens takes time to see
    assert container.property("NRestarts", _SERVICE) == starts
    assert "max_rows" in _journal(container)
    _settings(container, _CONNECTION)
    container.run("systemctl", "reset-failed", _SERVICE, _SOCKET)
    container.done("systemctl", "start", _SOCKET, _SERVICE)
    _ready()
    query()
    return (
        f"given up after {took_s:.0f} s and {starts} restarts, the reason in the journal; "
        "serves again after `reset-failed`"
    )


def uninstall(container: Container) -> str:
    """Nothing is left."""
    container.done("systemctl", "stop", "endpoint.service")
    container.done("sh", _INSTALL, "--uninstall", "--purge", within_s=_INSTALL_S)
    places = "/etc /opt /run/systemd/system /var/cache /var/lib /var/log"
    left = container.run("sh", "-c", f"find {places} -name '*snowflake*mcp*' | head").stdout.strip()
    assert not left, left
    assert container.run("id", "snowflake-mcp").returncode != 0
    return "no file, folder or user left"


def _gave_up(container: Container) -> bool:
    return "Start request repeated too quickly" in _journal(container)


def _signal(container: Container, number: signal.Signals) -> None:
    container.done("systemctl", "kill", f"--signal={number.name}", "--kill-whom=main", _SERVICE)


@contextmanager
def _drop_in(container: Container, line: str) -> Iterator[None]:
    """A line of ``[Service]`` inside ``with``, the service restarted at both ends."""
    file = f"mkdir -p $(dirname {_DROP_IN}); printf '[Service]\\n{line}\\n' > {_DROP_IN}"
    for command in (file, f"rm -r $(dirname {_DROP_IN})"):
        container.done("sh", "-c", command)
        container.done("systemctl", "daemon-reload")
        container.done("systemctl", "restart", _SERVICE)
        if command is file:
            yield


STEPS: Final[tuple[tuple[str, Step], ...]] = (
    ("`scripts/install.sh --demo` on a bare Debian 12", install),
    ("the same once more", repeat),
    ("what systemd says of the units", verify),
    ("an account instead of the demo", configure),
    ("a chart, drawn under the unit", chart),
    ("first request to the socket alone", by_socket),
    ("`systemctl restart` with 4 clients querying on new connections", restart),
    ("SIGSTOP with `WatchdogSec=2`", watchdog),
    ("SIGKILL", killed),
    ("`systemctl reload`, a good file and a bad one, with 4 clients querying", reload),
    ("the journal", journal),
    ("a configuration that cannot work (F-26)", hopeless),
    ("`scripts/install.sh --uninstall --purge`", uninstall),
)
"""In their order: each builds on those before it."""
