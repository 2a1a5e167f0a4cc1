"""Every way to show who calls, the refusals with their challenges, and what a reload changes."""

from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent

from snowflake_mcp.auth.attempts import MAX_FAILURES, WINDOW_S
from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.auth.caller import Caller, Credentials, Unidentified
from snowflake_mcp.auth.exposure import Exposure
from snowflake_mcp.auth.token_file import write_tokens
from snowflake_mcp.auth.tokens import Token, bearer_of, digest_of
from snowflake_mcp.config.identity import AuthSettings, OAuthSettings
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    HttpSettings,
    PrincipalSettings,
    TlsSettings,
)
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.principal import LOCAL, Principal
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

SECRET = "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFG"
PROVIDER = Issuer(k1="EC")
OAUTH = OAuthSettings(issuer=ISSUER, resource=AUDIENCE, required_scopes=("mcp",))
DATA = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"


class World:
    """Authentication with clocks that a test turns, and a provider that answers when told."""

    def __init__(self, folder: Path, **sections: Any) -> None:
        self.clock = Clock()
        self.now = 1_000.0
        self.metrics = Metrics()
        self.folder = folder
        self.waiting: list[Deferred[bytes]] = []
        self.config = self.written(**sections)
        self.auth = Authentication(
            self.config, self.fetch, self.clock, lambda: self.now, self.metrics
        )

    def written(self, *names: str, **sections: Any) -> Config:
        """A configuration with these tables (analyst and bi unless named)."""
        tables = {each: PrincipalSettings(each) for each in names or ("analyst", "bi")}
        tables.update(sections.pop("tables", {}))
        return replace(
            Config(ConnectionSettings("demo", Backend.DEMO), principals=MappingProxyType(tables)),
            **sections,
        )

    def fetch(self, url: str, within_s: float) -> Awaitable[bytes]:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def tokens(self, *entries: tuple[str, str, float | None]) -> AuthSettings:
        """A token file with entries of id, principal and expiry; every secret is SECRET."""
        path = self.folder / "tokens.toml"
        found = [Token(i, p, digest_of(SECRET), 1.0, expires) for i, p, expires in entries]
        write_tokens(path, found)
        return AuthSettings(token_file=str(path))

    def identify(self, *authorization: str, **shown: Any) -> Caller:
        """The caller of a request."""
        found = self.auth.identify(Credentials(authorization, **shown))
        assert isinstance(found, Caller)
        return found

    def refused(self, *authorization: str, **shown: Any) -> Unidentified:
        """The refusal of a request."""
        with pytest.raises(Unidentified) as caught:
            self.auth.identify(Credentials(authorization, **shown))
        return caught.value

    def counted(self, method: str, outcome: str) -> float:
        """How often that has happened."""
        for sample in self.metrics.samples():
            if sample.family.name == "authentications":
                value = sample.values.get((method, outcome), 0)
                assert isinstance(value, int | float)
                return value
        return 0


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With the tokens t1 of analyst, t2 of bi (until 2000) and t9 of nobody."""
    made = World(tmp_path, auth=AuthSettings(local_profile="analyst"))
    auth = made.tokens(("tone", "analyst", None), ("ttwo", "bi", 2_000.0), ("tten", "gone", None))
    made.auth.take(made.written(auth=auth))
    return made


def bearer(token_id: str, secret: str = SECRET) -> str:
    return f"Bearer {bearer_of(token_id, secret)}"


def challenge(refused: Unidentified) -> str:
    return dict(refused.headers).get("WWW-Authenticate", "")


def test_a_token_is_its_principal(world: World) -> None:
    """By name and by table; the scheme may be spelled in any case."""
    assert world.identify(bearer("tone")).principal == Principal("analyst", "analyst")
    caller = world.identify(bearer("ttwo").replace("Bearer", "bEARER"))
    assert (caller.principal, caller.expires) == (Principal("bi", "bi"), 2_000.0)
    assert world.counted("token", "ok") == 2


def test_refusals_of_a_server_with_tokens_only(world: World) -> None:
    """A-05: 401 with a plain challenge; malformed is 400; known without a table is 403."""
    realm = 'Bearer realm="snowflake-mcp"'
    missing = world.refused()
    assert (missing.status, challenge(missing)) == (401, realm)
    wrong = world.refused(bearer("tone", SECRET + "x"))
    assert wrong.status == 401
    assert challenge(wrong).startswith(f'{realm}, error="invalid_token", error_description="')
    assert world.refused(bearer("nope")).status == 401
    assert world.refused("Basic dXNlcjpwYXNz").status == 401
    for malformed in ("Bearer", "Bearer ", "Bearer a b", 'Bearer "x"', "Bearer é"):
        assert world.refused(malformed).status == 400
    twice = world.refused(bearer("tone"), bearer("tone"))
    assert (twice.status, twice.error) == (400, "invalid_request")
    gone = world.refused(bearer("tten"))
    assert (gone.status, challenge(gone)) == (403, "")
    world.now = 2_000.0
    expired = world.refused(bearer("ttwo"))
    assert (expired.status, expired.code, expired.error) == (401, "expired_token", "invalid_token")
    assert world.refused(in_query=True).status == 401
    assert world.counted("token", "expired") == 1
    assert world.counted("anonymous", "missing") == 1


def test_without_any_way_everybody_is_local(tmp_path: Path) -> None:
    """What is shown is not even looked at; the table is local's, if there is one."""
    world = World(tmp_path, principals=MappingProxyType({}))
    assert world.identify("Bearer x", "Bearer y", in_query=True).principal == LOCAL
    world.auth.take(world.written(tables={"local": PrincipalSettings("local")}))
    assert world.identify().principal == Principal("local", "local")
    assert world.auth.is_open
    assert world.auth.metadata() is None


