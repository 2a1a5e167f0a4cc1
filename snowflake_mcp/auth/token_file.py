"""The file with the tokens: TOML, read whole, written whole, never with a token in it."""

import contextlib
import json
import os
import secrets
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from snowflake_mcp.auth.tokens import Token, is_id

__all__ = ["TokenFileError", "entry_text", "read_tokens", "write_tokens"]

_SCHEME: Final = "sha256:"
_KEYS: Final = frozenset({"id", "principal", "hash", "created", "expires", "note"})
_MAX_BYTES: Final = 1 << 20
"""Some thousand tokens; reading so many takes a quarter of a second of the reactor."""
_DIGEST_BYTES: Final = 32
_HEAD: Final = "# Tokens of callers, by their hashes. Written whole by `snowflake-mcp token`.\n"


class TokenFileError(ValueError):
    """A token file that cannot be used; the text names the file and the entry, and no hash."""


def read_tokens(path: Path) -> list[Token]:
    """Every entry; blocks for one small file, so call it at start and at a reload only.

    Raises:
        TokenFileError: the file cannot be read, or an entry cannot be used.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TokenFileError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise TokenFileError(f"{path} is larger than {_MAX_BYTES} bytes")
    try:
        table = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # Their messages quote the line, which may hold what should not be told.
        raise TokenFileError(f"{path} is not valid TOML") from None
    entries = table.pop("tokens", [])
    if table or not isinstance(entries, list):
        raise TokenFileError(f"{path} has to hold [[tokens]] and nothing else")
    found = [_token(entry, f"{path}: entry {at}") for at, entry in enumerate(entries, 1)]
    if len({each.id for each in found}) != len(found):
        raise TokenFileError(f"{path} has an id twice")
    return found


def write_tokens(path: Path, tokens: Iterable[Token]) -> None:
    """Put these entries in the place of what the file holds; blocks.

    The new file is complete before it takes the old one's name, and only its owner may read it.

    Raises:
        OSError: the folder cannot be written to.
    """
    text = _HEAD + "".join(f"\n{entry_text(each)}" for each in tokens)
    made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        owner = path.stat()
    except FileNotFoundError:
        owner = None
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            if owner is not None and (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                # The server's user must go on being able to read what root has changed.
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            made.unlink()
        raise


def entry_text(token: Token) -> str:
    """An entry as it stands in the file."""
    lines = [
        "[[tokens]]",
        f'id = "{token.id}"',
        f"principal = {_quoted(token.principal)}",
        f'hash = "{_SCHEME}{token.digest.hex()}"',
        f"created = {_time_text(token.created)}",
    ]
    if token.expires is not None:
        lines.append(f"expires = {_time_text(token.expires)}")
    if token.note:
        lines.append(f"note = {_quoted(token.note)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON writes the same for what is printable."""
    return json.dumps(text, ensure_ascii=False)


def _time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _token(entry: object, where: str) -> Token:
    if not isinstance(entry, dict):
        raise TokenFileError(f"{where} is not a table")
    for key in entry.keys() - _KEYS:
        raise TokenFileError(f"{where} has a key that is not known: {key[:40]!r}")
    token_id, principal, note = entry.get("id"), entry.get("principal"), entry.get("note", "")
    if not isinstance(token_id, str) or not is_id(token_id):
        raise TokenFileError(f"{where}: id has 4 to 32 of a-z and 0-9")
    if not isinstance(principal, str) or not principal:
        raise TokenFileError(f"{where}: principal names a table [principals.NAME]")
    if not isinstance(note, str):
        raise TokenFileError(f"{where}: note is a text")
    created = _time(entry, "created", where)
    if created is None:
        raise TokenFileError(f"{where}: created is missing")
    expires = _time(entry, "expires", where)
    return Token(token_id, principal, _digest(entry.get("hash"), where), created, expires, note)


def _digest(text: object, where: str) -> bytes:
    if isinstance(text, str) and text.startswith(_SCHEME):
        with contextlib.suppress(ValueError):
            digest = bytes.fromhex(text.removeprefix(_SCHEME))
            if len(digest) == _DIGEST_BYTES:
                return digest
    raise TokenFileError(f'{where}: hash is "{_SCHEME}" and 64 hexadecimal digits')


def _time(entry: dict[str, Any], key: str, where: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise TokenFileError(f"{where}: {key} is a time such as 2026-01-31T12:00:00Z")
    # A time without a zone is read as UTC: the server's own zone is nobody's business.
    return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
