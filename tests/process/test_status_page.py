"""The status page in a real browser, before a real server with a statement that runs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import Page, browsing
from tests.support.server import Reply, Server, run_command, serving
from tests.support.simulator import simulating

pytestmark = [pytest.mark.process, pytest.mark.full, pytest.mark.timeout(180)]

CONFIG = """
[principals.local]
admin = true
"""
WITH_TOKENS = """
[auth]
token_file = "{tokens}"
[principals.ops]
preset = "admin"
[principals.ana]
preset = "reader"
"""
SLOW = "SELECT SYSTEM$WAIT(60)"
NO_SOCKETS = "window.WebSocket = function () { throw new Error('no'); };"
TAB, ENTER = ("Tab", 9), ("Enter", 13)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that lets statements wait, with an operator on this host."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "config.toml").write_text(CONFIG)
    settings = {
        "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
        "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "0",
    }
    with simulating(folder) as account:
        environ = {**account.environ, **settings}
        options = ("--no-demo", "--config", str(folder / "config.toml"))
        with serving(folder, *options, environ=environ) as started:
            yield started


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A tab."""
    with browsing(tmp_path) as opened:
        yield opened


@contextmanager
def running(server: Server) -> Iterator[list[Reply]]:
    """A slow statement; the list has its answer at the end."""
    replies: list[Reply] = []

    def call() -> None:
        replies.append(server.call("execute_query", {"query": SLOW}, within_s=90.0))

    thread = threading.Thread(target=call)
    thread.start()
    yield replies
    thread.join(30)


def shown(page: Page, server: Server) -> None:
    page.open(f"http://127.0.0.1:{server.port}/ui")
    page.wait("!document.getElementById('board').hidden", 15, "the board is shown")


def complaints(page: Page) -> list[Any]:
    """Errors, exceptions and violations of the page's policy."""
    logged = [event["entry"] for event in page.happened("Log.entryAdded")]
    told = [
        event for event in page.happened("Runtime.consoleAPICalled") if event["type"] == "error"
    ]
    return [*logged, *told, *page.happened("Runtime.exceptionThrown")]


def test_an_operator_stops_a_statement_by_keyboard(server: Server, page: Page) -> None:
    """Live, with its time; after Enter it is gone, its caller knows why, and a reader hears it."""
    with running(server) as replies:
        shown(page, server)
        page.wait("document.getElementById('feed').innerText === 'live'", 15, "it is live")
        page.wait("document.querySelector('#statements tr button')", 15, "the statement")
        assert "execute_query" in page.text("#statements")
        elapsed = "parseFloat(document.querySelector('#statements .number').innerText)"
        first = page.look(elapsed)
        page.wait(f"{elapsed} > {first}", 15, "its time goes on")
        for _ in range(20):
            page.press(*TAB)
            label = page.look("document.activeElement.getAttribute('aria-label')")
            if label == "Cancel execute_query of local":
                break
        else:
            raise AssertionError("Tab does not lead to the button")
        page.press(*ENTER)
        page.wait("!document.querySelector('#statements tr')", 15, "the statement is gone")
        assert page.text("#said") == "Cancel execute_query of local: done."
        assert page.look("document.activeElement.id") == "main"
    (reply,) = replies
    assert reply.status == 409
    error = reply.json()["error"]
    assert "An operator of the server stopped the statement." in error["message"]
    assert error["details"]["aborted"] is True
    (asked,) = page.happened("Page.javascriptDialogOpening")
    assert "abort its statement" in asked["message"]
    assert complaints(page) == []


def test_it_loads_nothing_else(server: Server, page: Page) -> None:
    """Every request goes to this server, no ticket or token is in a URL."""
    shown(page, server)
    page.wait("document.getElementById('feed').innerText === 'live'", 15, "it is live")
    urls = [event["request"]["url"] for event in page.happened("Network.requestWillBeSent")]
    urls += [event["url"] for event in page.happened("Network.webSocketCreated")]
    base = f"127.0.0.1:{server.port}"
    paths = {url.partition(base)[2] for url in urls if not url.startswith("data:")}
    assert paths == {"/ui", "/admin/overview", "/admin/ticket", "/admin/live"}
    assert all(url.startswith(("data:", f"http://{base}/", f"ws://{base}/")) for url in urls)
    ticket = page.look(
        "fetch('/admin/ticket', {method: 'POST', body: '{}',"
        " headers: {'Content-Type': 'application/json'}}).then((a) => a.json())"
    )
    assert ticket["ticket"] not in server.log_text
    assert complaints(page) == []


