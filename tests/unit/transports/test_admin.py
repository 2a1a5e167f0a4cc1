"""The admin surface: every route asks for the right, every call leaves a record."""

import json
from typing import Any

import pytest

from snowflake_mcp.auth.caller import Caller
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.admin import ACTIONS
from snowflake_mcp.transports.exchange import Exchange
from tests.support.wire import HttpAnswer, Wire
from tests.unit.transports.stand import Stand

OPERATOR = Principal("ops", "ops")
ANALYST = Principal("ana", "ana")


class AdminDouble:
    """An admin source that says what it was told, and knows one of everything."""

    def __init__(self) -> None:
        self.exists = True
        self.audited = True
        self.asked: list[tuple[Any, ...]] = []
        self.recorded: list[tuple[str, str, str, str]] = []

    def may(self, caller: Caller, peer: str) -> bool:
        return caller.principal == OPERATOR and peer == "203.0.113.9"

    def record(self, exchange: Exchange, action: str, subject: str, outcome: str) -> None:
        self.recorded.append((exchange.principal.name, action, subject, outcome))

    async def overview(self) -> dict[str, Any]:
        return self._say("overview")

    def statements(self) -> dict[str, Any]:
        return self._say("statements")

    def kill(self, request_id: str) -> dict[str, Any]:
        return self._known("kill", request_id)

    def sessions(self) -> dict[str, Any]:
        return self._say("sessions")

    def end_session(self, session_id: str) -> dict[str, Any]:
        return self._known("end", session_id)

    def doors(self) -> dict[str, Any]:
        return self._say("doors")

    def drain(self, active: bool) -> dict[str, Any]:
        return self._say("drain", active)

    def maintain(self, message: str | None) -> dict[str, Any]:
        if message == "":
            raise ValueError("say something")
        return self._say("maintain", message)

    def reset_pool(self) -> dict[str, Any]:
        raise RuntimeError("a secret of the server")

    def reload(self) -> dict[str, Any]:
        return self._say("reload")

    def breakers(self) -> list[dict[str, Any]]:
        return [self._say("breakers")]

    def reset_breakers(self) -> dict[str, Any]:
        return self._say("reset breakers")

    def audit(self, last: int) -> dict[str, Any]:
        return self._say("audit", last)

    def may_go_on(self) -> bool:
        return self.audited

    def profiles(self) -> list[str]:
        return ["ops"]

    def profile(self, name: str) -> dict[str, Any]:
        return self._known("profile", name)

    def _known(self, word: str, subject: str) -> dict[str, Any]:
        if subject != "one":
            raise LookupError("There is none.")
        return self._say(word, subject)

    def _say(self, *words: Any) -> dict[str, Any]:
        self.asked.append(words)
        return {"said": list(words)}


class Scene:
    """A server with the surface, and a caller whom the test names."""

    def __init__(self, **http: Any) -> None:
        self.caller = OPERATOR
        self.admin = AdminDouble()
        self.stand = Stand(admin=self.admin, identify=lambda _exchange: self.caller, **http)

    @property
    def wire(self) -> Wire:
        """A connection of its own: a refusal with a body to come ends one."""
        return self.stand.connect()

    def get(self, path: str, **headers: str) -> HttpAnswer:
        return self.wire.request("GET", path, headers=named(headers))

    def post(self, path: str, body: Any, **headers: str) -> HttpAnswer:
        sent = {"Content-Type": "application/json", **named(headers)}
        return self.wire.request("POST", path, json.dumps(body).encode(), headers=sent)


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def scene() -> Any:
    made = Scene()
    yield made
    made.stand.close()


BODIES: dict[str, Any] = {
    "/admin/statements/kill": {"request": "one"},
    "/admin/sessions/end": {"session": "one"},
    "/admin/drain": {"active": True},
    "/admin/maintenance": {"message": "until noon"},
}
"""What the POST of a path takes; the others take an empty object."""


def test_no_route_of_the_surface_is_there_for_others(scene: Scene) -> None:
    """Any path below /admin, any method: as if there was nothing, and nothing is done."""
    scene.caller = ANALYST
    served = [route for route in scene.stand.front.site.tree if route.path.startswith("/admin")]
    assert {action.path for action in ACTIONS} <= {route.path for route in served}
    nothing = scene.get("/admin/no-such-thing")
    for route in served:
        for answer in (
            scene.get(route.path),
            scene.post(route.path, BODIES.get(route.path, {})),
            scene.wire.request("DELETE", route.path),
            scene.wire.request("OPTIONS", route.path),
        ):
            assert (answer.status, answer.body) == (404, nothing.body), route.path
            assert answer.header("Allow") is None
        upgraded = scene.wire.upgrade(route.path, "snowflake-mcp.live")
        assert (upgraded.status, upgraded.body) == (404, nothing.body), route.path
    assert (scene.admin.asked, scene.admin.recorded) == ([], [])


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_call_of_an_operator_is_answered_and_recorded(scene: Scene, action: Any) -> None:
    """Once, with who, what, about whom and how it ended."""
    body = BODIES.get(action.path, {})
    answer = scene.get(action.path) if action.method == "GET" else scene.post(action.path, body)
    broken = action.path == "/admin/pool/reset"
    assert answer.status == (500 if broken else 200)
    subject = ", ".join(str(value) for value in body.values())
    subject = "20" if action.name == "audit" else subject
    outcome = "internal" if broken else "ok"
    assert scene.admin.recorded == [("ops", action.name, subject, outcome)]
    assert b"a secret" not in answer.body


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/admin/statements/kill", {"request": "other"}, 404, "unknown_subject"),
        ("/admin/statements/kill", {"request": 1}, 400, "invalid_argument"),
        ("/admin/statements/kill", {}, 400, "invalid_argument"),
        ("/admin/statements/kill", {"request": "one", "more": 1}, 400, "invalid_argument"),
        ("/admin/statements/kill", [], 400, "invalid_argument"),
        ("/admin/drain", {"active": "yes"}, 400, "invalid_argument"),
        ("/admin/maintenance", {"message": ""}, 400, "invalid_argument"),
        ("/admin/maintenance", {"message": " \n"}, 400, "invalid_argument"),
        ("/admin/maintenance", {"message": "x" * 501}, 400, "invalid_argument"),
    ],
)
def test_what_cannot_be_done_is_said_and_recorded(
    scene: Scene, path: str, body: Any, status: int, code: str
) -> None:
    """A program reads the code, a person the message."""
    answer = scene.post(path, body)
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)
    assert [record[3] for record in scene.admin.recorded] == [code]


