"""python -m bench.tasks [--write docs/tasks.md]."""

import argparse
from pathlib import Path

from bench import report
from bench.tasks.run import measure
from tests.support.server import end_on_sigterm

__all__ = ["main"]


def main() -> None:
    """Ask and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables into this page")
    options = parser.parse_args()
    for table in measure():
        print(table)
        if options.write is not None:
            report.put(options.write, table)


if __name__ == "__main__":
    main()
