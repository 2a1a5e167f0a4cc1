"""``snowflake-mcp admin``: the admin surface of a running server, from a shell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TextIO

import msgspec

from snowflake_mcp.commands.client import Client, Reply, UnreachableError
from snowflake_mcp.commands.tables import listed, table

__all__ = ["ADMIN_EXIT", "DEFAULT_URL", "ORDERS", "Order", "run"]

DEFAULT_URL: Final = "http://127.0.0.1:8000"

ADMIN_EXIT: Final = {"ok": 0, "refused": 1, "usage": 2, "unreachable": 3, "no right": 4}
"""Exit statuses by what they mean."""

Answer = Mapping[str, Any]
Lines = Iterator[str]

_STATEMENTS: Final = {
    "request": "REQUEST",
    "principal": "PRINCIPAL",
    "tool": "TOOL",
    "status": "STATUS",
    "elapsed_s": "SECONDS",
    "connection": "CONNECTION",
    "query_id": "QUERY ID",
    "client": "CLIENT",
}
_SESSIONS: Final = {
    "id": "SESSION",
    "kind": "KIND",
    "principal": "PRINCIPAL",
    "client": "CLIENT",
    "address": "ADDRESS",
    "age_s": "AGE S",
    "idle_s": "IDLE S",
    "in_flight": "RUNNING",
}
_BREAKERS: Final = {
    "connection": "CONNECTION",
    "state": "STATE",
    "failures": "FAILURES",
    "opened": "OPENED",
    "retry_in_s": "RETRY IN S",
}
_RECORDS: Final = {
    "seq": "SEQ",
    "event": "EVENT",
    "principal": "PRINCIPAL",
    "peer": "PEER",
    "tool": "TOOL",
    "action": "ACTION",
    "target": "TARGET",
    "verdict": "VERDICT",
    "outcome": "OUTCOME",
    "request_id": "REQUEST",
}
_CHECKS: Final = {
    "name": "CHECK",
    "ok": "OK",
    "vital": "VITAL",
    "age_s": "AGE S",
    "detail": "DETAIL",
}


@dataclass(frozen=True, slots=True)
class Order:
    """One action of the command."""

    method: str
    path: str
    help: str
    subject: str = ""
    """What has to follow the action, for the usage message; in brackets where it may be left."""
    given: Callable[[str], dict[str, Any]] = lambda _subject: {}
    """The body or the query for a subject.

    Raises:
        ValueError: the subject means nothing.
    """
    show: Callable[[Answer], Lines] = listed

    def usage(self, name: str) -> str:
        """The action with what has to follow it."""
        return f"{name} {self.subject}".rstrip()


def _switch(word: str) -> dict[str, Any]:
    if word not in ("on", "off"):
        raise ValueError("say on or off")
    return {"active": word == "on"}


def _audit(answer: Answer) -> Lines:
    if not answer["on"]:
        return iter(["the audit is off: audit.file is not set"])
    return table(answer["records"], _RECORDS, "no record yet")


def _overview(answer: Answer) -> Lines:
    yield f"{'ready' if answer['ready'] else 'NOT READY'}, up {answer['uptime_seconds']:.0f} s"
    if answer["maintenance"] is not None:
        yield f"in maintenance: {answer['maintenance']}"
    if answer["draining"]:
        yield "draining: new tool calls are refused"
    yield from table(answer["checks"], _CHECKS, "no checks")
    yield ""
    yield from table(answer["statements"], _STATEMENTS, "nothing runs")


ORDERS: Final[Mapping[str, Order]] = {
    "overview": Order("GET", "/admin/overview", "Health checks and what runs.", show=_overview),
    "statements": Order(
        "GET",
        "/admin/statements",
        "What runs, of all principals.",
        show=lambda answer: table(answer["statements"], _STATEMENTS, "nothing runs"),
    ),
    "kill": Order(
        "POST",
        "/admin/statements/kill",
        "Stop a call and abort its statement in Snowflake.",
        "REQUEST",
        lambda subject: {"request": subject},
    ),
    "sessions": Order(
        "GET",
        "/admin/sessions",
        "Who is connected.",
        show=lambda answer: table(answer["sessions"], _SESSIONS, "nobody is connected"),
    ),
    "end": Order(
        "POST",
        "/admin/sessions/end",
        "End a session; what runs in it stops.",
        "SESSION",
        lambda subject: {"session": subject},
    ),
    "doors": Order("GET", "/admin/doors", "Whether the server drains or is in maintenance."),
    "drain": Order(
        "POST",
        "/admin/drain",
        "Be not ready and refuse new tool calls, or take them again.",
        "on|off",
        _switch,
    ),
    "maintenance": Order(
        "POST",
        "/admin/maintenance",
        "Refuse new tool calls with a message that agents see; off ends it.",
        "MESSAGE|off",
        lambda subject: {"message": None if subject == "off" else subject},
    ),
    "pool-reset": Order(
        "POST", "/admin/pool/reset", "Close idle Snowflake sessions; let a login be tried at once."
    ),
    "reload": Order(
        "POST", "/admin/reload", "Read the configuration again, as at SIGHUP; say what changed."
    ),
    "breaker": Order(
        "GET",
        "/admin/breaker",
        "The circuit breaker of each Snowflake connection in use.",
        show=lambda answer: table(answer["breakers"], _BREAKERS, "no connection is in use"),
    ),
    "breaker-reset": Order("POST", "/admin/breaker/reset", "Let all statements try again."),
    "audit": Order(
        "GET",
        "/admin/audit",
        "The last records of the audit; 20, or as many as are asked for.",
        "[COUNT]",
        lambda subject: {"last": subject} if subject else {},
        _audit,
    ),
    "principals": Order(
        "GET",
        "/admin/principals",
        "The principals' tables, or the settings that count for one now.",
        "[NAME]",
        lambda subject: {"name": subject} if subject else {},
    ),
}
"""By the word that the operator types."""


def run(
    action: str,
    words: Sequence[str],
    *,
    url: str,
    token_file: str | None,
    as_json: bool,
    out: TextIO,
    err: TextIO,
) -> int:
    """Carry out an action and print what came of it; the exit status. Blocks."""
    order = ORDERS[action]
    subject = " ".join(words)
    if not subject and order.subject and not order.subject.startswith("["):
        err.write(f"snowflake-mcp: usage: admin {order.usage(action)}\n")
        return ADMIN_EXIT["usage"]
    if subject and not order.subject:
        err.write(f"snowflake-mcp: admin {action} takes nothing more\n")
        return ADMIN_EXIT["usage"]
    try:
        given = order.given(subject)
        client = Client(url, token_file)
    except ValueError as error:
        err.write(f"snowflake-mcp: {error}\n")
        return ADMIN_EXIT["usage"]
    try:
        reply = client.ask(order.method, order.path, given)
    except UnreachableError as error:
        err.write(f"snowflake-mcp: {url} does not answer: {error}\n")
        return ADMIN_EXIT["unreachable"]
    if reply.status != 200:
        return _refused(reply, err)
    if as_json:
        out.write(msgspec.json.format(msgspec.json.encode(reply.body)).decode() + "\n")
    else:
        out.writelines(f"{line}\n" for line in order.show(reply.body))
    return ADMIN_EXIT["ok"]


def _refused(reply: Reply, err: TextIO) -> int:
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    error = error if isinstance(error, dict) else {}
    code, message = error.get("code"), error.get("message", f"status {reply.status}")
    if reply.status in (401, 403) or (reply.status == 404 and code != "unknown_subject"):
        err.write(
            "snowflake-mcp: no admin surface for this caller: give --token-file of a principal "
            "with admin = true, and see docs/admin.md\n"
        )
        return ADMIN_EXIT["no right"]
    err.write(f"snowflake-mcp: {message}\n")
    return ADMIN_EXIT["refused"]
