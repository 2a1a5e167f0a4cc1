"""Requests to Snowflake's AI services: what is sent, what is tried again, what is told."""

# mypy: allow-untyped-decorators

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.warehouse.cortex import Inquiry
from snowflake_mcp.warehouse.event_stream import Event
from snowflake_mcp.warehouse.rest import Response
from tests.support.cortex import FakeSessions, Reply, Script, cortex_over, events

REACTOR: Any = reactor
PATH = "/api/v2/cortex/analyst/message"
ERROR = b'{"code":"390000","message":"no such column NOPE","request_id":"r-1"}'


class House:
    """A scripted endpoint, and what asks it."""

    def __init__(self) -> None:
        self.script = Script()
        self.port = REACTOR.listenTCP(0, self.script.site, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port.getHost().port}"
        self.sessions = FakeSessions(self.url)
        self.cortex, self.metrics = cortex_over(REACTOR, self.sessions)

    @property
    def counted(self) -> dict[str, float]:
        """Requests that have ended, by outcome."""
        return {
            name.removeprefix("cortex_requests_"): value
            for name, value in self.metrics.totals().items()
            if name.startswith("cortex_requests_")
        }

    async def ask(self, *replies: Reply, **changes: Any) -> Response:
        """Ask once, with these answers ready."""
        self.script.replies = list(replies)
        given = {"timeout_s": 5.0, "max_bytes": 10_000, **changes}
        question = Inquiry(LOCAL, "analyst", PATH, {"query": "é"}, **given)
        return await self.cortex.ask(question, lambda response: response)


@pytest_twisted.async_yield_fixture
async def house() -> AsyncIterator[House]:
    """One that listens."""
    made = House()
    yield made
    await made.cortex.stop(1.0)
    await made.port.stopListening()


@pytest_twisted.ensureDeferred
async def test_the_session_speaks_for_the_caller(house: House) -> None:
    """Its token in Snowflake's form, JSON as it is meant, and the session is kept."""
    response = await house.ask(Reply(body=b'{"a":1}', headers={"X-Snowflake-Request-ID": "r-7"}))
    (asked,) = house.script.asked
    assert (asked.path, asked.body) == (PATH, {"query": "é"})
    assert asked.headers["authorization"] == 'Snowflake Token="token-1"'
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept"] == "application/json"
    assert (response.body, response.request_id) == (b'{"a":1}', "r-7")
    assert house.sessions.pool.put_away == ["kept"]
    assert house.counted == {"ok": 1}


@pytest_twisted.ensureDeferred
async def test_a_token_that_is_not_taken_is_tried_once_more_with_a_new_session(
    house: House,
) -> None:
    """The first session is dropped, and the second token counts."""
    await house.ask(Reply(401), Reply())
    assert [each.headers["authorization"][-3:-1] for each in house.script.asked] == ["-1", "-2"]
    assert house.sessions.leased == [False, True]
    assert house.sessions.pool.put_away == ["discarded", "kept"]


@pytest_twisted.ensureDeferred
async def test_a_second_refusal_is_told(house: House) -> None:
    """Nobody is asked a third time."""
    with pytest.raises(ToolFailure) as told:
        await house.ask(Reply(401))
    assert told.value.family is Family.AUTH
    assert len(house.script.asked) == 2
    assert house.counted == {"auth": 1}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest_twisted.ensureDeferred
async def test_what_may_go_better_is_tried_again(house: House, status: int) -> None:
    """After the pause that the service names."""
    again = Reply(status, headers={"Retry-After": "0"})
    await house.ask(again, again, Reply())
    assert len(house.script.asked) == 3


@pytest_twisted.ensureDeferred
async def test_a_run_of_an_agent_is_never_sent_twice(house: House) -> None:
    """It may have acted already."""
    with pytest.raises(ToolFailure) as told:
        await house.ask(Reply(503), Reply(), again=False)
    assert (told.value.family, told.value.retryable) == (Family.UNAVAILABLE, True)
    assert len(house.script.asked) == 1