def test_a_subject_cannot_forge_a_line(scene: Scene) -> None:
    """What was asked for is recorded in one short line, whatever it was."""
    scene.post("/admin/statements/kill", {"request": "x\nadmin drain by ops: ok\x1b[2J" * 50})
    ((_, _, subject, outcome),) = scene.admin.recorded
    assert outcome == "unknown_subject"
    assert subject.startswith("x?admin drain by ops: ok?[2J")
    assert (len(subject), subject.isprintable()) == (200, True)


def test_parameters_of_a_get_are_checked(scene: Scene) -> None:
    """They come in the query string; one that does not exist is an error."""
    assert scene.get("/admin/principals?name=one").json() == {"said": ["profile", "one"]}
    assert scene.get("/admin/principals").json() == {"principals": ["ops"]}
    assert scene.get("/admin/principals?nam=one").status == 400
    assert scene.get("/admin/audit?last=7").json() == {"said": ["audit", 7]}
    assert scene.get("/admin/audit").json() == {"said": ["audit", 20]}
    for wrong in ("0", "201", "x"):
        assert scene.get(f"/admin/audit?last={wrong}").status == 400


def test_nothing_is_done_that_cannot_be_recorded(scene: Scene) -> None:
    """Where the operator wants it so."""
    scene.admin.audited = False
    for answer in (scene.post("/admin/drain", {"active": True}), scene.post("/admin/ticket", {})):
        assert (answer.status, answer.json()["error"]["code"]) == (503, "no_audit")
    assert scene.admin.asked == []


def test_a_body_that_is_no_json(scene: Scene) -> None:
    """It is refused before anything is done."""
    sent = {"Content-Type": "application/json"}
    answer = scene.wire.request("POST", "/admin/drain", b"{", headers=sent)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_json")
    assert scene.admin.asked == []


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 404), ("cross-site", 404)],
)
def test_a_browser_asks_for_its_own_site_only(scene: Scene, site: str, status: int) -> None:
    """Where no credential is needed, a foreign page would borrow the operator's place."""
    assert scene.get("/admin/doors", Sec_Fetch_Site=site).status == status


def test_no_page_of_another_origin_reads_it() -> None:
    """http.cors_origins opens MCP to pages, never this."""
    page = "https://app.example"
    scene = Scene(cors_origins=(page,))
    answer = scene.get("/admin/doors", Origin=page)
    assert answer.header("Access-Control-Allow-Origin") is None
    preflight = scene.wire.request(
        "OPTIONS",
        "/admin/drain",
        headers={"Origin": page, "Access-Control-Request-Method": "POST"},
    )
    assert preflight.status == 405
    assert preflight.header("Access-Control-Allow-Origin") is None
    assert scene.get("/health", Origin=page).header("Access-Control-Allow-Origin") == page
    scene.stand.close()


def test_the_description_has_it_when_somebody_has_the_right(scene: Scene) -> None:
    """And says nothing of it otherwise."""
    described = scene.get("/openapi.json").json()["paths"]
    for action in ACTIONS:
        operation = described[action.path][action.method.lower()]
        assert operation["summary"] == action.summary
    body = described["/admin/drain"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["active"] == {"type": "boolean"}
    assert described["/admin/principals"]["get"]["parameters"][0]["name"] == "name"
    served = {
        (route.path, method.lower())
        for route in scene.stand.front.site.tree
        for method in route.methods
        if route.path != "/mcp" and not route.path.startswith("/.well-known/")
    }
    assert served == {(path, method) for path, methods in described.items() for method in methods}
    scene.admin.exists = False
    left = scene.get("/openapi.json").json()["paths"]
    assert not [path for path in left if "admin" in path or "ui" in path]


def test_without_a_source_there_is_nothing() -> None:
    """No path of the surface is in the table."""
    stand = Stand()
    assert not [route.path for route in stand.front.site.tree if "admin" in route.path]
    stand.close()
