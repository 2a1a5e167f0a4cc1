"""Session tokens and master tokens: given out, expired, renewed, taken back."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.ids import new_token

__all__ = ["MASTER_TOKEN_S", "SESSION_TOKEN_S", "Pair", "Tokens"]

SESSION_TOKEN_S: Final = 3_600
MASTER_TOKEN_S: Final = 14_400
"""What Snowflake's login answers say: one hour and four hours."""

_KEPT_PAIRS: Final = 8
"""A session's older tokens are forgotten; a client has long stopped using them."""
_KEPT_GONE: Final = 10_000

Holder = TypeVar("Holder", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two tokens that a client gets, and for how many seconds each is good."""

    token: str
    master_token: str
    token_s: int
    master_token_s: int


@dataclass(slots=True)
class _Kept(Generic[Holder]):
    holder: Holder
    token_until: float
    master_until: float
    pair: Pair


class Tokens(Generic[Holder]):
    """Who holds which tokens, and how long they are good; reactor thread only.

    Codes as the connectors know them: 390104 an unknown session token, 390111 a session that
    has ended, 390112 an expired session token; for renewals 390113 no master token, 390114 an
    expired one, 390115 an unknown one.
    """

    def __init__(
        self,
        now: Callable[[], float],
        token_s: int = SESSION_TOKEN_S,
        master_token_s: int = MASTER_TOKEN_S,
    ) -> None:
        """``now`` gives seconds on a clock that never jumps."""
        self._now = now
        self._token_s = token_s
        self._master_token_s = master_token_s
        self._by_token: dict[str, _Kept[Holder]] = {}
        self._by_master: dict[str, _Kept[Holder]] = {}
        self._of: dict[Holder, list[_Kept[Holder]]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def issue(self, holder: Holder) -> Pair:
        """New tokens; those of before stay good for as long as they were to be."""
        now = self._now()
        pair = Pair(new_token(), new_token(), self._token_s, self._master_token_s)
        kept = _Kept(holder, now + self._token_s, now + self._master_token_s, pair)
        held = self._of.setdefault(holder, [])
        held.append(kept)
        self._by_token[pair.token] = self._by_master[pair.master_token] = kept
        if len(held) > _KEPT_PAIRS:
            self._drop(held.pop(0))
        return pair

    def holder(self, token: str) -> Holder:
        """Whose session token this is.

        :raises StatementFailed: 390104, 390111 or 390112.
        """
        kept = self._by_token.get(token)
        if kept is None:
            if token in self._gone:
                raise _refused("390111", "The session has ended. Log in again.")
            raise _refused("390104", "The session token is not known. Log in again.")
        if self._now() >= kept.token_until:
            raise _refused("390112", "The session token has expired. Renew it.")
        return kept.holder

    def known(self, token: str) -> Holder | None:
        """Whose session token this is or was, while the session lasts."""
        kept = self._by_token.get(token)
        return None if kept is None else kept.holder

    def renew(self, master_token: str) -> tuple[Holder, Pair]:
        """New tokens for the holder of a master token.

        :raises StatementFailed: 390111, 390113, 390114 or 390115.
        """
        kept = self._by_master.get(master_token)
        if kept is None:
            if not master_token:
                raise _refused("390113", "There is no master token. Log in again.")
            if master_token in self._gone:
                raise _refused("390111", "The session has ended. Log in again.")
            raise _refused("390115", "The master token is not known. Log in again.")
        if self._now() >= kept.master_until:
            raise _refused("390114", "The master token has expired. Log in again.")
        return kept.holder, self.issue(kept.holder)

    def extend(self, holder: Holder) -> None:
        """A heartbeat: master tokens that are good are good for their whole time again."""
        now = self._now()
        for kept in self._of.get(holder, ()):
            if kept.master_until > now:
                kept.master_until = now + self._master_token_s

    def expire(self, holder: Holder, *, master: bool) -> None:
        """Let the session tokens expire now, and the master tokens too if ``master``."""
        now = self._now()
        for kept in self._of.get(holder, ()):
            kept.token_until = min(kept.token_until, now)
            if master:
                kept.master_until = min(kept.master_until, now)

    def revoke(self, holder: Holder) -> None:
        """The session is over: all its tokens are."""
        for kept in self._of.pop(holder, ()):
            self._drop(kept)
            for token in (kept.pair.token, kept.pair.master_token):
                self._gone[token] = None
        while len(self._gone) > _KEPT_GONE:
            self._gone.popitem(last=False)

    def left(self, holder: Holder) -> tuple[float, float]:
        """For how many seconds a session token and a master token of ``holder`` are good."""
        now = self._now()
        held = self._of.get(holder, ())
        return (
            max((kept.token_until - now for kept in held), default=0.0),
            max((kept.master_until - now for kept in held), default=0.0),
        )

    def _drop(self, kept: _Kept[Holder]) -> None:
        self._by_token.pop(kept.pair.token, None)
        self._by_master.pop(kept.pair.master_token, None)


def _refused(code: str, message: str) -> StatementFailed:
    return StatementFailed(code, "08001", message)