def test_anonymous_callers_beside_others(world: World) -> None:
    """Only who shows nothing is served so; a wrong credential stays wrong."""
    auth = replace(world.tokens(("tone", "bi", None)), allow_anonymous=True)
    world.auth.take(world.written(auth=replace(auth, local_profile="analyst")))
    assert world.identify().principal == Principal("local", "analyst")
    assert world.identify(bearer("tone")).principal.name == "bi"
    assert world.refused(bearer("ttwo")).status == 401


PEOPLE = {
    "ops": PrincipalSettings("ops", groups=("sre",)),
    "staff": PrincipalSettings("staff", subjects=("*",)),
}


def oauth_world(folder: Path, **changes: Any) -> World:
    """With an OAuth provider whose keys have come, unless they are to be asked for."""
    world = World(folder, tables=PEOPLE, oauth=replace(OAUTH, jwks_url="https://idp/k", **changes))
    world.auth.start()
    world.waiting.pop().callback(PROVIDER.jwks())
    return world


def test_an_access_token_is_its_user(tmp_path: Path) -> None:
    """A-03: named by table and subject, until the token ends."""
    world = oauth_world(tmp_path)
    caller = world.identify(f"Bearer {PROVIDER.sign()}")
    assert caller.principal == Principal("staff/ana", "staff")
    assert caller.expires == 2_030
    assert world.identify(f"Bearer {PROVIDER.sign(groups=['sre'])}").principal.profile == "ops"
    world.auth.stop()
    assert world.clock.getDelayedCalls() == []


