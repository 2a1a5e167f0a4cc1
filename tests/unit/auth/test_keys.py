"""The provider's keys: fetched ahead, again, when needed, and never too often."""

from collections.abc import Awaitable
from functools import partial
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from snowflake_mcp.auth.keys import FetchedKeys, FixedKeys, KeysUnusableError
from snowflake_mcp.auth.provider import check_url, key_source, metadata_urls
from snowflake_mcp.config.model import OAuthSettings
from tests.support.issuer import AUDIENCE, ISSUER, Issuer

SETTINGS = OAuthSettings(
    issuer=ISSUER, resource=AUDIENCE, keys_cache_s=600, keys_stale_s=3_600, refetch_s=30
)


class Provider:
    """Documents that come when the test says so."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: list[str] = []
        self.answers: list[Deferred[bytes]] = []
        self.keys = FetchedKeys(lambda: self.fetch("keys", 10.0), self.clock, SETTINGS)

    def fetch(self, url: str, within_s: float) -> Awaitable[bytes]:
        self.asked.append(url)
        self.answers.append(Deferred())
        return self.answers[-1]

    def answer(self, issuer: Issuer) -> None:
        self.answers.pop(0).callback(issuer.jwks())

    def fail(self) -> None:
        self.answers.pop(0).errback(KeysUnusableError("https://idp answers 500"))


def _note(done: list[int], number: int, _: object) -> None:
    done.append(number)


OLD, NEW = Issuer(k1="EC"), Issuer(k1="EC", k2="EC")


def has(keys: FetchedKeys, kid: str) -> bool:
    """Whether a key is known now."""
    return keys.current is not None and keys.current.find(kid, "ES256") is not None


def test_keys_are_fetched_ahead_and_again() -> None:
    """Before the first caller, then in the background; what is unchanged stays the same object."""
    provider = Provider()
    keys = provider.keys
    keys.start()
    assert keys.current is None
    provider.answer(OLD)
    known = keys.current
    assert has(keys, "k1")
    provider.clock.advance(599)
    assert len(provider.asked) == 1
    provider.clock.advance(1)
    provider.answer(OLD)
    assert keys.current is known
    provider.clock.advance(600)
    provider.answer(NEW)
    assert has(keys, "k2")
    assert keys.snapshot() == {"keys": 2, "source": "provider", "age_s": 0, "failed_fetches": 0}
    keys.stop()
    assert provider.clock.getDelayedCalls() == []


def test_everybody_who_needs_a_key_waits_for_the_same_answer() -> None:
    """However many ask, the provider is asked once; and not again before it is time."""
    provider = Provider()
    keys = provider.keys
    done: list[int] = []
    for number in range(3):
        keys.refresh().addCallback(partial(_note, done, number))
    assert (len(provider.asked), done) == (1, [])
    provider.answer(OLD)
    assert done == [0, 1, 2]
    soon: Any = keys
    assert not soon.may_refresh
    keys.refresh().addCallback(partial(_note, done, 3))
    assert (len(provider.asked), done) == (1, [0, 1, 2, 3])
    provider.clock.advance(30)
    assert keys.may_refresh
    waiting = keys.refresh()
    assert len(provider.asked) == 2
    waiting.addErrback(partial(_note, done, 4))
    waiting.cancel()
    provider.answer(NEW)
    assert done[-1] == 4
    assert has(keys, "k2")


def test_old_keys_count_while_the_provider_is_away(events: list[LogEvent]) -> None:
    """For a bounded time; it is asked again and again, and each time told."""
    provider = Provider()
    keys = provider.keys
    keys.start()
    provider.answer(OLD)
    provider.clock.advance(600)
    for _ in range(120):
        provider.fail()
        assert has(keys, "k1")
        provider.clock.advance(30)
    assert has(keys, "k1")
    provider.fail()
    provider.clock.advance(30)
    assert keys.current is None
    assert keys.snapshot()["failed_fetches"] == 121
    provider.answer(NEW)
    assert has(keys, "k2")
    assert sum("answers 500" in str(event.get("problem")) for event in events) == 121
    keys.stop()


def test_a_fault_of_ours_is_one_more_failure(events: list[LogEvent]) -> None:
    """It is logged, the old keys go on, and nobody waits for ever."""
    provider = Provider()
    waiting = provider.keys.refresh()
    provider.answers.pop().errback(RuntimeError("oh"))
    assert waiting.called
    assert [event["log_failure"].value.args for event in events if "log_failure" in event] == [
        ("oh",)
    ]


def test_a_stop_ends_the_question() -> None:
    """Nothing is left waiting."""
    provider = Provider()
    provider.keys.start()
    waiting = provider.keys.refresh()
    provider.keys.stop()
    assert waiting.called
    assert provider.clock.getDelayedCalls() == []


def test_where_metadata_is() -> None:
    """OpenID Connect appends, RFC 8414 inserts."""
    assert metadata_urls(ISSUER) == (
        "https://idp.example.com/realms/one/.well-known/openid-configuration",
        "https://idp.example.com/.well-known/oauth-authorization-server/realms/one",
    )
    assert metadata_urls("https://x/")[1] == "https://x/.well-known/oauth-authorization-server"


def discovered(provider: Provider, **changes: object) -> None:
    """Answer the first question with metadata."""
    provider.answers.pop(0).callback(OLD.metadata(**changes))


def test_keys_are_found_through_the_issuer() -> None:
    """The second place is tried when the first has nothing; the keys come from where it says."""
    provider = Provider()
    source = key_source(SETTINGS, provider.fetch, provider.clock)
    source.start()
    provider.fail()
    discovered(provider)
    provider.answer(OLD)
    assert provider.asked == [*metadata_urls(ISSUER), f"{ISSUER}/keys"]
    assert source.current is not None
    source.stop()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "https://evil.example.com"}, "names another issuer"),
        ({"jwks_uri": "http://idp.example.com/keys"}, "https://"),
        ({"jwks_uri": None}, "no jwks_uri"),
    ],
)
def test_metadata_that_is_not_believed(
    changes: dict[str, object], why: str, events: list[LogEvent]
) -> None:
    """Keys must not come over an open line, nor from somebody else."""
    provider = Provider()
    source = key_source(SETTINGS, provider.fetch, provider.clock)
    source.start()
    discovered(provider, **changes)
    provider.answers.pop(0).callback(b"no json")
    assert source.current is None
    assert why in str([event.get("problem") for event in events])
    source.stop()


def test_keys_of_a_file_and_of_a_url(tmp_path: object) -> None:
    """Neither asks the issuer."""
    provider = Provider()
    file = tmp_path / "jwks.json"  # type: ignore[operator]  # it is a path
    file.write_bytes(OLD.jwks())
    settings = OAuthSettings(issuer=ISSUER, resource=AUDIENCE, jwks_file=str(file))
    source = key_source(settings, provider.fetch, provider.clock)
    assert isinstance(source, FixedKeys)
    source.start()
    assert source.refresh().called
    assert source.snapshot() == {"keys": 1, "source": "file"}
    source.stop()
    settings = OAuthSettings(issuer=ISSUER, resource=AUDIENCE, jwks_url="https://idp/k")
    key_source(settings, provider.fetch, provider.clock).refresh()
    assert provider.asked == ["https://idp/k"]
    file.write_text("{}")
    for path, why in ((file, "no list"), (f"{file}x", "No such file")):
        wrong = OAuthSettings(issuer=ISSUER, resource=AUDIENCE, jwks_file=str(path))
        with pytest.raises(ValueError, match=why):
            key_source(wrong, provider.fetch, provider.clock)


@pytest.mark.parametrize(
    "url",
    ["https://idp.example.com/x?y", "http://127.0.0.1:1/x", "http://localhost", "https://[::1]"],
)
def test_places_that_may_be_asked(url: str) -> None:
    """TLS everywhere but on this host."""
    assert check_url("oauth.issuer", url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example.com",
        "ftp://127.0.0.1",
        "https://",
        "idp.example.com",
        "https://u:p@idp.example.com",
        "https://idp.example.com/#x",
        'https://idp.example.com/"x',
        "https://idp.example.com/\n",
        "https://idp.example.com:x",
        "https://[::1",
        "https://é.example.com",
    ],
)
def test_places_that_may_not_be_asked(url: str) -> None:
    """The setting is named."""
    with pytest.raises(ValueError, match=r"oauth\.issuer"):
        check_url("oauth.issuer", url)
