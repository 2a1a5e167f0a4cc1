"""Subscriptions, questions to the client, logs, levels and pages, in both eras."""

import json
from typing import Any

import pytest
from mcp_types import methods as wire

from snowflake_mcp.protocol import live
from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.changes import Change
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.inputs import AskFailedError, Question
from snowflake_mcp.protocol.jsonrpc import Request, Response
from snowflake_mcp.protocol.kernel import Perform
from snowflake_mcp.protocol.pieces import Body
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.protocol.tooling import ToolResult
from tests.support.content import full_rig
from tests.support.kernels import ENVELOPE, Rig, with_envelope

STATELESS = Facts("http", LOCAL, "2026-07-28", capabilities={"elicitation": {}, "roots": {}})
SESSION = Facts("http", LOCAL, "2025-11-25", {"elicitation": {}}, session_id="s1")


class Wire:
    """Starts requests and keeps what they send."""

    def __init__(self, rig: Rig, facts: Facts) -> None:
        self.rig = rig
        self.facts = facts
        self.sent: list[dict[str, Any]] = []
        self._id = 0

    def start(self, method: str, params: dict[str, Any]) -> Call[Reply | None]:
        self._id += 1
        return self.rig.kernel.start(
            Request(self._id, method, params),
            self.facts,
            lambda data: self.sent.append(json.loads(bytes(data))),
        )

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        replies: list[Reply | None] = []
        self.start(method, params).reply.addCallback(replies.append)
        assert replies[0] is not None
        message: dict[str, Any] = json.loads(bytes(replies[0].body))
        return message


# Subscriptions, stateless era.


def listen(rig: Rig, **wanted: Any) -> tuple[Wire, Call[Reply | None]]:
    peer = Wire(rig, STATELESS)
    return peer, peer.start("subscriptions/listen", with_envelope(notifications=wanted))


def test_listening_is_acknowledged_first_and_tells_only_what_was_asked() -> None:
    """The acknowledgement names what will be told; other changes are not."""
    rig = full_rig()
    peer, call = listen(
        rig, toolsListChanged=True, resourceSubscriptions=["test://one", "other://x"]
    )
    rig.kernel.changes.publish(
        [Change("prompts"), Change("tools"), Change("resource", "test://one")]
    )
    rig.kernel.changes.publish([Change("resource", "test://two"), Change("resources")])
    tag = {"io.modelcontextprotocol/subscriptionId": 1}
    assert [(m["method"], m["params"]) for m in peer.sent] == [
        (
            "notifications/subscriptions/acknowledged",
            {
                "_meta": tag,
                "notifications": {
                    "toolsListChanged": True,
                    "resourceSubscriptions": ["test://one"],
                },
            },
        ),
        ("notifications/tools/list_changed", {"_meta": tag}),
        ("notifications/resources/updated", {"uri": "test://one", "_meta": tag}),
    ]
    assert not call.reply.called


def test_what_the_server_lacks_is_not_acknowledged() -> None:
    """A server without prompts and resources honours only the rest."""
    peer, _ = listen(
        Rig(), promptsListChanged=True, resourcesListChanged=True, toolsListChanged=True
    )
    assert peer.sent[0]["params"]["notifications"] == {"toolsListChanged": True}


def test_a_subscription_has_no_deadline_and_ends_with_a_result_at_shutdown() -> None:
    """The closing result tells a graceful end from a lost connection."""
    rig = Rig()
    _, call = listen(rig, toolsListChanged=True)
    rig.clock.advance(100_000)
    assert rig.kernel.running == 1
    drained = rig.kernel.drain()
    replies: list[Reply | None] = []
    call.reply.addCallback(replies.append)
    assert replies[0] is not None
    result = json.loads(bytes(replies[0].body))["result"]
    wire.validate_server_result("subscriptions/listen", "2026-07-28", result)
    assert result["_meta"]["io.modelcontextprotocol/subscriptionId"] == 1
    assert drained.called


def test_a_cancelled_subscription_hears_nothing_more() -> None:
    """Nobody listens after the client has left."""
    rig = Rig()
    peer, call = listen(rig, toolsListChanged=True)
    call.cancel("disconnect")
    rig.kernel.changes.publish([Change("tools")])
    assert (len(peer.sent), len(rig.kernel.changes)) == (1, 0)


# Subscriptions, handshake era.


