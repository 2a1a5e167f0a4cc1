"""A headless Chromium, driven over its debugging pipe: no library, no port."""

import base64
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.server import clean_environ

__all__ = ["Page", "browsing"]

_ANSWER_S = 30.0
_STEP_S = 0.05
_AS_3_AND_4 = """
import fcntl, os, sys
ours = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for wanted, had in zip((3, 4), ours):
    os.dup2(had, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser takes its commands from descriptor 3 and answers on 4."""


class Page:
    """One tab; events that nobody waited for are kept in ``events``."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._received = b""
        self._last = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        made = self.ask("Target.createTarget", url="about:blank")
        attached = self.ask("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol and its result."""
        asked = self._send(method, params)
        until = time.monotonic() + _ANSWER_S
        while time.monotonic() < until:
            answer = self._next(until - time.monotonic())
            if answer.get("id") == asked:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self._happened(answer)
        raise AssertionError(f"no answer to {method}")

    def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'", 20, f"{url} is loaded")

    def look(self, expression: str) -> Any:
        """The value of an expression in the page; its exception fails the test."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """What an element shows."""
        return str(self.look(f"document.querySelector({json.dumps(selector)}).innerText"))

    def wait(self, expression: str, within_s: float, what: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + within_s
        while not self.look(f"Boolean({expression})"):
            assert time.monotonic() < until, f"not within {within_s} s: {what}"
            # A page has no clock that a test could turn.
            time.sleep(_STEP_S)  # noqa: TID251 - a program of its own is waited for

    def press(self, key: str, code: int) -> None:
        """A key of the keyboard, down and up."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.ask(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **(text if kind == "keyDown" else {}),
            )

    def write(self, text: str) -> None:
        """Text into what has the focus."""
        self.ask("Input.insertText", text=text)

    def happened(self, method: str) -> list[dict[str, Any]]:
        """The params of the events of a kind since the page was opened."""
        return [event["params"] for event in self.events if event["method"] == method]

    def picture(self, file: Path) -> None:
        """The whole page as PNG."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _happened(self, event: dict[str, Any]) -> None:
        if "method" in event:
            self.events.append(event)
        if event.get("method") == "Page.javascriptDialogOpening":
            # Nothing else is answered while a question stands open.
            self._send("Page.handleJavaScriptDialog", {"accept": True})

    def _send(self, method: str, params: dict[str, Any]) -> int:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        return self._last

    def _next(self, within_s: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._reading, selectors.EVENT_READ)
            until = time.monotonic() + within_s
            while b"\0" not in self._received:
                assert selector.select(max(0.0, until - time.monotonic())), "the browser is silent"
                data = os.read(self._reading, 1 << 20)
                assert data, "the browser has ended"
                self._received += data
        message, _, self._received = self._received.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded


@contextmanager
def browsing(folder: Path, width: int = 1200, height: int = 900) -> Iterator[Page]:
    """A tab of a browser of its own, which is gone afterwards."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, "this test needs chromium (apt-get install chromium)"
    to_browser, writing = os.pipe()
    reading, from_browser = os.pipe()
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--remote-debugging-pipe",
        f"--window-size={width},{height}",
        f"--user-data-dir={folder / 'profile'}",
    ]
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _AS_3_AND_4,
                str(to_browser),
                str(from_browser),
                program,
                *options,
            ],
            env=clean_environ(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(to_browser, from_browser),
            start_new_session=True,
        )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(reading, writing)
    finally:
        os.close(writing)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        os.close(reading)
