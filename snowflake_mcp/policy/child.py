"""A judging child: ``python -P -m snowflake_mcp.policy.child`` judges texts line by line.

Reads one question a line from standard input, and answers each with one line. It ends with its
input, so it never outlives the server; a text that costs too much time or memory costs this
process and nothing else.
"""

import gc
import resource
import signal
import sys
from typing import BinaryIO, Final

import msgspec

from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.lines import Answer, Question, Ready
from snowflake_mcp.policy.terms import Terms

__all__ = ["main", "serve"]

MEMORY_BYTES: Final = 1 << 30
"""Address space; a text that needs more gets no verdict."""
ALARM_S: Final = 3.0
"""The child ends itself when one text takes longer: its parent, which ends it sooner, may be
gone, and then nobody else would."""
_RECURSION: Final = 5_000
"""Brackets are bounded to 64 levels, each of which costs a parser several calls."""
_WARM_UP: Final = (
    "WITH a AS (SELECT b, COUNT(*) c FROM d.e.f WHERE g > 1 GROUP BY b) "
    "SELECT a.b, SUM(c) OVER (ORDER BY b) FROM a LEFT JOIN h ON a.b = h.b ORDER BY 1 LIMIT 5"
)


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Judge until the input ends; blocks."""
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(Question).decode
    assess(_WARM_UP, Terms(len(_WARM_UP)))
    gc.collect()
    gc.freeze()
    answers.write(encode(Ready()) + b"\n")
    answers.flush()
    while line := questions.readline():
        signal.setitimer(signal.ITIMER_REAL, ALARM_S)
        question = decode(line)
        answer = Answer(question.number, assess(question.sql, question.terms, question.situation))
        signal.setitimer(signal.ITIMER_REAL, 0)
        answers.write(encode(answer) + b"\n")
        answers.flush()


def main() -> None:
    """Bound this process, then serve standard input."""
    # A terminal and a service runner signal the whole group; the server ends its children itself,
    # after the requests that still need them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(_RECURSION)
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