def test_challenges_of_a_server_with_oauth(tmp_path: Path) -> None:
    """A-02, A-05, A-07: where the metadata is and which scope is needed."""
    world = oauth_world(tmp_path)
    base = f'Bearer realm="snowflake-mcp", resource_metadata="{DATA}", scope="mcp"'
    assert challenge(world.refused()) == base
    expired = world.refused(f"Bearer {PROVIDER.sign(exp=900)}")
    assert challenge(expired).startswith(f'{base}, error="invalid_token", ')
    other = world.refused(f"Bearer {PROVIDER.sign(aud='https://other')}")
    assert (other.status, other.error) == (401, "invalid_token")
    low = world.refused(f"Bearer {PROVIDER.sign(scope='openid')}")
    assert low.status == 403
    assert challenge(low).startswith(f'{base}, error="insufficient_scope", ')
    assert world.refused("Bearer opaque").status == 401
    assert world.refused("Bearer a..").status == 401
    assert world.auth.metadata() == {
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "resource_name": "Snowflake MCP server",
        "scopes_supported": ["mcp"],
    }
    assert world.counted("jwt", "insufficient_scope") == 1


def test_a_new_key_is_fetched_while_the_caller_waits(tmp_path: Path) -> None:
    """The provider has changed its keys: the first token of the new one is not refused."""
    world = oauth_world(tmp_path)
    world.clock.advance(30)
    both = Issuer(k1="EC", k2="EC")
    found = world.auth.identify(Credentials([f"Bearer {both.sign('k2')}"]))
    assert not isinstance(found, Caller)
    seen: list[Caller] = []
    asking: Any = found()
    Deferred.fromCoroutine(asking).addCallback(seen.append)
    assert seen == []
    world.waiting.pop().callback(both.jwks())
    assert seen[0].principal.name == "staff/ana"
    unknown = both.sign("k2", headers={"kid": "k3"})
    assert world.refused(f"Bearer {unknown}").status == 401
    world.auth.stop()


def test_a_provider_that_cannot_be_reached_is_a_503(tmp_path: Path) -> None:
    """The token may be good, so the client must not throw it away."""
    world = World(tmp_path, tables=PEOPLE, oauth=replace(OAUTH, jwks_url="https://idp/k"))
    found = world.auth.identify(Credentials([f"Bearer {PROVIDER.sign()}"]))
    assert not isinstance(found, Caller)
    failed: list[Any] = []
    asking: Any = found()
    Deferred.fromCoroutine(asking).addErrback(failed.append)
    world.waiting.pop().errback(ConnectionError("gone"))
    refused = failed[0].value
    assert (refused.status, refused.headers) == (503, (("Retry-After", "31"),))
    assert world.refused(f"Bearer {PROVIDER.sign()}").status == 503
    assert world.counted("jwt", "unavailable") == 2


def test_a_certificate_is_its_table_s(tmp_path: Path) -> None:
    """By the verified name; a bearer token goes before it where tokens count."""
    tables = {"pods": PrincipalSettings("pods", certificates=("*.pods",))}
    tls = TlsSettings(client_ca_file="ca.pem")
    world = World(tmp_path, tables=tables, tls=tls)
    assert world.identify(certificate="a.pods").principal == Principal("pods/cert:a.pods", "pods")
    assert world.identify("Bearer x", certificate="a.pods").principal.profile == "pods"
    assert world.refused(certificate="other").status == 403
    assert world.refused().status == 403
    assert world.refused(certificate="a\n.pods").status == 400
    world.auth.take(world.written(tables=tables, auth=world.tokens(("tone", "bi", None)), tls=tls))
    assert world.identify(bearer("tone"), certificate="a.pods").principal.name == "bi"
    assert world.refused(bearer("ttwo"), certificate="a.pods").status == 401


def test_a_user_that_a_trusted_proxy_names(tmp_path: Path) -> None:
    """Once and readable; groups may be spread over several lines."""
    auth = AuthSettings(proxy_user_header="X-User", proxy_groups_header="X-Groups")
    http = HttpSettings(trusted_proxies=("127.0.0.1",))
    world = World(tmp_path, tables=PEOPLE, auth=auth, http=http)
    assert world.identify(user=["ana"]).principal == Principal("staff/proxy:ana", "staff")
    assert world.identify(user=["ana"], groups=["a, b", "sre"]).principal.profile == "ops"
    assert world.identify("Bearer x", user=["ana"]).principal.profile == "staff"
    assert world.refused(user=["ana", "bo"]).status == 400
    assert world.refused(user=[""]).status == 400
    assert world.refused().status == 403
    assert world.counted("proxy", "malformed") == 2


