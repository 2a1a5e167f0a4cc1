"""What the account does to the server meanwhile: one fault after the other, by chance."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from tests.support.server import http_request

__all__ = ["Trouble"]

_FAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "submission: connection dropped before": {"on": {"path": "query"}, "do": {"drop": "before"}},
    "submission: connection dropped after": {"on": {"path": "query"}, "do": {"drop": "after"}},
    "submission: 503": {"on": {"path": "query"}, "do": {"http": 503}},
    "submission: token expired": {"on": {"path": "query"}, "do": {"expire": "token"}},
    "submission: master token expired": {"on": {"path": "query"}, "do": {"expire": "master"}},
    "submission: session gone": {"on": {"path": "query"}, "do": {"expire": "session"}},
    "submission: 2 s late": {"on": {"path": "query"}, "do": {"delay_s": 2}},
    "poll: connection dropped half way": {"on": {"path": "result"}, "do": {"drop": "half"}},
    "poll: 503": {"on": {"path": "result"}, "do": {"http": 503}},
    "poll: 429": {"on": {"path": "result"}, "do": {"http": 429, "retry_after_s": 1}},
    "poll: token expired": {"on": {"path": "result"}, "do": {"expire": "token"}},
    "poll: session gone": {"on": {"path": "result"}, "do": {"expire": "session"}},
    "poll: 5 s without an answer": {"on": {"path": "result"}, "do": {"hang_s": 5}},
    "poll: half of the JSON": {"on": {"path": "result"}, "do": {"malformed": "truncated"}},
    "chunk: damaged": {"on": {"path": "chunk"}, "do": {"corrupt": True}},
    "chunk: 403": {"on": {"path": "chunk"}, "do": {"http": 403}},
    "chunk: slow": {"on": {"path": "chunk"}, "do": {"bytes_per_s": 100_000}},
    "abort: 503": {"on": {"path": "abort"}, "do": {"http": 503}},
    "abort: connection dropped": {"on": {"path": "abort"}, "do": {"drop": "before"}},
    "status: 500": {"on": {"path": "monitoring"}, "do": {"http": 500}},
    "login: 503": {"on": {"path": "login"}, "do": {"http": 503}},
}
_MOST_RULES: Final = 100
"""The endpoint takes 200; before that the old ones are cleared."""


class Trouble:
    """Faults on the endpoint that listens on ``port``, and what it has counted."""

    def __init__(self, port: int, seed: int, every_s: float) -> None:
        self._port = port
        self._random = Random(f"{seed}/trouble")
        self._every_s = every_s
        self._names: dict[int, str] = {}
        self.fired: Counter[str] = Counter()
        """How often each fault was met."""
        self.seen: Counter[str] = Counter()
        """Logins, aborts, requests and statements that the endpoint saw."""

    async def make(self, over: asyncio.Event) -> None:
        """Faults until ``over``; each is met by the next one to three requests it is meant for."""
        while not over.is_set():
            name = self._random.choice(list(_FAULTS))
            rule = {**_FAULTS[name], "times": self._random.randint(1, 3)}
            await asyncio.to_thread(self._add, name, rule)
            try:
                await asyncio.wait_for(over.wait(), self._random.uniform(0, 2 * self._every_s))
            except TimeoutError:
                continue
        await asyncio.to_thread(self.clear)

    def clear(self) -> None:
        """End all faults and take over what was counted; blocks."""
        self._count(self._ask("DELETE"))
        self._names.clear()

    def now(self) -> dict[str, Any]:
        """What the endpoint says of itself; blocks."""
        return self._ask("GET")

    def _add(self, name: str, rule: Mapping[str, Any]) -> None:
        if len(self._names) >= _MOST_RULES:
            self.clear()
        (number,) = self._ask("POST", rule)["ids"]
        self._names[number] = name

    def _count(self, told: Mapping[str, Any]) -> None:
        for rule in told["rules"]:
            self.fired[self._names[rule["id"]]] += rule["fired"]
        self.seen["logins"] += told["logins"]["succeeded"]
        self.seen["failed logins"] += told["logins"]["failed"]
        self.seen["requests"] += sum(told["requests"].values())
        self.seen["aborts"] += told["requests"].get("abort", 0)
        self.seen["statements"] += sum(told["ended"].values())

    def _ask(self, method: str, body: object = None) -> dict[str, Any]:
        answer = http_request(self._port, method, "/__faults", body)
        if answer.status != 200:
            raise RuntimeError(answer.body.decode())
        told: dict[str, Any] = answer.json()
        return told
