"""Access tokens of a provider: what is accepted, and what each mistake is answered with."""

import json
from dataclasses import replace
from typing import Any

import pytest

from snowflake_mcp.auth.access_tokens import AccessTokens, KeysNeeded, looks_like_jwt
from snowflake_mcp.auth.caller import Unidentified
from snowflake_mcp.auth.keys import FixedKeys, KeySet, KeysUnusableError
from snowflake_mcp.config.model import OAuthSettings
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, unsigned

NOW = 1_000.0
SETTINGS = OAuthSettings(issuer=ISSUER, resource=AUDIENCE, required_scopes=("mcp",))
PROVIDER = Issuer(k1="RSA", k2="EC", k3="OKP")


def judge(**changes: Any) -> AccessTokens:
    """The judge of PROVIDER's tokens."""
    return AccessTokens(replace(SETTINGS, **changes), FixedKeys(PROVIDER.jwks()))


@pytest.mark.parametrize("kid", ["k1", "k2", "k3"])
def test_a_token_proves_its_user(kid: str) -> None:
    """Whatever the kind of key; the leeway belongs to its life."""
    proven = judge().check(PROVIDER.sign(kid, groups=["a", "b", 7], scope="mcp x"), NOW)
    assert proven.evidence.subject == "ana"
    assert proven.evidence.scopes == {"mcp", "x"}
    assert proven.evidence.groups == {"a", "b"}
    assert proven.expires == 2_030


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["https://other", AUDIENCE]},
        {"exp": 971},
        {"nbf": 1_029, "iat": 1_030},
        {"scope": None, "scp": ["mcp"]},
        {"scope": None, "scp": "mcp openid"},
        {"without": ("iat",)},
        {"headers": {"typ": "at+jwt"}},
    ],
)
def test_tokens_in_all_their_dialects(claims: dict[str, Any]) -> None:
    """Several audiences, clocks that differ, scopes under either name."""
    assert judge().check(PROVIDER.sign(**claims), NOW).evidence.subject == "ana"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": 970}, "expired"),
        ({"nbf": 1_031}, "not valid yet"),
        ({"iat": 1_031}, "not valid yet"),
        ({"without": ("exp",)}, "no time of expiry"),
        ({"exp": "2000"}, "exp is not a time"),
        ({"exp": True}, "exp is not a time"),
        ({"exp": 1e300}, "exp is not a time"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"without": ("iss",)}, "another issuer"),
        ({"aud": "https://mcp.example.com/"}, "not issued for this server"),
        ({"aud": {AUDIENCE: 1}}, "not issued for this server"),
        ({"without": ("aud",)}, "not issued for this server"),
        ({"sub": "a\nb"}, "does not name its user"),
        ({"without": ("sub",)}, "does not name its user"),
        ({"headers": {"crit": ["exp"]}}, "not understood|cannot be read"),
        ({"headers": {"kid": "k9"}}, "key that is not known"),
    ],
)
def test_what_is_wrong_with_a_token_is_a_401(claims: dict[str, Any], why: str) -> None:
    """A-03, A-05: signature, issuer, audience, times and user, each by itself."""
    with pytest.raises(Unidentified, match=why) as caught:
        judge().check(PROVIDER.sign(**claims), NOW)
    assert (caught.value.status, caught.value.error) == (401, "invalid_token")


def test_a_token_with_too_little_scope_is_a_403() -> None:
    """A-05: now and when it is known already; a broader scope will do."""
    bearer = PROVIDER.sign(scope="mcp.admin")
    known = judge()
    for _ in range(2):
        with pytest.raises(Unidentified) as caught:
            known.check(bearer, NOW)
        assert (caught.value.status, caught.value.error) == (403, "insufficient_scope")
    assert judge(implied_scopes=("mcp.admin=mcp",)).check(bearer, NOW).expires


def test_signatures_that_are_none() -> None:
    """A changed character, another's key, no signature, and a public key taken for a secret."""
    good = PROVIDER.sign()
    head, body, signature = good.split(".")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "root", "exp": 2_000, "scope": "mcp"}
    stranger = Issuer(z1="RSA").sign("z1", headers={"kid": "k1"})
    for wrong in (
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        stranger,
        unsigned({"alg": "none", "kid": "k1"}, claims),
        unsigned({"alg": "HS256", "kid": "k1"}, claims, b"x" * 32),
        unsigned({"alg": "RS256", "kid": "k2"}, claims, b"x" * 32),
        unsigned({"alg": ["RS256"], "kid": "k1"}, claims, b"x"),
        unsigned({"alg": "RS256", "kid": 7}, claims, b"x"),
        unsigned({"alg": "ES384", "kid": "k2"}, claims, b"x" * 96),
        "a.b.c",
        "..",
        "e30.e30.e30",
    ):
        with pytest.raises(Unidentified) as caught:
            judge().check(wrong, NOW)
        assert caught.value.status == 401


def test_only_asymmetric_signatures_can_be_configured() -> None:
    """Whoever could check a shared secret could also sign with it."""
    for name in ("none", "HS256", "RS1", ""):
        with pytest.raises(ValueError, match="algorithms"):
            judge(algorithms=(name,))
    with pytest.raises(ValueError, match="at least one"):
        judge(algorithms=())


