"""The outcome of a soak as tables."""

from typing import Final

from bench.report import Table, percentile
from bench.soak.ledger import OUTCOMES
from bench.soak.run import WARM_UP, Outcome

__all__ = ["tables"]

_PARTS: Final = 10


def tables(outcome: Outcome) -> list[Table]:
    """Requests, answers, trouble, what is left over, memory."""
    return [
        _requests(outcome),
        _answers(outcome),
        _trouble(outcome),
        _left_over(outcome),
        _memory(outcome),
        _course(outcome),
    ]


def _requests(outcome: Outcome) -> Table:
    ledger = outcome.ledger
    verdict = f"{len(outcome.faults)} faults" if outcome.faults else "nothing amiss"
    made = Table(
        "Soak: requests",
        f"{outcome.clients} clients for {outcome.minutes:g} minutes, seed {outcome.seed}: "
        f"{ledger.requests:,} requests, {ledger.requests / outcome.seconds:.0f} a second; "
        f"{verdict}. *Lost*, *doubled* and *wrong* must be none.",
        ("client", *OUTCOMES),
    )
    for client in sorted({client for client, _ in ledger.outcomes}):
        made.add(client, *(ledger.outcomes[client, ended] for ended in OUTCOMES))
    made.add("all", *(ledger.total(ended) for ended in OUTCOMES))
    return made


def _answers(outcome: Outcome) -> Table:
    families = sorted({family for _, family in outcome.ledger.families} - {"ok"})
    made = Table(
        "Soak: answers",
        "By kind of statement: how many were answered with a result, how many with which failure, "
        "and how long the answer took.",
        ("statement", "p50 ms", "p99 ms", "ok", *families),
    )
    for kind, times in sorted(outcome.ledger.times.items()):
        made.add(
            kind,
            percentile(times, 50) * 1e3,
            percentile(times, 99) * 1e3,
            *(outcome.ledger.families[kind, family] for family in ("ok", *families)),
        )
    return made


def _trouble(outcome: Outcome) -> Table:
    seen = outcome.trouble.seen
    made = Table(
        "Soak: trouble",
        "Faults that the endpoint was told to have, by what they were met with. It saw "
        + ", ".join(f"{count:,} {what}" for what, count in seen.items())
        + ".",
        ("fault", "times met"),
    )
    for name, count in sorted(outcome.trouble.fired.items()):
        made.add(name, count)
    return made


def _left_over(outcome: Outcome) -> Table:
    made = Table(
        "Soak: left over",
        "What the server holds at rest: after a warm-up that made it start all its threads, and "
        "when the last client has gone. SIGTERM then ended it in "
        f"{outcome.stop_s:.1f} s.",
        ("what", "before", "after"),
    )
    for what, count in outcome.before.held.items():
        made.add(what, count, outcome.after.held[what])
    made.add("statements running at the endpoint", 0, outcome.left_running)
    made.add("sessions at the endpoint", 0, outcome.left_sessions)
    return made


def _memory(outcome: Outcome) -> Table:
    watch = outcome.watch
    made = Table(
        "Soak: memory",
        "Resident memory of the server. Slope and growth leave the first "
        f"{WARM_UP:.0%} out; growth is between the medians of the first and the last fifth.",
        ("before MiB", "highest MiB", "at rest after MiB", "slope MiB/minute", "growth MiB"),
    )
    made.add(
        f"{outcome.before.rss_mib:.1f}",
        watch.highest,
        outcome.after.rss_mib,
        watch.slope(WARM_UP),
        watch.growth(WARM_UP),
    )
    return made


def _course(outcome: Outcome) -> Table:
    medians = outcome.watch.course(_PARTS)
    made = Table(
        "Soak: memory over time",
        "The median of the resident memory in each tenth of the run, in MiB: what grows for ever "
        "grows in the last ones as in those before.",
        ("tenth", *map(str, range(1, len(medians) + 1))),
    )
    made.add("MiB", *medians)
    return made
