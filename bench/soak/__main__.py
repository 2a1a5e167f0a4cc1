"""A day of statements compressed into minutes: is anything left over, lost or answered twice?

python -m bench.soak [--minutes 10] [--clients 200] [--seed 1] [--pause-s 2]
"""

import argparse
from pathlib import Path

from bench.report import put
from bench.soak.run import soak
from bench.soak.telling import tables
from tests.support.server import end_on_sigterm

__all__ = ["main"]


def main() -> None:
    """Run and print; status 1 when something is not as it must be."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause-s", type=float, default=2, help="between calls of a client")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    options = parser.parse_args()
    outcome = soak(options.minutes, options.clients, options.seed, options.pause_s)
    for table in tables(outcome):
        print(table, flush=True)
        if options.write is not None:
            put(options.write, table)
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults))


if __name__ == "__main__":
    main()
