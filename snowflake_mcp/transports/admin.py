"""The admin surface over REST: what runs, who is connected, and the levers of an operator.

Every route is one row of ``ACTIONS``. For callers without the right ``admin`` none of the paths
exists: they are answered as any path that is not there, so that nobody learns who has the right.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.ops.doors import MAX_MESSAGE_CHARS
from snowflake_mcp.protocol.jsonrpc import MalformedMessageError, decode
from snowflake_mcp.transports.exchange import Exchange, Refusal, encode_problem
from snowflake_mcp.transports.levers import AdminSource, Answer
from snowflake_mcp.transports.tree import Endpoint, Route

__all__ = [
    "ACTIONS",
    "Action",
    "AdminSurface",
    "Nothing",
    "given_by",
    "same_site",
]

_log = Logger()

_MESSAGE_CHARS: Final = 300
_SUBJECT_CHARS: Final = 200
_OWN_SITE: Final = frozenset({"same-origin", "none"})

_NO_AUDIT: Final = "The audit cannot be written, and nothing is done here that is not recorded."


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """Where nothing is to be said."""


class _Kill(msgspec.Struct, forbid_unknown_fields=True):
    request: str


class _End(msgspec.Struct, forbid_unknown_fields=True):
    session: str


class _Drain(msgspec.Struct, forbid_unknown_fields=True):
    active: bool


class _Maintain(msgspec.Struct, forbid_unknown_fields=True):
    message: Annotated[str, msgspec.Meta(max_length=MAX_MESSAGE_CHARS, pattern=r"\S")] | None


class _Last(msgspec.Struct, forbid_unknown_fields=True):
    last: Annotated[int, msgspec.Meta(ge=1, le=200)] = 20


class _Who(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One method of one path."""

    method: str
    path: str
    summary: str
    takes: type[msgspec.Struct]
    """The body of a POST, the query parameters of a GET."""
    run: Callable[[AdminSource, Any], Answer | Awaitable[Answer]]

    @property
    def name(self) -> str:
        """As the audit and the command call it: ``statements/kill``."""
        return self.path.removeprefix("/admin/")


ACTIONS: Final[Sequence[Action]] = (
    Action(
        "GET",
        "/admin/overview",
        "Health checks, running statements, sessions, pool, trend and refusals at once",
        Nothing,
        lambda source, _: source.overview(),
    ),
    Action(
        "GET",
        "/admin/statements",
        "What runs, of all principals",
        Nothing,
        lambda source, _: source.statements(),
    ),
    Action(
        "POST",
        "/admin/statements/kill",
        "Stop a call and abort its statement in Snowflake",
        _Kill,
        lambda source, given: source.kill(given.request),
    ),
    Action(
        "GET",
        "/admin/sessions",
        "Who is connected: handshake-era sessions, WebSockets, SSE streams",
        Nothing,
        lambda source, _: source.sessions(),
    ),
    Action(
        "POST",
        "/admin/sessions/end",
        "End a session; what runs in it stops",
        _End,
        lambda source, given: source.end_session(given.session),
    ),
    Action(
        "GET",
        "/admin/doors",
        "Whether the server drains or is in maintenance",
        Nothing,
        lambda source, _: source.doors(),
    ),
    Action(
        "POST",
        "/admin/drain",
        "Be not ready and refuse new tool calls, or take them again",
        _Drain,
        lambda source, given: source.drain(given.active),
    ),
    Action(
        "POST",
        "/admin/maintenance",
        "Refuse new tool calls with a message that agents see; null ends it",
        _Maintain,
        lambda source, given: source.maintain(given.message),
    ),
    Action(
        "POST",
        "/admin/pool/reset",
        "Close idle Snowflake sessions and let a login be tried at once",
        Nothing,
        lambda source, _: source.reset_pool(),
    ),
    Action(
        "POST",
        "/admin/reload",
        "Read the configuration again, as at SIGHUP; names the settings that changed",
        Nothing,
        lambda source, _: source.reload(),
    ),
    Action(
        "GET",
        "/admin/breaker",
        "The circuit breaker of each Snowflake connection in use",
        Nothing,
        lambda source, _: {"breakers": source.breakers()},
    ),
    Action(
        "POST",
        "/admin/breaker/reset",
        "Let all statements try again",
        Nothing,
        lambda source, _: source.reset_breakers(),
    ),
    Action(
        "GET",
        "/admin/audit",
        "The last records of the audit, without the text of statements",
        _Last,
        lambda source, given: source.audit(given.last),
    ),
    Action(
        "GET",
        "/admin/principals",
        "The principals' tables; with name, the settings that count for one now",
        _Who,
        lambda source, given: (
            source.profile(given.name) if given.name else {"principals": source.profiles()}
        ),
    ),
)
"""The whole surface; a test calls each row without the right."""


