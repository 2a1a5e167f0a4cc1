"""``snowflake-mcp audit``: whether files of the audit are what was written, and what they say."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

from snowflake_mcp.config.keyfile import key_in
from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import AuditSettings
from snowflake_mcp.ops.chain import Sealer
from snowflake_mcp.ops.redaction import escaped
from snowflake_mcp.ops.verification import Findings, records_of, verify

__all__ = ["CANNOT", "CHANGED", "main"]

CANNOT: Final = 1
"""Exit status: wrong words, or files that cannot be read."""
CHANGED: Final = 2
"""Exit status: a record does not fit."""

_UNREADABLE: Final = frozenset({".bz2", ".xz", ".zst"})
_SHOWN: Final = ("tool", "action", "resource", "verdict", "outcome")
_FILTERS: Final = ("principal", "event", "tool", "outcome")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong; 2 is the status of a broken chain."""
        self.exit(CANNOT, f"snowflake-mcp audit: {message}\n")


def main(arguments: Sequence[str], out: TextIO, environ: Mapping[str, str]) -> int:
    """Run the command and give its exit status; blocks."""
    chosen = _parser().parse_args(arguments)
    try:
        settings = _settings(chosen, environ)
        paths = [Path(each) for each in chosen.files] or _configured(settings)
        if chosen.part == "show":
            return _show(paths, chosen, out)
        key_file = chosen.key_file or settings.key_file
        return _verify(paths, key_in(key_file, "the key") if key_file else b"", out)
    except ConfigError as error:
        out.writelines(f"{problem}\n" for problem in error.problems)
    except ValueError as error:
        out.write(f"{error}\n")
    except OSError as error:
        out.write(f"{error.filename}: {error.strerror}\n")
    return CANNOT


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="snowflake-mcp audit", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True, parser_class=_Parser)
    verifying = parts.add_parser("verify", help="check that every record follows the one before")
    showing = parts.add_parser("show", help="print records, one line each")
    for part in (verifying, showing):
        part.add_argument("files", nargs="*", metavar="FILE", help="default: those of audit.file")
        part.add_argument("--config", help="TOML file with settings")
    verifying.add_argument("--key-file", help="the key of the hashes; default: audit.key_file")
    for name in _FILTERS:
        showing.add_argument(f"--{name}", help=f"only records of this {name}")
    showing.add_argument("--since", default="", help="only records from this time (UTC) on")
    showing.add_argument("--until", default="~", help="only records before this time (UTC)")
    showing.add_argument("--json", action="store_true", help="whole records")
    return parser


def _settings(chosen: argparse.Namespace, environ: Mapping[str, str]) -> AuditSettings:
    if chosen.files and not chosen.config:
        # Files may be checked where there is no configuration at all.
        return AuditSettings()
    return load(Flags(config=chosen.config), environ).audit


def _configured(settings: AuditSettings) -> list[Path]:
    """The file of the settings and what it was rotated to.

    Raises:
        ValueError: no file is set, or there is none.
    """
    if not settings.file:
        raise ValueError("audit.file is not set: name the files")
    path = Path(settings.file)
    found = sorted(path.parent.glob(path.name + "*"))
    readable = [each for each in found if each.suffix not in _UNREADABLE and each.is_file()]
    if not readable:
        raise ValueError(f"{path}: there is no such file")
    return readable


def _verify(paths: Sequence[Path], key: bytes, out: TextIO) -> int:
    found = verify(paths, Sealer(key))
    out.writelines(f"note: {note}\n" for note in found.notes)
    if found.problem:
        out.write(f"BROKEN after {found.records} records: {found.problem}\n")
        return CHANGED
    out.write(f"ok: {_told(found)}\n")
    if not key:
        out.write("The hashes have no key: they show accidents, not somebody who rewrites them.\n")
    return 0


def _told(found: Findings) -> str:
    if found.first is None or found.last is None:
        return "no records"
    span = f"{found.first.record.get('time')} to {found.last.record.get('time')}"
    lost = f", {found.lost} said to be lost" if found.lost else ""
    return (
        f"{found.records} records, {found.first.seq} to {found.last.seq}, {span}{lost}; the last "
        f"has hash {found.last.hash}"
    )


def _show(paths: Sequence[Path], chosen: argparse.Namespace, out: TextIO) -> int:
    for record in records_of(paths):
        if not chosen.since <= str(record.get("time")) < chosen.until:
            continue
        if any(getattr(chosen, name) not in (None, record.get(name)) for name in _FILTERS):
            continue
        out.write((json.dumps(record) if chosen.json else _line(record)) + "\n")
    return 0


def _line(record: Mapping[str, Any]) -> str:
    said = [
        str(record.get(name)) for name in ("seq", "time", "principal", "peer") if record.get(name)
    ]
    said.append(str(record.get("event")))
    said += [str(record[name]) for name in _SHOWN if name in record]
    said += [f"{record[name]} {name}" for name in ("rows", "bytes") if name in record]
    said += [f"{each.get('id')} {each.get('state')}" for each in record.get("queries", ())]
    said += [str(name) for name in record.get("objects", ())]
    return escaped(" ".join(said))