def test_one_client_does_not_push_out_the_sessions_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Past the bound the one that was quiet longest goes, of whoever has most."""
    monkeypatch.setattr(live, "MAX_LIVE", 4)
    sessions = full_rig().kernel.live_sessions
    ann, bob = Principal("ann"), Principal("bob")
    sessions.get("b1", bob, "")
    for number in range(9):
        sessions.get(f"a{number}", ann, "")
        # A session that is used is not quiet.
        sessions.get("a0", ann, "")
    assert [name for name, _ in sessions] == ["b1", "a0", "a7", "a8"]
    sessions.get("b2", bob, "")
    assert [name for name, _ in sessions] == ["b1", "a0", "a8", "b2"]
    for name in ("a0", "a8", "a8"):
        sessions.end(name)
    sessions.get("c1", Principal("carl"), "")
    assert [name for name, _ in sessions] == ["b1", "b2", "c1"]


def test_a_session_is_told_of_lists_and_of_the_resources_it_watches() -> None:
    """On its own channel, until it unsubscribes."""
    rig = full_rig()
    peer = Wire(rig, SESSION)
    told: list[str] = []

    class Stream:
        def event(self, event_id: str, message: Body) -> None:
            told.append(json.loads(bytes(message))["method"].removeprefix("notifications/"))

        def end(self) -> None:
            told.append("end")

    peer.ask("resources/subscribe", {"uri": "test://one"})
    rig.kernel.live_sessions.get("s1", LOCAL, "").streams.standalone.attach(Stream())
    rig.kernel.changes.publish([Change("resource", "test://one"), Change("tools")])
    peer.ask("resources/unsubscribe", {"uri": "test://one"})
    rig.kernel.changes.publish([Change("resource", "test://one")])
    rig.kernel.end_session("s1")
    assert told == ["resources/updated", "tools/list_changed", "end"]


def test_a_resource_that_cannot_be_watched_is_refused() -> None:
    """The client should not wait for news that never come."""
    assert Wire(full_rig(), SESSION).ask("resources/subscribe", {"uri": "no://x"})["error"]


# Logs and levels.


@pytest.mark.parametrize(
    ("level", "heard"), [(None, []), ("debug", ["info", "error"]), ("error", ["error"])]
)
def test_stateless_logs_need_a_level_in_the_request(level: str | None, heard: list[str]) -> None:
    """Without a level nothing is logged to the client."""
    rig = Rig()
    peer = Wire(rig, STATELESS)
    params = with_envelope(name="wait")
    if level is not None:
        params["_meta"]["io.modelcontextprotocol/logLevel"] = level
    peer.start("tools/call", params)
    context = rig.toolbox.contexts[0]
    context.log("info", "one")
    context.log("error", {"two": 2})
    assert [message["params"]["level"] for message in peer.sent] == heard


def test_a_session_sets_its_level() -> None:
    """From then on less important messages stay here."""
    rig = Rig()
    peer = Wire(rig, SESSION)
    peer.start("tools/call", {"name": "wait"})
    rig.toolbox.contexts[0].log("info", "one")
    peer.ask("logging/setLevel", {"level": "error"})
    rig.toolbox.contexts[0].log("info", "two")
    assert [m["params"]["data"] for m in peer.sent] == ["one"]


def test_an_unknown_level_is_refused() -> None:
    """The schema knows eight."""
    message = Wire(Rig(), SESSION).ask("logging/setLevel", {"level": "loud"})
    assert message["error"]["code"] == -32602


# Pages.


@pytest.mark.parametrize("facts", [STATELESS, SESSION])
def test_long_lists_come_in_pages(facts: Facts) -> None:
    """Every entry comes exactly once, in order."""
    peer = Wire(full_rig(numbered=450), facts)
    names: list[str] = []
    params: dict[str, Any] = with_envelope() if facts is STATELESS else {}
    while True:
        result = peer.ask("resources/list", params)["result"]
        names.extend(entry["name"] for entry in result["resources"])
        if "nextCursor" not in result:
            break
        params = {**params, "cursor": result["nextCursor"]}
    assert names == ["one", *(str(number) for number in range(450))]


def test_a_cursor_belongs_to_its_list() -> None:
    """Another list, or the same list after a change, begins anew."""
    rig = full_rig(numbered=450)
    peer = Wire(rig, SESSION)
    cursor = peer.ask("resources/list", {})["result"]["nextCursor"]
    assert peer.ask("prompts/list", {"cursor": cursor})["error"]["code"] == -32602
    fewer = Wire(full_rig(numbered=449), SESSION)
    assert fewer.ask("resources/list", {"cursor": cursor})["error"]["code"] == -32602


def test_completions_are_bounded_and_say_how_many_there_are() -> None:
    """D-08: at most a hundred values go into one answer."""
    params = {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "who", "value": "A"},
    }
    completion = Wire(full_rig(values=250), SESSION).ask("completion/complete", params)
    shown = completion["result"]["completion"]
    assert (len(shown["values"]), shown["total"], shown["hasMore"]) == (100, 250, True)


def test_an_unknown_resource_names_its_uri() -> None:
    """The client can tell which one was missing."""
    message = Wire(full_rig(), STATELESS).ask("resources/read", with_envelope(uri="test://no"))
    assert (message["error"]["code"], message["error"]["data"]) == (-32602, {"uri": "test://no"})


# Questions to the client.

NAME = Question(
    "elicitation/create",
    {"message": "Name?", "requestedSchema": {"type": "object", "properties": {}}},
)
ROOTS = Question("roots/list", {})
MODEL = Question("sampling/createMessage", {"messages": [], "maxTokens": 1})


def asking(*rounds: dict[str, Question]) -> Rig:
    """A rig whose tools ask the client, round by round, and answer with what they heard."""

    def layer(inner: Perform) -> Perform:
        async def perform(method: str, params: dict[str, Any], context: RequestContext) -> Any:
            return await inner(method, params, context)

        return perform

    rig = Rig(layer)

    async def call(name: str, arguments: Any, context: RequestContext) -> ToolResult:
        heard: dict[str, Any] = {}
        try:
            for questions in rounds:
                heard.update(await context.ask(questions))
        except AskFailedError as failure:
            return ToolResult(text=failure.message, failure=failure)
        return ToolResult(text=json.dumps(heard, sort_keys=True))

    rig.toolbox.call = call  # type: ignore[method-assign]
    return rig


def text_of(message: dict[str, Any]) -> str:
    text: str = message["result"]["content"][0]["text"]
    return text


def retry(first: dict[str, Any], **answers: Any) -> dict[str, Any]:
    return with_envelope(
        name="ask", requestState=first["result"]["requestState"], inputResponses=answers
    )


ANN = {"action": "accept", "content": {"name": "Ann"}}
NO_ROOTS: dict[str, Any] = {"roots": []}


def test_a_stateless_question_ends_the_request_and_the_retry_answers_it() -> None:
    """The first round asks, the second has the answer; nothing is kept here in between."""
    peer = Wire(asking({"name": NAME}), STATELESS)
    first = peer.ask("tools/call", with_envelope(name="ask"))
    wire.validate_server_result("tools/call", "2026-07-28", first["result"])
    assert first["result"]["resultType"] == "input_required"
    assert first["result"]["inputRequests"] == {
        "name": {"method": "elicitation/create", "params": dict(NAME.params)}
    }
    other = Wire(asking({"name": NAME}), STATELESS)
    assert json.loads(text_of(other.ask("tools/call", retry(first, name=ANN)))) == {"name": ANN}


def test_rounds_add_up() -> None:
    """What was answered in the first round is still known in the third."""
    peer = Wire(asking({"name": NAME}, {"roots": ROOTS}), STATELESS)
    first = peer.ask("tools/call", with_envelope(name="ask"))
    second = peer.ask("tools/call", retry(first, name=ANN))
    assert list(second["result"]["inputRequests"]) == ["roots"]
    third = peer.ask("tools/call", retry(second, roots=NO_ROOTS))
    assert json.loads(text_of(third)) == {"name": ANN, "roots": NO_ROOTS}


def test_a_missing_answer_is_asked_for_again() -> None:
    """A partial retry is no error."""
    peer = Wire(asking({"name": NAME, "roots": ROOTS}), STATELESS)
    first = peer.ask("tools/call", with_envelope(name="ask"))
    second = peer.ask("tools/call", retry(first, name=ANN, surplus={"roots": []}))
    assert list(second["result"]["inputRequests"]) == ["roots"]


def test_a_capability_that_was_not_declared_is_named() -> None:
    """The client is never asked what it cannot answer."""
    message = Wire(asking({"m": MODEL}), STATELESS).ask("tools/call", with_envelope(name="ask"))
    assert message["error"]["code"] == -32021
    assert message["error"]["data"] == {"requiredCapabilities": {"sampling": {}}}


@pytest.mark.parametrize(
    "change",
    [
        {"requestState": "forged"},
        {"requestState": "é"},
        {"arguments": {"other": True}},
        {"name": "another"},
    ],
)
def test_a_state_serves_its_own_request_only(change: dict[str, Any]) -> None:
    """Forged state, or state of another call, is refused."""
    peer = Wire(asking({"name": NAME}), STATELESS)
    first = peer.ask("tools/call", with_envelope(name="ask"))
    message = peer.ask("tools/call", {**retry(first, name=ANN), **change})
    assert message["error"]["code"] == -32602


def test_a_state_serves_its_own_principal_only_and_not_for_ever() -> None:
    """A-08, A-10: somebody else's state, or an old one, is refused."""
    rig = asking({"name": NAME})
    peer = Wire(rig, STATELESS)
    first = peer.ask("tools/call", with_envelope(name="ask"))
    eve = Wire(rig, Facts("http", Principal("eve"), "2026-07-28", {"elicitation": {}}))
    assert eve.ask("tools/call", retry(first, name=ANN))["error"]["code"] == -32602
    rig.now += 601
    assert peer.ask("tools/call", retry(first, name=ANN))["error"]["code"] == -32602