def test_wrong_credentials_are_bounded_for_each_address(world: World) -> None:
    """A good one is never affected, and other addresses are not either."""
    for _ in range(MAX_FAILURES):
        assert world.refused("Bearer x", peer="192.0.2.1").status == 401
    limited = world.refused("Bearer x", peer="192.0.2.1")
    assert (limited.status, limited.headers) == (429, (("Retry-After", "61"),))
    assert world.identify(bearer("tone"), peer="192.0.2.1").principal.name == "analyst"
    assert world.refused("Bearer x", peer="192.0.2.2").status == 401
    assert world.refused(peer="192.0.2.1").status == 401
    world.clock.advance(WINDOW_S)
    assert world.refused("Bearer x", peer="192.0.2.1").status == 401
    assert world.auth.snapshot()["failing_addresses"] == 2


def test_no_signatures_are_checked_for_an_address_that_tries(tmp_path: Path) -> None:
    """Those cost the reactor time; a token that is known already counts on."""
    world = oauth_world(tmp_path)
    known, fresh = PROVIDER.sign(), PROVIDER.sign(sub="bo")
    world.identify(f"Bearer {known}")
    for _ in range(MAX_FAILURES):
        world.refused(f"Bearer {PROVIDER.sign(exp=1)}", peer="x")
    assert world.identify(f"Bearer {known}", peer="x").principal.name == "staff/ana"
    assert world.refused(f"Bearer {fresh}", peer="x").status == 429
    assert world.identify(f"Bearer {fresh}", peer="y").principal.name == "staff/bo"


def test_refusals_are_told_for_the_audit(world: World) -> None:
    """Where from, what was tried, why not; a request without any credential is none."""
    told: list[tuple[str, str, str]] = []
    world.auth.tell_refused = lambda *what: told.append(what)
    world.refused()
    world.refused("Bearer sfmcp_unknown", peer="203.0.113.9")
    world.refused("Basic YQ==", peer="203.0.113.9")
    assert told == [
        ("203.0.113.9", "token", "invalid_token"),
        ("203.0.113.9", "token", "no_bearer"),
    ]
    for _ in range(30):
        world.refused("Bearer sfmcp_unknown", peer="203.0.113.9")
    assert told[-1] == ("203.0.113.9", "token", "too_many_attempts")


def test_the_log_names_no_credential(world: World, events: list[LogEvent]) -> None:
    """A-06: one line for a refusal, none for a first request without a token."""
    world.refused(bearer("tone", SECRET + "x"), peer="192.0.2.1")
    world.refused()
    assert [formatEvent(each) for each in events] == [
        "a caller at 192.0.2.1 is refused: invalid_token"
    ]
    assert SECRET not in str(events)


def test_a_connection_ends_with_its_credential(world: World) -> None:
    """F-36: at that moment, and also when a machine has slept through it."""
    ended: list[str] = []
    caller = world.identify(bearer("ttwo"))
    watch = world.auth.watch(caller, lambda: ended.append("timer"))
    late = world.auth.watch(caller, lambda: ended.append("asked"))
    world.auth.watch(world.identify(bearer("tone")), lambda: ended.append("never"))
    world.now = 1_999.0
    world.clock.advance(999)
    assert watch.holds()
    world.now = 2_000.0
    assert not late.holds()
    assert ended == ["asked"]
    world.clock.advance(1)
    assert ended == ["asked", "timer"]
    assert not watch.holds()
    world.auth.stop()
    assert world.clock.getDelayedCalls() == []
    assert ended == ["asked", "timer"]


