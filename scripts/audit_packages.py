"""Ask for known vulnerabilities of what the lock files name, and say what could not be asked.

    python scripts/audit_packages.py [--must] LOCK...

pip-audit by itself ends well when a mirror of PyPI knows none of the packages: nothing is known to
be wrong, because nothing is known. Here the last line says how many packages were looked up.
Ends with 1 when one has a known vulnerability, and with --must also when any was not looked up.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["main", "verdict"]

_SERVICES: Final = ("osv", "pypi")
_LIMIT_S: Final = 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit each file by the first service that answers; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--must", action="store_true", help="fail when a package is not looked up")
    parser.add_argument("locks", nargs="+", type=Path, metavar="LOCK")
    options = parser.parse_args(arguments)
    status = 0
    for lock in options.locks:
        answers = (_asked(service, lock) for service in _SERVICES)
        found = next((answer for answer in answers if answer is not None), None)
        lines, failed = verdict(found, must=options.must)
        for line in lines:
            sys.stdout.write(f"{lock}: {line}\n")
        status |= failed
    return status


def verdict(found: Mapping[str, Any] | None, *, must: bool) -> tuple[list[str], bool]:
    """What to say of pip-audit's answer (``None``: no service answered), and whether it fails."""
    if found is None:
        return ["NOT AUDITED: no service for advisories can be reached"], must
    packages = found["dependencies"]
    if not packages:
        return ["NOT AUDITED: no package was found in it"], True
    lines = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in "
        + (", ".join(flaw["fix_versions"]) or "no version")
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    failed = bool(lines)
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) == len(packages):
        lines.append(f"NOT AUDITED: none of {len(packages)} packages is known to the service")
    elif unknown:
        lines.append(f"{len(unknown)} of {len(packages)} NOT AUDITED: {', '.join(unknown)}")
    else:
        lines.append(f"{len(packages)} packages audited")
    return lines, failed or (must and bool(unknown))


def _asked(service: str, lock: Path) -> Mapping[str, Any] | None:
    """pip-audit's answer, or ``None`` when the service cannot be reached."""
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes"),
        *("--disable-pip", "--vulnerability-service", service),
        *("--format", "json", "--progress-spinner", "off"),
    ]
    done = subprocess.run(  # nosec B603 # pip-audit, paths of ours
        command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if done.stdout.startswith("{"):
        answer: Mapping[str, Any] = json.loads(done.stdout)
        return answer
    if "requests.exceptions" in done.stderr or "ConnectionError" in done.stderr:
        return None
    raise SystemExit(f"pip-audit failed for {lock}:\n{done.stderr[-2_000:]}")


if __name__ == "__main__":
    sys.exit(main())
