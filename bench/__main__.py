"""Every measurement, one after the other, as one page of markdown: ``python -m bench``."""

from bench import added_latency, health_latency, isolation, report, start_up
from tests.support.server import end_on_sigterm


def main() -> None:
    """Measure and print; takes about three minutes."""
    end_on_sigterm()
    print(f"Measured on: {report.machine()}\n")
    print(health_latency.measure(seconds=6, rate=200), flush=True)
    outcome = isolation.measure(websockets=100, https=100, rounds=10)
    print(isolation.table(outcome), flush=True)
    print(added_latency.measure(calls=100, turns=4), flush=True)
    for table in start_up.measure(starts=5):
        print(table, flush=True)
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults[:10]))


if __name__ == "__main__":
    main()