def test_without_websockets_it_asks(server: Server, page: Page) -> None:
    """The fall-back says so, and shows what is new."""
    page.ask("Page.addScriptToEvaluateOnNewDocument", source=NO_SOCKETS)
    shown(page, server)
    page.wait("document.getElementById('feed').innerText.startsWith('asking')", 15, "it polls")
    assert page.text("#statements-none") == "Nothing runs."
    assert server.call("execute_query", {"query": "DROP TABLE x"}).status == 403
    page.wait("document.getElementById('refusals').innerText.includes('not-a-read')", 15, "news")
    assert complaints(page) == []


def test_screen_readers_and_eyes(server: Server, page: Page, tmp_path: Path) -> None:
    """Everything that can be used has a name; the dark theme is dark, and text stands out."""
    shown(page, server)
    page.wait("document.querySelector('#sessions tr button')", 15, "this page's own connection")
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    roles = {node["role"]["value"] for node in nodes if "role" in node}
    assert {"main", "heading", "table", "columnheader", "status", "image", "button"} <= roles
    for node in nodes:
        if node.get("role", {}).get("value") in {"button", "image", "table", "textbox", "link"}:
            assert node["name"]["value"], node
    for scheme, dark in (("light", False), ("dark", True)):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.ask("Emulation.setEmulatedMedia", features=features)
        style = "getComputedStyle(document.body)"
        back, text = (
            brightness(page.look(f"{style}.{name}")) for name in ("backgroundColor", "color")
        )
        assert (back < text) is dark
        assert abs(back - text) > 150
    page.picture(tmp_path / "dark.png")
    assert (tmp_path / "dark.png").stat().st_size > 10_000


def brightness(colour: str) -> float:
    parts = [float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    return sum(parts) / 3


def test_a_token_is_asked_for_and_kept_in_this_tab(tmp_path: Path) -> None:
    """Nothing is shown without it; it is in no URL, outlives a reload and ends when told to."""
    tokens = {name: made_token(tmp_path, name) for name in ("ops", "ana")}
    (tmp_path / "config.toml").write_text(WITH_TOKENS.format(tokens=tmp_path / "tokens.toml"))
    options = ("--demo", "--config", str(tmp_path / "config.toml"))
    with serving(tmp_path, *options) as server, browsing(tmp_path) as page:
        page.open(f"http://127.0.0.1:{server.port}/ui")
        page.wait("!document.getElementById('door').hidden", 15, "a token is asked for")
        assert page.look("document.activeElement.id") == "token"
        assert page.look("document.getElementById('board').hidden") is True
        page.write(tokens["ana"])
        page.press(*ENTER)
        denied = "This token does not have the right admin."
        page.wait(f"document.getElementById('said').innerText === '{denied}'", 15, "it says why")
        page.write(tokens["ops"])
        page.press(*ENTER)
        page.wait("document.getElementById('feed').innerText === 'live'", 15, "it is live")
        page.wait("document.querySelector('#sessions tr button')", 15, "its own connection")
        assert "ops" in page.text("#sessions")
        page.open(f"http://127.0.0.1:{server.port}/ui")
        page.wait("document.getElementById('feed').innerText === 'live'", 15, "after a reload")
        urls = [event["request"]["url"] for event in page.happened("Network.requestWillBeSent")]
        urls += [event["url"] for event in page.happened("Network.webSocketCreated")]
        for token in tokens.values():
            assert token not in str(urls) + server.log_text + page.look("document.cookie")
        assert page.look("localStorage.length") == 0
        page.look("document.getElementById('forget').click()")
        page.wait("!document.getElementById('door').hidden", 15, "the door is shut")
        assert page.look("sessionStorage.length") == 0


def made_token(folder: Path, principal: str) -> str:
    (folder / "tokens.toml").touch(mode=0o600)
    config = folder / f"{principal}.toml"
    config.write_text(WITH_TOKENS.format(tokens=folder / "tokens.toml"))
    done = run_command(
        folder, "token", "new", "--demo", "--config", str(config), "--principal", principal
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_server_goes_and_comes(server: Server, page: Page) -> None:
    """A page that loses its server says so, and goes on by itself when it is back."""
    shown(page, server)
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.wait("document.getElementById('feed').innerText === 'live'", 15, "it is live")
    page.ask("Network.emulateNetworkConditions", offline=True, **offline)
    session = json.loads(server.request("GET", "/admin/sessions").body)["sessions"][-1]
    server.request("POST", "/admin/sessions/end", {"session": session["id"]})
    page.wait("document.getElementById('state').innerText === 'unreachable'", 20, "it says so")
    page.ask("Network.emulateNetworkConditions", offline=False, **offline)
    page.wait("document.getElementById('state').innerText === 'ready'", 20, "it is back")