def test_every_changed_character_of_a_state_is_noticed() -> None:
    """A-10: no flipped character is accepted."""
    peer = Wire(asking({"name": NAME}), STATELESS)
    first = peer.ask("tools/call", with_envelope(name="ask"))
    state = first["result"]["requestState"]
    for index in range(0, len(state), 7):
        changed = state[:index] + ("A" if state[index] != "A" else "B") + state[index + 1 :]
        params = {**retry(first, name=ANN), "requestState": changed}
        assert peer.ask("tools/call", params)["error"]["code"] == -32602


def test_a_session_is_asked_on_the_request_s_channel() -> None:
    """The question is a request of ours, the answer a response that the client posts."""
    rig = asking({"name": NAME})
    peer = Wire(rig, SESSION)
    replies: list[Reply | None] = []
    peer.start("tools/call", {"name": "ask"}).reply.addCallback(replies.append)
    question = peer.sent[0]
    assert (question["method"], question["params"]) == ("elicitation/create", dict(NAME.params))
    assert replies == []
    rig.kernel.respond(Response(question["id"], ANN, None), SESSION)
    assert replies[0] is not None
    assert json.loads(text_of(json.loads(bytes(replies[0].body)))) == {"name": ANN}


def test_a_session_that_answers_with_an_error_or_cannot_be_asked() -> None:
    """The tool hears that it will not get an answer."""
    rig = asking({"name": NAME})
    peer = Wire(rig, SESSION)
    replies: list[Reply | None] = []
    peer.start("tools/call", {"name": "ask"}).reply.addCallback(replies.append)
    rig.kernel.respond(Response(peer.sent[0]["id"], None, {"code": -1, "message": "no"}), SESSION)
    assert replies[0] is not None
    assert "refused" in text_of(json.loads(bytes(replies[0].body)))
    mute = Wire(asking({"roots": ROOTS}), SESSION)
    assert "cannot be asked: roots" in text_of(mute.ask("tools/call", {"name": "ask"}))


