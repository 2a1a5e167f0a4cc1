"""The public keys of an OAuth provider: which key a token needs, and how they are kept fresh."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from snowflake_mcp.config.model import OAuthSettings

__all__ = ["ALGORITHMS", "FetchedKeys", "FixedKeys", "KeySet", "KeySource", "KeysUnusableError"]

ALGORITHMS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "RS256": ("RSA", ()),
    "RS384": ("RSA", ()),
    "RS512": ("RSA", ()),
    "PS256": ("RSA", ()),
    "PS384": ("RSA", ()),
    "PS512": ("RSA", ()),
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}
"""What may be configured, with the kind of key and its curves. No ``none``, and nothing with a
shared secret: whoever could check such a token could also make one."""

_PUBLIC: Final = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
_MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2_048
_log = Logger()


class KeysUnusableError(Exception):
    """Keys that cannot be had or read; the text says why and is for operators."""


class KeySet:
    """The signing keys of one document (RFC 7517); immutable but for what is built on demand."""

    def __init__(self, document: bytes) -> None:
        """Read the document.

        Raises:
            KeysUnusableError: it is no key set, or has no key that could sign.
        """
        try:
            keys = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
        except msgspec.DecodeError:
            raise KeysUnusableError("is not JSON") from None
        if not isinstance(keys, list) or len(keys) > _MAX_KEYS:
            raise KeysUnusableError(f"has no list of at most {_MAX_KEYS} keys")
        self._keys = [
            {name: key[name] for name in _PUBLIC if name in key}
            for key in keys
            if isinstance(key, dict) and key.get("use", "sig") == "sig"
        ]
        if not self._keys:
            raise KeysUnusableError("has no key that signs")
        self._built: dict[tuple[str | None, str], Any] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeySet) and other._keys == self._keys

    __hash__ = None  # type: ignore[assignment]  # it is compared, never looked up

    def find(self, kid: str | None, algorithm: str) -> Any:
        """The key of that id for an algorithm, as PyJWT takes it; ``None`` when there is none.

        A token without a key id finds the only key of the kind, if there is only one.
        """
        at = (kid, algorithm)
        if at not in self._built:
            found = self._fitting(kid, algorithm)
            if found is None:
                # Nothing is kept of what a client made up.
                return None
            self._built[at] = found
        return self._built[at]

    def _fitting(self, kid: str | None, algorithm: str) -> Any:
        kind, curves = ALGORITHMS[algorithm]
        fitting = [
            key
            for key in self._keys
            if key.get("kty") == kind
            and key.get("alg", algorithm) == algorithm
            and (not curves or key.get("crv") in curves)
            and (kid is None or key.get("kid") == kid)
        ]
        if not fitting or (kid is None and len(fitting) > 1):
            return None
        return _public_key(fitting[0], algorithm)


def _public_key(key: Mapping[str, Any], algorithm: str) -> Any:
    try:
        found = PyJWK(dict(key), algorithm=algorithm)
    except (PyJWTError, ValueError, TypeError):
        _log.warn("a key of the OAuth provider cannot be read")
        return None
    if isinstance(found.key, RSAPublicKey) and found.key.key_size < _MIN_RSA_BITS:
        _log.warn("a key of the OAuth provider is shorter than 2048 bits and is not used")
        return None
    return found


class KeySource(Protocol):
    """Where keys come from."""

    @property
    def current(self) -> KeySet | None:
        """The keys that count now; ``None`` when there are none to trust."""

    @property
    def may_refresh(self) -> bool:
        """Whether asking again now could bring keys that are not known yet."""

    def refresh(self) -> Deferred[None]:
        """Ask, or join whoever asks; fires when it is over, however it went."""

    def start(self) -> None:
        """Begin to keep the keys fresh."""

    def stop(self) -> None:
        """End everything; waiting ``refresh`` calls fire."""

    def snapshot(self) -> dict[str, object]:
        """For /status."""


class FixedKeys:
    """Keys from a file; they change with a reload only."""

    may_refresh = False

    def __init__(self, document: bytes) -> None:
        """Read the document.

        Raises:
            KeysUnusableError: it holds no usable keys.
        """
        self.current: KeySet | None = KeySet(document)

    def refresh(self) -> Deferred[None]:
        """Nothing is to be asked."""
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to end."""

    def snapshot(self) -> dict[str, object]:
        """How many keys there are."""
        return {"keys": len(self.current or ()), "source": "file"}


class FetchedKeys:
    """Keys from the provider, fetched ahead and again; reactor thread only.

    They are asked for again after ``keys_cache_s``, and sooner when a token names a key that is
    not among them, but never more often than every ``refetch_s``. While the provider cannot be
    reached the old ones count for ``keys_stale_s`` more; after that there are none.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[bytes]], clock: IReactorTime, settings: OAuthSettings
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._settings = settings
        self._keys: KeySet | None = None
        self._fetched_s = 0.0
        self._asked_s: float | None = None
        self._asking: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []
        self._timer: IDelayedCall | None = None
        self._running = False
        self._failed = 0

    @property
    def current(self) -> KeySet | None:
        """The keys, unless they are too old to be trusted."""
        bound = self._settings.keys_cache_s + self._settings.keys_stale_s
        if self._keys is None or self._age_s() > bound:
            return None
        return self._keys

    @property
    def may_refresh(self) -> bool:
        """Whether somebody is asking, or the last time was long enough ago."""
        if self._asking is not None:
            return True
        return self._asked_s is None or (
            self._clock.seconds() - self._asked_s >= self._settings.refetch_s
        )

    def refresh(self) -> Deferred[None]:
        """Ask the provider, or wait with those who do; it may not be time yet."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        if self._asking is None:
            if self.may_refresh:
                self._ask()
            else:
                self._release()
        return waiting

    def start(self) -> None:
        """Fetch, so that the first caller need not wait."""
        self._running = True
        self._ask()

    def stop(self) -> None:
        """Ask no more."""
        self._running = False
        self._stop_timer()
        if self._asking is not None:
            self._asking.cancel()

    def snapshot(self) -> dict[str, object]:
        """How many keys, how old, and whether the provider answers."""
        known = self._keys is not None
        return {
            "keys": len(self._keys or ()),
            "source": "provider",
            "age_s": round(self._age_s()) if known else None,
            "failed_fetches": self._failed,
        }

    def _age_s(self) -> float:
        return self._clock.seconds() - self._fetched_s

    def _ask(self) -> None:
        self._stop_timer()
        self._asked_s = self._clock.seconds()
        asking = Deferred.fromCoroutine(self._renew())
        if not asking.called:
            self._asking = asking
        asking.addBoth(self._asked)

    async def _renew(self) -> None:
        try:
            keys = KeySet(await self._fetch())
        except CancelledError:
            raise
        except KeysUnusableError as error:
            self._failed += 1
            _log.warn("the keys of the OAuth provider: {problem}", problem=str(error))
            return
        except Exception:  # noqa: BLE001 - whatever it is, the old keys go on and it is told
            self._failed += 1
            _log.failure("the keys of the OAuth provider could not be fetched")
            return
        self._failed = 0
        self._fetched_s = self._clock.seconds()
        if keys != self._keys:
            # Otherwise what has been built of the keys stays in use.
            self._keys = keys
            _log.info("the OAuth provider has {count} signing keys", count=len(keys))

    def _asked(self, _: object) -> None:
        self._asking = None
        if self._running:
            settings = self._settings
            again_s = settings.refetch_s if self._failed else settings.keys_cache_s
            self._timer = self._clock.callLater(again_s, self._ask)
        self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
