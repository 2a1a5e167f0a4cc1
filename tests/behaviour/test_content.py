"""Resources, prompts, completion, and hearing of what changes."""

from snowflake_mcp.protocol.changes import Change
from tests.behaviour.scene import Scene

ONE = "test://one"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


def test_resources_are_listed_and_read(scene: Scene) -> None:
    """Each with its URI, and its contents by that URI."""
    peer = scene.join()
    (entry,) = peer.ask("resources/list").result["resources"]
    assert entry == {"uri": ONE, "name": "one", "title": "One"}
    read = peer.ask("resources/read", {"uri": entry["uri"]}).result
    assert read["contents"] == [{"uri": ONE, "mimeType": "text/plain", "text": "1"}]
    assert ("ttlMs" in read) == scene.stateless


def test_resources_come_in_pages(scene: Scene) -> None:
    """A cursor belongs to its list."""
    scene.house.library.numbered = 250
    peer = scene.join()
    first = peer.ask("resources/list").result
    cursor = first["nextCursor"]
    rest = peer.ask("resources/list", {"cursor": cursor}).result
    names = [each["name"] for each in first["resources"] + rest["resources"]]
    assert names == ["one", *map(str, range(250))]
    assert peer.ask("prompts/list", {"cursor": cursor}).error["code"] == -32602


def test_resource_templates_are_listed(scene: Scene) -> None:
    """A client can build URIs that are in no list."""
    result = scene.join().ask("resources/templates/list").result
    assert result["resourceTemplates"] == [{"uriTemplate": "test://{name}", "name": "any"}]


def test_a_resource_that_is_not_there(scene: Scene) -> None:
    """T-19, D-06: an error that names the URI; the retired code -32002 is not used."""
    error = scene.join().ask("resources/read", {"uri": "test://no"}).error
    assert (error["code"], error["data"]) == (-32602, {"uri": "test://no"})


def test_a_watched_resource_is_told_when_it_changes(scene: Scene) -> None:
    """Only to who watches it: subscribe in a session, a listening request in the stateless era."""
    one, two = scene.join(), scene.join()
    one.listen(ONE)
    two.listen(tools=True)
    scene.house.change(Change("resource", "test://two"), Change("resource", ONE))
    scene.settle()
    told = [each for each in one.heard() if each[0].startswith("resources")]
    assert told == [("resources/updated", {"uri": ONE})]
    assert [each for each in two.heard() if each[0].startswith("resources")] == []


def test_changed_lists_are_told(scene: Scene) -> None:
    """C-07: the stateless era is told of the lists it named, a session of every list."""
    peer = scene.join()
    listening = peer.listen(tools=True, prompts=True)
    peer.heard()
    scene.house.change(Change("tools"), Change("resources"), Change("prompts"))
    scene.settle()
    if scene.stateless:
        assert listening is not None
        assert {each["params"]["_meta"][SUBSCRIPTION] for each in peer.told} == {listening.id}
    methods = [method for method, _ in peer.heard()]
    middle = [] if scene.stateless else ["resources/list_changed"]
    assert methods == ["tools/list_changed", *middle, "prompts/list_changed"]


def test_a_subscription_is_acknowledged_first(scene: Scene) -> None:
    """C-07: before anything else it hears what it will be told, which may be less."""
    peer = scene.join()
    peer.listen(ONE, "other://x", resources=True)
    (method, params), *rest = peer.heard()
    assert method == "subscriptions/acknowledged"
    assert params["notifications"] == {
        "resourcesListChanged": True,
        "resourceSubscriptions": [ONE],
    }
    assert rest == []


def test_a_subscription_ends_with_a_result_at_shutdown(scene: Scene) -> None:
    """C-07: a graceful end differs from a lost connection."""
    peer = scene.join()
    listening = peer.listen(tools=True)
    assert listening is not None
    assert listening.answer is None
    drained = scene.house.kernel.drain()
    peer.settle()
    assert listening.result["_meta"][SUBSCRIPTION] == listening.id
    assert drained.called


def test_a_subscription_ends_when_its_client_takes_it_back(scene: Scene) -> None:
    """C-01: by closing the response over HTTP, by notification elsewhere."""
    peer = scene.join()
    listening = peer.listen(tools=True)
    assert listening is not None
    peer.heard()
    if scene.cell.way in ("websocket", "stdio"):
        peer.cancel(listening.id)
    else:
        peer.leave(listening)
    scene.house.change(Change("tools"))
    peer.settle()
    assert (peer.heard(), listening.answer) == ([], None)
    assert scene.house.kernel.running == 0


def test_prompts_are_listed_and_filled_in(scene: Scene) -> None:
    """Each with its arguments, and its messages for given ones."""
    peer = scene.join()
    (prompt,) = peer.ask("prompts/list").result["prompts"]
    assert prompt == {"name": "greet", "arguments": [{"name": "who", "required": True}]}
    result = peer.ask("prompts/get", {"name": "greet", "arguments": {"who": "Ann"}}).result
    assert result["messages"][0]["content"]["text"] == "Greet Ann."


def test_a_prompt_without_its_argument(scene: Scene) -> None:
    """Or of another name, or with arguments that are no texts: the client's fault."""
    peer = scene.join()
    for params in (
        {"name": "greet"},
        {"name": "no"},
        {"name": "greet", "arguments": {"who": 5}},
        {"name": 5},
    ):
        assert peer.ask("prompts/get", params).error["code"] == -32602


def test_values_are_completed(scene: Scene) -> None:
    """D-08: for prompts and for templates; what is malformed is refused."""
    peer = scene.join()
    for reference in (
        {"type": "ref/prompt", "name": "greet"},
        {"type": "ref/resource", "uri": "test://{name}"},
    ):
        params = {"ref": reference, "argument": {"name": "who", "value": "A"}}
        completion = peer.ask("completion/complete", params).result["completion"]
        assert completion == {"values": ["A0", "A1", "A2"], "total": 3, "hasMore": False}
    wrong = {"ref": {"type": "ref/other"}, "argument": {"name": "who", "value": "A"}}
    assert peer.ask("completion/complete", wrong).error["code"] == -32602
