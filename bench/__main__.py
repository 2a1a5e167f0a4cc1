"""Every measurement, one after the other, as one page of markdown: ``python -m bench``."""

from bench import added_latency, health_latency, isolation, report, start_up


def main() -> None:
    """Measure and print; takes about two minutes."""
    print(f"Measured on: {report.machine()}\n")
    print(health_latency.measure(seconds=6, rate=200), flush=True)
    outcome = isolation.measure(websockets=100, https=100, rounds=10)
    print(isolation.table(outcome), flush=True)
    print(added_latency.measure(calls=200, turns=4), flush=True)
    for table in start_up.measure(starts=5):
        print(table, flush=True)
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults[:10]))


if __name__ == "__main__":
    main()