def test_an_answer_to_nothing_is_refused() -> None:
    """Nobody answers for another session, and nobody answers twice."""
    rig = asking({"name": NAME})
    peer = Wire(rig, SESSION)
    peer.start("tools/call", {"name": "ask"})
    question = peer.sent[0]["id"]
    other = Facts("http", LOCAL, "2025-11-25", session_id="s2")
    answer = Response(question, ANN, None)
    with pytest.raises(Exception, match="Nothing was asked"):
        rig.kernel.respond(answer, other)
    rig.kernel.respond(answer, SESSION)
    with pytest.raises(Exception, match="Nothing was asked"):
        rig.kernel.respond(answer, SESSION)


def test_ending_a_session_ends_everything_in_it() -> None:
    """Running calls stop, open questions fail, the id is worth nothing."""
    rig = Rig()
    token, session = rig.sessions.mint(LOCAL, "2025-11-25", "", {})
    facts = Facts("http", LOCAL, "2025-11-25", session_id=session.id)
    call = Wire(rig, facts).start("tools/call", {"name": "wait"})
    rig.kernel.end_session(str(facts.session_id))
    assert (call.reply.called, rig.toolbox.cancelled) == (True, 1)
    assert rig.sessions.open(token, LOCAL) is None


def test_discover_declares_what_is_offered() -> None:
    """Capabilities follow from what was built in."""
    params = {"_meta": dict(ENVELOPE)}
    bare = Wire(Rig(), STATELESS).ask("server/discover", params)["result"]["capabilities"]
    full = Wire(full_rig(), STATELESS).ask("server/discover", params)["result"]["capabilities"]
    assert sorted(bare) == ["extensions", "logging", "tools"]
    assert sorted(full) == [
        "completions",
        "extensions",
        "logging",
        "prompts",
        "resources",
        "tools",
    ]
