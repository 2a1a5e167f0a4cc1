"""Boot a systemd in a container, install into it, and see whether the units keep their promises.

    python -m tests.booted [--bind PATH ...] [--write docs/booted.md]

For root, on a machine with mmdebstrap and systemd-nspawn; takes about five minutes. The container
has this machine's network, so port 8000 must be free. ``--bind`` lets it read what its pip needs:
a configuration, certificates, a folder of packages.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.booted.asking import answered
from tests.booted.container import booted, made
from tests.booted.steps import STEPS
from tests.support.server import end_on_sigterm

__all__ = ["main"]

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_NEEDS: Final = ("mmdebstrap", "systemd-nspawn", "unshare", "nsenter")
_HEAD: Final = """# Under a booted systemd

Written by `make booted`: a Debian 12 with its own systemd in a container, into which
`scripts/install.sh` puts this version. The account is the embedded Snowflake-compatible endpoint,
from the fourth row on a process of its own. Times are of {machine}, load {load:.1f} at the end.

| what | seen |
|---|---|
"""


def main() -> int:
    """Run the steps; 0 where all of them hold, 1 where one does not, 2 where none can be run."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bind", action="append", type=Path, default=[], metavar="PATH")
    parser.add_argument("--mirror", default="", help="where Debian's packages come from")
    parser.add_argument("--write", type=Path, help="the page that the table goes to")
    options = parser.parse_args()
    missing = [each for each in _NEEDS if shutil.which(each) is None]
    if missing or os.geteuid() != 0 or answered("/health"):
        print(f"needs root, a free port 8000, and: {', '.join(_NEEDS)}", file=sys.stderr)
        return 2
    rows = []
    with tempfile.TemporaryDirectory(prefix="booted-") as folder:
        root = made(Path(folder), options.mirror)
        with booted(root, _CHECKOUT, options.bind) as container:
            for what, step in STEPS:
                began = time.monotonic()
                try:
                    seen = step(container)
                except AssertionError as error:
                    print(f"FAILED {what}: {error}", file=sys.stderr)
                    return 1
                print(f"{time.monotonic() - began:6.1f} s  {what}: {seen}", flush=True)
                rows.append(f"| {what} | {seen} |\n")
    if options.write is not None:
        machine = f"{os.cpu_count()} cores, Linux {platform.release()}"
        head = _HEAD.format(machine=machine, load=os.getloadavg()[0])
        options.write.write_text(head + "".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