def test_connections_that_drain_keep_their_credential(world: World) -> None:
    """The server is stopping: what it still answers is answered, until the credential ends."""
    ended: list[str] = []
    watch = world.auth.watch(world.identify(bearer("ttwo")), lambda: ended.append("ended"))
    world.auth.stop()
    assert world.clock.getDelayedCalls() == []
    assert watch.holds()
    world.now = 2_000.0
    assert not watch.holds()
    assert ended == ["ended"]


def test_a_watch_that_comes_too_late(world: World) -> None:
    """The credential ended between the request and the connection."""
    ended: list[str] = []
    caller = world.identify(bearer("ttwo"))
    world.now = 2_000.0
    assert not world.auth.watch(caller, lambda: ended.append("at once")).holds()
    assert ended == ["at once"]


def test_a_reload_takes_tokens_and_tables(world: World, events: list[LogEvent]) -> None:
    """New ones count, those taken back do not, and their open connections end."""
    ended: list[str] = []
    for name in ("tone", "ttwo"):
        world.auth.watch(world.identify(bearer(name)), partial(ended.append, name))
    auth = world.tokens(("tone", "analyst", None), ("tnew", "bi", None))
    assert world.auth.take(world.written(auth=auth)) == ("tokens",)
    assert ended == ["ttwo"]
    assert world.refused(bearer("ttwo")).status == 401
    assert world.identify(bearer("tnew")).principal.name == "bi"
    world.auth.take(world.written("bi", auth=auth))
    assert ended == ["ttwo", "tone"]
    assert world.refused(bearer("tone")).status == 403
    told = [str(formatEvent(each)) for each in events]
    assert "reload: 1 connections lost their credential" in told
    assert "tokens name principals without a table, their callers get 403: analyst" in told


def test_a_reload_that_cannot_be_used_keeps_the_credentials(
    world: World, events: list[LogEvent]
) -> None:
    """It is told; tables count all the same, so a caller without one is refused."""
    Path(world.folder / "tokens.toml").write_text("nonsense")
    auth = AuthSettings(token_file=str(world.folder / "tokens.toml"))
    assert world.auth.take(world.written("bi", auth=auth)) == ()
    assert world.identify(bearer("ttwo")).principal.name == "bi"
    assert world.refused(bearer("tone")).status == 403
    assert "is not valid TOML" in str([formatEvent(each) for each in events])


def test_a_reload_never_opens_a_server_to_everybody(world: World) -> None:
    """A port that others can reach needs authentication, at a reload like at a start."""
    world.auth.exposed = True
    empty = Config(ConnectionSettings("demo", Backend.DEMO))
    world.auth.take(empty)
    assert world.refused().status == 401
    opened = replace(empty, auth=AuthSettings(allow_anonymous=True))
    world.auth.take(opened)
    assert world.identify().principal == LOCAL


