"""Every fault that the server makes a promise about: the rows of docs/faults.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and what the server promises then."""

    what: str
    promise: str
    """With its bound."""
    not_shown: str = ""
    """What of the promise no test of this suite shows, and why; needed where there is no test."""


FAULTS: Final[Mapping[str, Fault]] = {
    "F-01": Fault(
        "Snowflake cannot be reached when the server starts",
        "The server starts; `/health` 200, `/health/ready` 503; tools answer a retryable "
        "`unavailable`; logins pause 1, 2, then 4 s, give or take a quarter; "
        "ready within 5 s of recovery",
    ),
    "F-02": Fault(
        "Snowflake refuses the login",
        "At most 1 login a minute, however many calls ask; not ready; one clear line in the log, "
        "without the secret",
    ),
    "F-03": Fault(
        "The session or its token has expired (390112, 390114, 390195)",
        "Renewed or replaced once, the read repeated once, and the client sees rows",
        "Where the renewal is refused as well, connector 5 hides why, and the client is told to "
        "call again.",
    ),
    "F-04": Fault(
        "A credential is rotated on disk",
        "The next login uses the new one; statements that run are left alone",
    ),
    "F-05": Fault(
        "The network parts while a statement runs",
        "The call is answered within 60 s (connector 4.8: 110 s, or goes on over another "
        "connection); the connection is never used again; the abort is sent on another one; where "
        "that cannot be, ABORT_DETACHED_QUERY ends the statement in 5 min",
        "ABORT_DETACHED_QUERY is set in every session; its five minutes are shown in memory, "
        "with a clock that the test turns (tests/unit/simulator).",
    ),
    "F-06": Fault(
        "A statement is slower than the limit",
        "Aborted in Snowflake within 1 s of the limit, and the answer says so",
    ),
    "F-07": Fault(
        "The client leaves while its statement runs",
        "The abort has reached Snowflake within 1 s, the thread is free within 2 s; "
        "with `http.cancel_on_disconnect = false` a handshake-era HTTP call runs on",
    ),
    "F-08": Fault(
        "A cancel meets the end of its statement",
        "One outcome, at most one answer, nothing left over: 1,000 of 1,000",
    ),
    "F-09": Fault(
        "More slow statements than places",
        "The one too many is told `busy` at once; `/health` and `tools/list` answer within 50 ms",
    ),
    "F-10": Fault(
        "One tenant floods the server",
        "Told `busy` or `unavailable` at once, or to wait where it has a rate; others wait at most "
        "twice as long as alone",
    ),
    "F-11": Fault(
        "1,000 idle WebSockets, or HTTP connections",
        "At most 25 MiB more memory, pings go on, less than 2 % CPU; a WebSocket more is told 503, "
        "idle HTTP connections are closed after `http.idle_timeout_s`",
    ),
    "F-12": Fault(
        "A client that no longer answers pings",
        "Dropped after `websocket.ping_interval_s` and `websocket.ping_timeout_s`: within 60 s",
    ),
    "F-13": Fault(
        "A client that never reads",
        "Dropped within 30 s, and within 5 s where more than 8 MiB wait for it; kept until then "
        "are at most the answers of its running requests (`websocket.max_in_flight`): 96 MiB",
    ),
    "F-14": Fault(
        "A request that comes one byte at a time",
        "Head within 10 s and body within 30 s, or answered 408 and closed within 3 s more",
    ),
    "F-15": Fault(
        "Head, body, frame, message, SQL or nesting too large",
        "4xx, 413, 1009 or a tool error; at most 32 MiB more memory",
    ),
    "F-16": Fault(
        "SQL that makes parsers explode",
        "Judged or denied within 1.2 s; the reactor stands still for less than 60 ms; "
        "the server lives",
    ),
    "F-17": Fault("SIGTERM while idle", "Ended within 1 s; systemd is told STOPPING"),
    "F-18": Fault(
        "SIGTERM while statements run",
        "The port closes at once; running calls have `limits.drain_s` to finish, the rest is "
        "aborted in Snowflake and answered; WebSockets close with 1001; no call is answered twice",
    ),
    "F-19": Fault(
        "A second SIGTERM or SIGINT", "What runs is aborted; the process is gone within 2 s"
    ),
    "F-20": Fault(
        "SIGKILL",
        "The next start needs no cleaning (stale pid file, port, children); statements left "
        "behind end by ABORT_DETACHED_QUERY",
        "ABORT_DETACHED_QUERY is set in every session; its five minutes are shown in memory, "
        "with a clock that the test turns (tests/unit/simulator).",
    ),
    "F-21": Fault("SIGHUP and SIGUSR1", "Reload and reopening of logs; neither ends the process"),
    "F-22": Fault("logrotate moves the log", "No line lost, none in the old file after SIGUSR1"),
    "F-23": Fault(
        "The disk is full", "The service goes on, lost lines are counted, one notice on stderr"
    ),
    "F-24": Fault(
        "A pid file that is stale, of a live process, or no number",
        "Start; refusal that names the process; refusal that says why",
    ),
    "F-25": Fault("The port is taken", "Exit status 1 at once, and the message names the port"),
    "F-26": Fault(
        "The server fails at every start",
        "systemd stops trying after StartLimitBurst",
        "Here, that is: it takes a booted systemd. `make booted` shows it, with what it saw in "
        "[booted](booted.md). That the units' limits hold for attempts that take long is in "
        "tests/unit/ops/test_units.py.",
    ),
    "F-27": Fault(
        "The clock jumps by an hour",
        "No client is disconnected, timers are right",
    ),
    "F-28": Fault(
        "File descriptors run out",
        "The server refuses, lives and recovers; at most 1 line of log a second",
    ),
    "F-29": Fault(
        "twistd without -n",
        "No thread before the fork; queries work after it",
        "That nothing starts before the fork is shown in memory (tests/unit/test_app.py).",
    ),
    "F-30": Fault(
        "A result of 10,000,000 rows",
        "At most 64 MiB more memory than for a small one; the answer says that it was cut",
    ),
    "F-31": Fault(
        "Values that JSON or Python cannot hold",
        "Valid JSON by the table of docs/results.md, never an internal error",
    ),
    "F-32": Fault(
        "Data that speaks to the model",
        "Returned as data only: the text that a model reads shows control and format characters "
        "as escapes, JSON holds the values as they are; the server's instructions say that they "
        "are data; nothing of them in the log",
    ),
    "F-33": Fault(
        "Errors that could tell too much",
        "Snowflake's message reaches the model; no address, token, file path or traceback does",
    ),
    "F-34": Fault("CR, LF and ANSI in names, SQL or headers", "One line of JSON an event"),
    "F-35": Fault("Many connections that use the same ids", "Each gets its own answers"),
    "F-36": Fault(
        "A client's credential ends in the middle of a session",
        "401, or a WebSocket closed with 1008",
    ),
    "F-37": Fault(
        "A day of service",
        "Memory grows by less than 1 MB an hour",
        "It takes a day.",
    ),
    "F-38": Fault(
        "Snowflake's answers are cut off or no JSON",
        "A tool error; the connection is never used again; the next call works",
    ),
    "F-39": Fault(
        "Snowflake's answer to a query asks for a file of this host",
        "No file is opened or written, but for one way of connector 5 (see security.md): it opens "
        "the file that an upload to S3 names",
    ),
    "F-40": Fault(
        "A process of the gate dies or hangs",
        "The text is denied, the process is back within 0.3 s",
    ),
}
