"""Who is calling: every way in one place, at the start, at every request, after a reload."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.auth.access_tokens import KeysNeeded, looks_like_jwt
from snowflake_mcp.auth.attempts import Attempts
from snowflake_mcp.auth.caller import (
    Caller,
    Credentials,
    Evidence,
    Found,
    Unidentified,
    invalid_token,
    is_subject,
)
from snowflake_mcp.auth.challenges import challenge_of, resource_metadata
from snowflake_mcp.auth.membership import principal_of
from snowflake_mcp.auth.provider import Fetch
from snowflake_mcp.auth.tokens import PREFIX, Token
from snowflake_mcp.auth.watching import Watch, Watches
from snowflake_mcp.auth.ways import Ways, ways_of
from snowflake_mcp.config.model import Config
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.principal import LOCAL, Principal

__all__ = ["Authentication"]

_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
_COUNTED: Final = frozenset({"invalid", "expired", "malformed"})
"""Outcomes that somebody gets who tries credentials."""
_log = Logger()


class Authentication:
    """Turns what a request shows into its caller; reactor thread only.

    ``clock`` measures, ``wall_clock`` gives seconds since the epoch, which is what tokens end by.
    """

    def __init__(
        self,
        config: Config,
        fetch: Fetch,
        clock: IReactorTime,
        wall_clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        """Take the configuration; reads the token file, asks nobody yet.

        Raises:
            ValueError: a setting that means nothing, a file that cannot be read.
        """
        self._fetch = fetch
        self._clock = clock
        self._wall_clock = wall_clock
        self._metrics = metrics
        self._attempts = Attempts(clock)
        self._watches = Watches(clock, wall_clock, self._still)
        self._running = False
        self.tell_refused: Callable[[str, str, str], None] = _to_nobody
        """Told the address, what was tried and the code of each refusal, but for requests that
        show nothing: that is how a client learns what it needs."""
        self._ways = ways_of(config, fetch, clock)
        self.exposed = False
        """Set once a port is open that others than this host can reach."""
        self._warn()

    @property
    def ways(self) -> Ways:
        """What counts now."""
        return self._ways

    @property
    def is_open(self) -> bool:
        """Whether a caller needs no credential."""
        return not self._ways.names or self._ways.anonymous

    @property
    def local(self) -> Principal:
        """The caller on stdio, and the one without a credential.

        Raises:
            Unidentified: 403, its table is there no more.
        """
        profile = self._ways.local_profile
        if profile and profile not in self._ways.principals:
            raise Unidentified(
                403,
                "no_profile",
                "The table of local callers does not exist any more.",
                outcome="no_profile",
            )
        return Principal(LOCAL.name, profile) if profile else LOCAL

    def start(self) -> None:
        """Begin to fetch keys."""
        self._running = True
        if self._ways.access_tokens is not None:
            self._ways.access_tokens.source.start()

    def stop(self) -> None:
        """Fetch no more, watch nobody."""
        self._running = False
        self._watches.clear()
        if self._ways.access_tokens is not None:
            self._ways.access_tokens.source.stop()

    def problems(self, config: Config) -> list[str]:
        """Why ``take`` could not; reads the token file, changes nothing."""
        try:
            ways = ways_of(config, self._fetch, self._clock, self._ways)
        except ValueError as error:
            return [str(error)]
        if self.exposed and not ways.names and not ways.anonymous:
            return ["an open port needs authentication"]
        return []

    def take(self, config: Config) -> tuple[str, ...]:
        """From now on this configuration counts, and what its files hold now.

        What cannot be used is told in the log and leaves the credentials as they were; the
        tables of principals count all the same. Connections of callers whose credential or table
        is gone are ended. Returns what else has changed than settings: ``tokens``, where the token
        file holds others.
        """
        before, problem = self._ways, ""
        try:
            self._ways = ways_of(config, self._fetch, self._clock, before)
        except ValueError as error:
            problem = str(error)
        if self.exposed and not self._ways.names and not self._ways.anonymous:
            self._ways, problem = before, "an open port needs authentication"
        if problem:
            _log.error("reload: credentials count as before: {problem}", problem=problem)
            self._ways = replace(before, principals=config.principals)
        elif self._ways.access_tokens is not before.access_tokens:
            if before.access_tokens is not None:
                before.access_tokens.source.stop()
            if self._ways.access_tokens is not None and self._running:
                self._ways.access_tokens.source.start()
        self._warn()
        ended = self._watches.look()
        if ended:
            _log.info("reload: {count} connections lost their credential", count=ended)
        return ("tokens",) if _entries(before) != _entries(self._ways) else ()

    def identify(self, shown: Credentials) -> Found:
        """The caller of a request, or how to find out.

        Raises:
            Unidentified: with its headers.
        """
        try:
            return self._identify(shown)
        except KeysNeeded:
            return partial(self._identify_later, shown)
        except Unidentified as refused:
            raise self._refused(refused, shown) from None

    def finds_again(self, caller: Caller, ways: Ways | None) -> bool:
        """Whether what was found in these ``ways`` is found once more, and counts it then.

        For credentials that rest on the ways alone: what counted then has to count now.
        """
        if ways is not self._ways:
            return False
        if caller.expires is not None and caller.expires <= self._wall_clock():
            return False
        self._metrics.count("authentications", caller.evidence.method, "ok")
        return True

    def watch(self, caller: Caller, ended: Callable[[], None]) -> Watch:
        """Call ``ended`` once when the caller's credential ends, expires or is taken back."""
        return self._watches.add(caller, ended)

    def metadata(self) -> dict[str, Any] | None:
        """The protected-resource metadata; ``None`` where OAuth is not configured."""
        return resource_metadata(self._ways)

    def snapshot(self) -> dict[str, Any]:
        """For /status: which ways are on, and numbers; no names, no ids."""
        ways = self._ways
        return {
            "ways": ways.names,
            "anonymous": self.is_open,
            "tokens": len(ways.tokens or ()),
            "watched_connections": len(self._watches),
            "failing_addresses": len(self._attempts),
            **(
                {"provider": ways.access_tokens.source.snapshot()}
                if ways.access_tokens is not None
                else {}
            ),
        }

    async def _identify_later(self, shown: Credentials) -> Caller:
        """As ``identify``, once the provider has been asked for its keys."""
        if self._ways.access_tokens is not None:
            await self._ways.access_tokens.source.refresh()
        try:
            found = self._identify(shown)
        except KeysNeeded:
            # The keys have been asked for and are there, but were replaced meanwhile.
            refused = Unidentified(
                503, "keys_unavailable", "Tokens cannot be checked now.", outcome="unavailable"
            )
            raise self._refused(refused, shown) from None
        except Unidentified as refused:
            raise self._refused(refused, shown) from None
        return found

    def _identify(self, shown: Credentials) -> Caller:
        ways = self._ways
        if shown.in_query and ways.bearer:
            raise Unidentified(
                401,
                "token_in_query",
                "Tokens are taken from the Authorization header only.",
                outcome="malformed",
                error="invalid_request",
            )
        if shown.authorization and ways.bearer:
            return self._by_bearer(_bearer(shown), shown)
        if shown.certificate is not None and ways.certificates:
            return self._named("certificate", shown.certificate)
        if shown.user and ways.user_header:
            if len(shown.user) != 1:
                raise _malformed("The header that names the user appears more than once.")
            groups = ",".join(shown.groups).split(",")
            return self._named("proxy", shown.user[0].strip(), groups)
        if self.is_open:
            caller = Caller(self.local)
            self._metrics.count("authentications", "anonymous", "ok")
            return caller
        raise Unidentified(
            401 if ways.bearer else 403,
            "no_credential",
            "This server asks who is calling, and the request does not say.",
            outcome="missing",
        )

    def _by_bearer(self, bearer: str, shown: Credentials) -> Caller:
        ways, now = self._ways, self._wall_clock()
        if ways.access_tokens is not None and looks_like_jwt(bearer):
            if self._attempts.wait_s(shown.peer) and not ways.access_tokens.known(bearer, now):
                raise Unidentified(401, "limited", "", outcome="invalid", error="invalid_token")
            proven = ways.access_tokens.check(bearer, now)
            return self._admitted(proven.evidence, proven.expires)
        if ways.tokens is not None:
            token = ways.tokens.check(bearer if bearer.startswith(PREFIX) else "", now)
            return self._admitted(
                Evidence("token", token.id, token.principal, mark=token.digest), token.expires
            )
        raise invalid_token("The token is not known.")

    def _named(self, method: Any, name: str, groups: list[str] | None = None) -> Caller:
        if not is_subject(name):
            raise _malformed("The caller's name cannot be used.")
        found = frozenset(each.strip() for each in groups or () if each.strip())
        return self._admitted(Evidence(method, name, groups=found), None)

    def _admitted(self, evidence: Evidence, expires: float | None) -> Caller:
        caller = Caller(principal_of(evidence, self._ways.principals), evidence, expires)
        self._metrics.count("authentications", evidence.method, "ok")
        return caller

    def _refused(self, refused: Unidentified, shown: Credentials) -> Unidentified:
        """The refusal as it is answered: with its challenge, and counted."""
        self._metrics.count("authentications", self._method(shown), refused.outcome)
        wait_s = self._attempts.wait_s(shown.peer) if refused.outcome in _COUNTED else 0.0
        if refused.outcome in _COUNTED:
            self._attempts.failed(shown.peer)
        if wait_s:
            refused = Unidentified(
                429,
                "too_many_attempts",
                "Too many wrong credentials came from this address.",
                outcome="limited",
            )
            refused.headers = (("Retry-After", str(int(wait_s) + 1)),)
            self.tell_refused(shown.peer, self._method(shown), refused.code)
            return refused
        if refused.outcome != "missing":
            self.tell_refused(shown.peer, self._method(shown), refused.code)
            # The first request of a client has no token, and that is how it learns that it needs
            # one: no line for those.
            _log.info("a caller at {peer} is refused: {code}", peer=shown.peer, code=refused.code)
        if refused.status == 503:
            refused.headers = (("Retry-After", str(int(self._ways.oauth.refetch_s) + 1)),)
        elif (challenge := challenge_of(refused, self._ways)) is not None:
            refused.headers = (("WWW-Authenticate", challenge),)
        return refused

    def _method(self, shown: Credentials) -> str:
        """What was tried, for the metric; a fixed word."""
        if shown.authorization and self._ways.bearer:
            dots = shown.authorization[0].count(".")
            return "jwt" if dots == 2 and self._ways.access_tokens is not None else "token"
        if shown.certificate is not None and self._ways.certificates:
            return "certificate"
        return "proxy" if shown.user and self._ways.user_header else "anonymous"

    def _still(self, caller: Caller) -> bool:
        """Whether a caller who was let in before would be let in now as the same one."""
        evidence, ways = caller.evidence, self._ways
        try:
            if evidence.method == "anonymous":
                return self.is_open and self.local == caller.principal
            if principal_of(evidence, ways.principals) != caller.principal:
                return False
        except Unidentified:
            return False
        if evidence.method == "token":
            return ways.tokens is not None and ways.tokens.still(
                evidence.subject, evidence.mark, self._wall_clock()
            )
        if evidence.method == "jwt":
            return ways.access_tokens is not None and evidence.scopes.issuperset(
                ways.oauth.required_scopes
            )
        return ways.certificates if evidence.method == "certificate" else bool(ways.user_header)

    def _warn(self) -> None:
        ways = self._ways
        if ways.tokens is not None:
            unknown = sorted({each.principal for each in ways.tokens} - ways.principals.keys())
            if unknown:
                _log.warn(
                    "tokens name principals without a table, their callers get 403: {names}",
                    names=", ".join(unknown),
                )
        if ways.names:
            _log.info("callers are identified by {ways}", ways=", ".join(ways.names))
            if ways.anonymous:
                _log.warn("auth.allow_anonymous: callers without a credential are served as well")


def _entries(ways: Ways) -> list[Token]:
    return list(ways.tokens) if ways.tokens is not None else []


def _to_nobody(peer: str, method: str, code: str) -> None:
    """Where nobody wants to know."""


def _bearer(shown: Credentials) -> str:
    if len(shown.authorization) != 1:
        raise _malformed("The header Authorization appears more than once.")
    (value,) = shown.authorization
    match = _BEARER.fullmatch(value.strip())
    if match is not None:
        return match.group(1)
    if value.strip().lower().partition(" ")[0] == "bearer":
        raise _malformed("The bearer token is malformed.")
    raise Unidentified(
        401,
        "no_bearer",
        "This server takes bearer tokens.",
        outcome="malformed",
    )


def _malformed(message: str) -> Unidentified:
    return Unidentified(
        400, "malformed_credential", message, outcome="malformed", error="invalid_request"
    )