def same_site(exchange: Exchange) -> bool:
    """Whether no page of another site makes a browser ask this.

    Where no credential is needed (loopback, a certificate) a browser would lend its own.
    """
    site = exchange.header("sec-fetch-site")
    return site is None or site in _OWN_SITE


class AdminSurface:
    """The routes of ``ACTIONS``; reactor thread only."""

    def __init__(self, source: AdminSource) -> None:
        self._source = source

    def routes(self) -> list[Route]:
        """Where they are."""
        paths: dict[str, dict[str, Endpoint]] = {}
        for action in ACTIONS:
            paths.setdefault(action.path, {})[action.method] = self._endpoint(action)
        return [
            Route(path, methods, admits=self.admits, cors=False) for path, methods in paths.items()
        ]

    def admits(self, exchange: Exchange) -> bool:
        """Whether this caller may know of the surface."""
        return same_site(exchange) and self._source.may(exchange.caller, exchange.peer)

    def _endpoint(self, action: Action) -> Endpoint:
        def answer(exchange: Exchange) -> None:
            running = Deferred.fromCoroutine(self._run(action, exchange))
            exchange.on_gone(running.cancel)
            running.addErrback(_expect_cancelled)

        return answer

    async def _run(self, action: Action, exchange: Exchange) -> None:
        subject = ""
        if not self._source.may_go_on():
            exchange.respond(503, encode_problem("no_audit", _NO_AUDIT))
            return
        try:
            given = given_by(exchange, action.takes)
            subject = _printable(", ".join(map(str, msgspec.to_builtins(given).values())))
            found = action.run(self._source, given)
            body = found if isinstance(found, dict) else await found
        except CancelledError:
            self._source.record(exchange, action.name, subject, "gone")
            raise
        except Refusal as refusal:
            status, code, message = refusal.status, refusal.code, refusal.message
        except LookupError as error:
            status, code, message = 404, "unknown_subject", str(error.args[0])
        except ValueError as error:
            status, code, message = 400, "invalid_argument", str(error)
        except Exception:  # noqa: BLE001 - a fault of ours is logged, and answered as one
            _log.failure("admin {action} failed", action=action.name)
            status, code, message = 500, "internal", f"Internal error ({exchange.request_id})."
        else:
            self._source.record(exchange, action.name, subject, "ok")
            exchange.respond(200, msgspec.json.encode(body))
            return
        self._source.record(exchange, action.name, subject, code)
        exchange.respond(status, encode_problem(code, message))


def given_by(exchange: Exchange, takes: type[msgspec.Struct]) -> msgspec.Struct:
    """The body of a POST, the query of anything else, checked.

    Raises:
        Refusal: 400.
    """
    try:
        posted = exchange.verb == "POST"
        raw = decode(exchange.body) if posted else _query(exchange.query)
        # The query string has texts only, so numbers in it are converted.
        return msgspec.convert(raw, takes, strict=posted)
    except MalformedMessageError as error:
        raise Refusal(400, "bad_json", error.message) from None
    except msgspec.ValidationError as error:
        raise Refusal(400, "invalid_argument", str(error)[:_MESSAGE_CHARS]) from None


def _printable(text: str) -> str:
    """What a caller wrote, as it may stand in a line of the log."""
    return "".join(ch if ch.isprintable() else "?" for ch in text[:_SUBJECT_CHARS])


def _query(text: str) -> Mapping[str, str]:
    return {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _expect_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)