def test_claims_that_name_user_and_groups() -> None:
    """By their own name, or by a path into objects; other audiences take the resource's place."""
    claims: dict[str, Any] = {
        "aud": "api://1",
        "email": "ana@x.com",
        "realm_access": {"roles": ["reader"]},
        "https://x/groups": ["g"],
    }
    bearer = PROVIDER.sign(**claims)
    evidence = judge(
        audiences=("api://1",), subject_claim="email", groups_claim="realm_access.roles"
    ).check(bearer, NOW)
    assert evidence.evidence.subject == "ana@x.com"
    assert evidence.evidence.groups == {"reader"}
    named = judge(audiences=("api://1",), groups_claim="https://x/groups").check(bearer, NOW)
    assert named.evidence.groups == {"g"}
    lost = judge(audiences=("api://1",), groups_claim="email.x").check(bearer, NOW)
    assert lost.evidence.groups == set()


class Keys:
    """A source whose keys change."""

    def __init__(self, provider: Issuer) -> None:
        self.current: KeySet | None = KeySet(provider.jwks())
        self.may_refresh = False


def test_a_token_is_checked_once_until_it_ends_or_the_keys_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signature costs a tenth of a millisecond, a look-up nothing."""
    source = Keys(PROVIDER)
    tokens = AccessTokens(SETTINGS, source)  # type: ignore[arg-type]  # as far as it is needed
    bearer = PROVIDER.sign()
    checked: list[str] = []
    really = tokens._signed

    def signed(token: str) -> Any:
        checked.append(token)
        return really(token)

    monkeypatch.setattr(tokens, "_signed", signed)
    assert tokens.known(bearer, NOW) is None
    for now in (NOW, NOW, 2_029.0):
        assert tokens.check(bearer, now).expires
    assert len(checked) == 1
    with pytest.raises(Unidentified, match="expired"):
        tokens.check(bearer, 2_030.0)
    assert len(checked) == 2
    tokens.check(bearer, NOW)
    source.current = KeySet(Issuer(k2="EC").jwks())
    with pytest.raises(Unidentified, match="key that is not known"):
        tokens.check(bearer, NOW)


def test_a_key_that_is_not_there_is_asked_for() -> None:
    """As long as asking may help; without any keys the answer is 503, as the token may be good."""
    source = Keys(PROVIDER)
    tokens = AccessTokens(SETTINGS, source)  # type: ignore[arg-type]  # as far as it is needed
    unknown = PROVIDER.sign(headers={"kid": "new"})
    source.may_refresh = True
    with pytest.raises(KeysNeeded):
        tokens.check(unknown, NOW)
    source.current = None
    with pytest.raises(KeysNeeded):
        tokens.check(PROVIDER.sign(), NOW)
    source.may_refresh = False
    with pytest.raises(Unidentified) as caught:
        tokens.check(PROVIDER.sign(), NOW)
    assert (caught.value.status, caught.value.error) == (503, "")


def test_a_token_without_a_key_id_finds_the_only_key_of_its_kind() -> None:
    """With two of the kind it would be a guess."""
    alone = AccessTokens(SETTINGS, FixedKeys(PROVIDER.jwks()))
    assert alone.check(PROVIDER.sign(headers={"kid": None}), NOW).expires
    two = AccessTokens(SETTINGS, FixedKeys(Issuer(k1="RSA", k4="RSA").jwks()))
    with pytest.raises(Unidentified, match="not known"):
        two.check(PROVIDER.sign(headers={"kid": None}), NOW)


def test_keys_that_are_not_used(events: list[Any]) -> None:
    """Short ones, broken ones, those for encryption, and keys for another algorithm."""
    keys = json.loads(Issuer(s="short RSA", k1="RSA").jwks())["keys"]
    keys[1]["alg"] = "RS512"
    keys += [{"kty": "RSA", "kid": "b", "n": "AQ"}, {"kty": "EC", "kid": "c", "use": "enc"}, 7]
    found = KeySet(json.dumps({"keys": keys}).encode())
    assert len(found) == 3
    for kid, algorithm in (("s", "RS256"), ("k1", "RS256"), ("b", "RS256"), ("c", "ES256")):
        assert found.find(kid, algorithm) is None
    assert found.find("k1", "RS512") is not None
    assert found.find("k1", "RS512") is found.find("k1", "RS512")


@pytest.mark.parametrize(
    "document", [b"", b"[]", b'{"keys": 1}', b'{"keys": []}', b'{"keys": [%s{}]}' % (b"{}," * 100)]
)
def test_documents_that_hold_no_keys(document: bytes) -> None:
    """Nothing to check a token with is an error, not an empty set."""
    with pytest.raises(KeysUnusableError):
        KeySet(document)


def test_what_looks_like_a_token_of_a_provider() -> None:
    """Two dots and a bounded length."""
    assert looks_like_jwt(PROVIDER.sign())
    assert not looks_like_jwt("smcp_a_b")
    assert not looks_like_jwt("a." * 2 + "x" * 20_000)
