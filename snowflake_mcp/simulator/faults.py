"""Faults on demand: what a rule may say, which request it hits, and how often it did."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from snowflake_mcp.simulator.fault_words import (
    ROUTES,
    Fault,
    checked_fault,
    checked_number,
    checked_text,
)
from snowflake_mcp.simulator.fault_words import marks as marks_in

__all__ = ["MAX_RULES", "Asked", "BadRules", "Fault", "Rule", "RuleBook", "read_rules"]

MAX_RULES: Final = 200
MAX_TIMES: Final = 1_000_000
_MAX_MARKED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as rules look at it."""

    route: str
    """One of ``ROUTES``."""
    user: str = ""
    sql: str = ""
    """The text of the statement that the request submits or is about."""
    statement: str = ""
    """What tells this statement from others: its request id, or its query id."""


@dataclass(slots=True)
class Rule:
    """A fault, the requests it is meant for, and what became of it."""

    fault: Fault
    path: str = "any"
    sql_contains: str = ""
    user: str = ""
    skip: int = 0
    """So many matching requests pass unharmed first."""
    times: int | None = None
    """None: every matching request."""
    number: int = 0
    matched: int = 0
    fired: int = 0

    def hits(self, asked: Asked) -> bool:
        """Whether this request gets the fault; counts it."""
        if self.path not in ("any", asked.route) or self.sql_contains not in asked.sql:
            return False
        if self.user and self.user.upper() != asked.user.upper():
            return False
        self.matched += 1
        if self.matched <= self.skip or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True

    def told(self) -> dict[str, object]:
        """The rule and its counts, as JSON."""
        given = {"path": self.path, "sql_contains": self.sql_contains, "user": self.user}
        return {
            "id": self.number,
            "on": {name: value for name, value in given.items() if value},
            "do": self.fault.told(),
            "skip": self.skip,
            "times": self.times,
            "matched": self.matched,
            "fired": self.fired,
        }


@dataclass(eq=False)
class BadRules(Exception):
    """Rules that cannot be used; ``problems`` has a line for each reason."""

    problems: Sequence[str]

    def __str__(self) -> str:
        return "; ".join(self.problems)


@dataclass(slots=True)
class RuleBook:
    """The rules of one endpoint, first come first served; reactor thread only."""

    rules: list[Rule] = field(default_factory=list)
    marks_fired: int = 0
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _marked: OrderedDict[tuple[str, int], Rule] = field(default_factory=OrderedDict)

    def add(self, rules: Sequence[Rule]) -> list[int]:
        """Take rules in, after those that are there; gives their numbers.

        :raises BadRules: there would be more than ``MAX_RULES``.
        """
        if len(self.rules) + len(rules) > MAX_RULES:
            raise BadRules([f"more than {MAX_RULES} rules; DELETE clears them"])
        for rule in rules:
            rule.number = next(self._numbers)
            self.rules.append(rule)
        return [rule.number for rule in rules]

    def clear(self) -> None:
        """Forget all rules and every count."""
        self.rules.clear()
        self._marked.clear()
        self.marks_fired = 0

    def choose(self, asked: Asked) -> Fault | None:
        """The fault of this request: the first mark in its SQL, else the first rule, that hits.

        :raises BadRules: a mark in the SQL that cannot be read.
        """
        for place, given in enumerate(marks_in(asked.sql) if asked.sql else ()):
            if self._mark(asked, place, given).hits(asked):
                self.marks_fired += 1
                return self._mark(asked, place, given).fault
        return next((rule.fault for rule in self.rules if rule.hits(asked)), None)

    def _mark(self, asked: Asked, place: int, given: Mapping[str, Any]) -> Rule:
        # A mark counts for its own statement, which a client's retry does not leave.
        key = asked.statement, place
        rule = self._marked.get(key)
        if rule is None:
            rule = self._marked[key] = _read_mark(given)
            if len(self._marked) > _MAX_MARKED:
                self._marked.popitem(last=False)
        return rule


def read_rules(given: object) -> list[Rule]:
    """The rules of a JSON value: one rule or a list of them.

    :raises BadRules: with every problem of every rule.
    """
    problems: list[str] = []
    listed = given if isinstance(given, list) else [given]
    if not listed or len(listed) > MAX_RULES:
        problems.append(f"give 1 to {MAX_RULES} rules")
    rules = [
        _read_rule(one, f"rules[{place}]: " if isinstance(given, list) else "", problems)
        for place, one in enumerate(listed[:MAX_RULES])
    ]
    if problems:
        raise BadRules(problems)
    return rules


def _read_mark(given: Mapping[str, Any]) -> Rule:
    problems: list[str] = []
    around = {"on": {"path": given.get("on", "query")}}
    counts = {name: given[name] for name in ("times", "skip") if name in given}
    fault = {name: value for name, value in given.items() if name not in ("on", "times", "skip")}
    rule = _read_rule({**around, **counts, "do": fault}, "fault mark: ", problems)
    if problems:
        raise BadRules(problems)
    return rule


def _read_rule(given: object, lead: str, problems: list[str]) -> Rule:
    found: list[str] = []
    if not isinstance(given, dict):
        problems.append(f"{lead}a rule is a JSON object")
        return Rule(Fault())
    on = given.get("on", {})
    if not isinstance(on, dict):
        found.append("on: give a JSON object")
        on = {}
    found += [
        f"{name}: no such member" for name in given if name not in ("on", "do", "times", "skip")
    ]
    found += [
        f"on.{name}: no such member" for name in on if name not in ("path", "sql_contains", "user")
    ]
    path = checked_text(on.get("path", "any"), "on.path", found)
    if path not in ROUTES and path != "any":
        found.append(f"on.path: one of {', '.join(('any', *ROUTES))}")
    times = given.get("times")
    rule = Rule(
        checked_fault(given.get("do"), path, found),
        path,
        checked_text(on.get("sql_contains", ""), "on.sql_contains", found),
        checked_text(on.get("user", ""), "on.user", found),
        int(checked_number(given.get("skip", 0), "skip", 0, MAX_TIMES, found, whole=True)),
        None
        if times is None
        else int(checked_number(times, "times", 1, MAX_TIMES, found, whole=True)),
    )
    problems += [lead + problem for problem in found]
    return rule
