"""Documents over the network: bounded in bytes and in time, and every failure told."""

# mypy: allow-untyped-decorators

from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from snowflake_mcp.auth.agent import MAX_DOCUMENT_BYTES
from snowflake_mcp.auth.keys import KeysUnusableError
from snowflake_mcp.auth.provider import fetching
from tests.support.server import free_port


class Canned(Protocol):
    """Answers whatever is asked with the same bytes."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        self.factory.asked.append(data)
        self.transport.write(self.factory.answer)  # type: ignore[union-attr]  # it is connected
        if self.factory.closes:
            self.transport.loseConnection()  # type: ignore[union-attr]  # likewise


class Place(Factory):
    """An HTTP server of one answer."""

    protocol = Canned

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer = b""
        self.closes = True
        self.url = ""


@pytest.fixture
def place() -> Iterator[Place]:
    """Listening on loopback."""
    made = Place()
    listening: Any = reactor
    port = listening.listenTCP(0, made, interface="127.0.0.1")
    made.url = f"http://127.0.0.1:{port.getHost().port}/keys"
    yield made
    port.stopListening()


async def fetched(url: str, within_s: float = 5.0) -> bytes:
    """What the product's own way gives."""
    return await fetching(reactor)(url, within_s)


@pytest_twisted.ensureDeferred
async def test_a_document_is_read(place: Place) -> None:
    """Without a word of who asks."""
    place.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    assert await fetched(place.url) == b"{}"
    assert b"Accept: application/json" in place.asked[0]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "answers 302"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nabc", "answers 500"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_DOCUMENT_BYTES + 1),
            "larger than",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_DOCUMENT_BYTES + 1), "larger than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "broke in the middle"),
        (b"nonsense\r\n\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_answers_that_are_no_document(place: Place, answer: bytes, why: str) -> None:
    """Redirects are not followed, and nothing larger than a bound is kept."""
    place.answer = answer
    with pytest.raises(KeysUnusableError, match=why):
        await fetched(place.url)


@pytest_twisted.ensureDeferred
async def test_a_provider_that_says_nothing(place: Place) -> None:
    """The wait has an end."""
    place.closes = False
    with pytest.raises(KeysUnusableError, match=r"did not answer|cannot be reached"):
        await fetched(place.url, 0.2)


@pytest_twisted.ensureDeferred
async def test_nobody_there() -> None:
    """The reason is named."""
    with pytest.raises(KeysUnusableError, match="ConnectionRefusedError"):
        await fetched(f"http://127.0.0.1:{free_port()}/keys")