@pytest.mark.parametrize(
    ("status", "family", "hint"),
    [
        (400, Family.INVALID_ARGUMENT, "columns"),
        (403, Family.FORBIDDEN, "SNOWFLAKE.CORTEX_USER"),
        (404, Family.MISSING_OBJECT, "[cortex."),
        (408, Family.TIMEOUT, "smaller"),
        (418, Family.INVALID_ARGUMENT, "columns"),
        (429, Family.BUSY, "Wait"),
        (501, Family.UNAVAILABLE, "call again"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_a_refusal_says_what_to_do(
    house: House, status: int, family: Family, hint: str
) -> None:
    """With Snowflake's words, and what its support asks for."""
    with pytest.raises(ToolFailure) as told:
        await house.ask(Reply(status, ERROR, headers={"Retry-After": "0"}))
    failure = told.value
    assert failure.family is family
    assert "no such column NOPE" in failure.message
    assert hint in failure.hint
    assert failure.details == {"http_status": status, "code": "390000", "request_id": "r-1"}


@pytest_twisted.ensureDeferred
async def test_a_refusal_in_html_is_one_too(house: House) -> None:
    """A proxy may answer in Snowflake's place."""
    with pytest.raises(ToolFailure) as told:
        await house.ask(Reply(403, b"<html>no</html>", "text/html"))
    assert told.value.family is Family.FORBIDDEN
    assert "html" not in told.value.message


@pytest.mark.parametrize("length_is_told", [True, False])
@pytest_twisted.ensureDeferred
async def test_an_answer_is_bounded(house: House, length_is_told: bool) -> None:
    """Whether its length is told before or not, and it is not asked for again."""
    large = Reply(body=b"x" * 20_000, hangs=not length_is_told)
    with pytest.raises(ToolFailure) as told:
        await house.ask(large)
    assert told.value.family is Family.LIMIT
    assert "cortex.max_response_bytes" in told.value.hint
    assert len(house.script.asked) == 1


@pytest_twisted.ensureDeferred
async def test_events_are_told_as_they_come(house: House) -> None:
    """And the connection counts as a stream."""
    found: list[Event] = []
    body = events(("a", {"n": 1}), ("b", "[DONE]"))
    response = await house.ask(Reply(body=body, kind="text/event-stream"), on_event=found.append)
    assert response.streamed
    assert [each.name for each in found] == ["a", "b"]
    assert "text/event-stream" in house.script.asked[0].headers["accept"]


@pytest_twisted.ensureDeferred
async def test_a_stream_that_has_begun_is_not_begun_again(house: House) -> None:
    """Its events would be told twice."""
    found: list[Event] = []
    half = Reply(body=events(("a", {})), kind="text/event-stream", breaks=True)
    with pytest.raises(ToolFailure) as told:
        await house.ask(half, on_event=found.append)
    assert told.value.family is Family.UNAVAILABLE
    assert len(house.script.asked) == len(found) == 1


@pytest_twisted.ensureDeferred
async def test_what_takes_the_events_may_end_the_request(house: House) -> None:
    """The connection is closed at once."""

    def refuse(_: Event) -> None:
        raise ToolFailure(Family.STATEMENT, "enough")

    body = events(("error", {}))
    with pytest.raises(ToolFailure, match="enough"):
        await house.ask(Reply(body=body, kind="text/event-stream", hangs=True), on_event=refuse)
    await house.script.gone
    assert house.sessions.pool.put_away == ["kept"]


@pytest_twisted.ensureDeferred
async def test_a_late_answer_is_given_up(house: House) -> None:
    """The caller is told, and the connection closed."""
    with pytest.raises(ToolFailure) as told:
        await house.ask(Reply(hangs=True), timeout_s=0.05)
    assert told.value.family is Family.TIMEOUT
    await house.script.gone
    assert house.sessions.pool.put_away == ["kept"]


@pytest_twisted.ensureDeferred
async def test_cancelling_closes_the_request(house: House) -> None:
    """The session is kept, and the place is free."""
    asked: Deferred[None] = Deferred()
    house.script.when_asked = lambda: asked.callback(None)
    work = Deferred.fromCoroutine(house.ask(Reply(hangs=True)))
    await asked
    work.cancel()
    with pytest.raises(CancelledError):
        await work
    await house.script.gone
    assert house.sessions.pool.put_away == ["kept"]
    assert house.counted == {"cancelled": 1}


@pytest_twisted.ensureDeferred
async def test_a_stop_ends_what_is_asked(house: House) -> None:
    """Who waits is told why."""
    asked: Deferred[None] = Deferred()
    house.script.when_asked = lambda: asked.callback(None)
    work = Deferred.fromCoroutine(house.ask(Reply(hangs=True)))
    await asked
    await house.cortex.stop(1.0)
    with pytest.raises(ToolFailure, match="stopping"):
        await work


@pytest_twisted.ensureDeferred
async def test_a_host_that_is_not_there_is_told(house: House) -> None:
    """In the words for statements, and without its name."""
    house.sessions.url = "http://127.0.0.1:1"
    with pytest.raises(ToolFailure) as told:
        await house.ask(Reply(), again=False)
    assert told.value.family is Family.UNAVAILABLE
    assert "127.0.0.1" not in told.value.message


@pytest_twisted.ensureDeferred
async def test_a_fault_of_ours_is_no_failure_of_the_service(house: House) -> None:
    """It is raised as it is, for the log."""
    broken: Any = lambda event: event.nothing  # noqa: E731 - one line is all it is
    body = events(("a", {}))
    with pytest.raises(AttributeError):
        await house.ask(Reply(body=body, kind="text/event-stream"), on_event=broken)
    assert house.counted == {"internal": 1}


@pytest_twisted.ensureDeferred
async def test_the_answer_is_read_in_a_thread(house: House) -> None:
    """It may be megabytes, and the reactor has others to serve."""
    house.script.replies = [Reply()]
    question = Inquiry(LOCAL, "search", PATH, {}, 5.0, 1_000)
    name = await house.cortex.ask(question, lambda _: threading.current_thread().name)
    assert "cortex" in name