def test_a_reload_of_the_provider(tmp_path: Path) -> None:
    """Unchanged settings keep the keys; others begin anew, and its callers' connections end."""
    world = oauth_world(tmp_path)
    ended: list[str] = []
    caller = world.identify(f"Bearer {PROVIDER.sign()}")
    world.auth.watch(caller, lambda: ended.append("scope"))
    world.auth.take(world.written(tables=PEOPLE, oauth=world.config.oauth))
    assert (world.waiting, ended) == ([], [])
    stricter = replace(world.config.oauth, required_scopes=("mcp", "more"))
    world.auth.take(world.written(tables=PEOPLE, oauth=stricter))
    assert (len(world.waiting), ended) == (1, ["scope"])
    world.auth.take(world.written(auth=world.tokens(("tone", "bi", None))))
    assert world.refused(f"Bearer {PROVIDER.sign()}").status == 401
    world.auth.stop()
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"auth": AuthSettings(token_file="/nowhere/tokens.toml")}, "cannot be read"),
        ({"auth": AuthSettings(local_profile="nobody")}, r"no \[principals.nobody\]"),
        ({"auth": AuthSettings(open_paths=("/mcp",))}, "open_paths: '/mcp' is none of"),
        ({"auth": AuthSettings(proxy_user_header="x-user")}, "http.trusted_proxies"),
        ({"auth": AuthSettings(proxy_groups_header="x-groups")}, "needs auth.proxy_user_header"),
        ({"tables": {"x": PrincipalSettings("x", certificates=("*",))}}, "tls.client_ca_file"),
        ({}, "no caller can ever belong to one"),
        ({"oauth": OAuthSettings(issuer=ISSUER)}, "oauth.resource"),
        ({"oauth": OAuthSettings(resource=AUDIENCE)}, "oauth.issuer: is not set"),
        ({"oauth": replace(OAUTH, issuer="http://idp.example.com")}, "oauth.issuer"),
        ({"oauth": replace(OAUTH, resource="mcp.example.com")}, "oauth.resource"),
        ({"oauth": replace(OAUTH, algorithms=("HS256",))}, "oauth.algorithms"),
        ({"oauth": replace(OAUTH, implied_scopes=("x",))}, "oauth.implied_scopes"),
        ({"oauth": replace(OAUTH, required_scopes=('a"b',))}, "oauth.required_scopes"),
        ({"oauth": replace(OAUTH, jwks_url="http://x.example.com")}, "oauth.jwks_url"),
    ],
)
def test_settings_that_mean_nothing(tmp_path: Path, sections: dict[str, Any], problem: str) -> None:
    """The start ends with the name of the setting."""
    with pytest.raises(ValueError, match=problem):
        World(tmp_path, **sections)


class Address:
    """Where a port is bound."""

    def __init__(self, host: str) -> None:
        self.host = host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "::1%lo"])
def test_ports_on_this_host_need_no_authentication(tmp_path: Path, host: str) -> None:
    """T-02: for laptops; Unix sockets neither."""
    world = World(tmp_path, principals=MappingProxyType({}))
    exposure = Exposure(world.auth, encrypted=False)
    exposure.admit("tcp:1", Address(host))  # type: ignore[arg-type]  # as far as it is looked at
    exposure.admit("unix:/x", object())  # type: ignore[arg-type]  # likewise
    assert not world.auth.exposed


def test_a_proxy_on_this_host_lets_others_in(tmp_path: Path, events: list[LogEvent]) -> None:
    """It may ask who they are itself, so it is a warning; with authentication there is none."""
    address: Any = Address("127.0.0.1")
    world = World(tmp_path, principals=MappingProxyType({}))
    Exposure(world.auth, encrypted=False, proxied=True).admit("tcp:1", address)
    assert "is served without a credential" in str(formatEvent(events[0]))
    world.auth.take(world.written(auth=world.tokens(("tone", "bi", None))))
    events.clear()
    Exposure(world.auth, encrypted=False, proxied=True).admit("tcp:1", address)
    assert events == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1", "x"])
def test_other_ports_do(tmp_path: Path, host: str, events: list[LogEvent]) -> None:
    """T-03: what to set is named; allowing everybody, or clear text, is a warning."""
    address: Any = Address(host)
    world = World(tmp_path, principals=MappingProxyType({}))
    with pytest.raises(ValueError, match=r"set auth\.token_file, \[oauth\]"):
        Exposure(world.auth, encrypted=True).admit("tcp:1", address)
    world.auth.take(replace(world.config, auth=AuthSettings(allow_anonymous=True)))
    Exposure(world.auth, encrypted=False).admit("tcp:1", address)
    world.auth.take(world.written(auth=world.tokens(("tone", "bi", None))))
    events.clear()
    Exposure(world.auth, encrypted=True).admit("tcp:1", address)
    Exposure(world.auth, encrypted=False).admit("ssl:1", address)
    assert events == []
    Exposure(world.auth, encrypted=False).admit("tcp:1", address)
    assert "clear text" in str(formatEvent(events[0]))
    assert world.auth.exposed
