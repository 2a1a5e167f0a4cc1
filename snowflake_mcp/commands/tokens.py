"""``snowflake-mcp token``: make, list and take back the static tokens of callers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from snowflake_mcp.auth.token_file import entry_text, read_tokens, write_tokens
from snowflake_mcp.auth.tokens import (
    Token,
    bearer_of,
    digest_of,
    new_id,
    new_secret,
    weakness,
)

__all__ = ["TOKEN_ACTIONS", "TokenCommand", "TokenRequest", "lifetime_s"]

TOKEN_ACTIONS: Final = ("new", "hash", "list", "revoke")
_UNITS_S: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_LIFETIME: Final = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_MAX_NOTE_CHARS: Final = 200
_NEXT: Final = "It counts after the server's next start or reload (SIGHUP).\n"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What the command line asks for."""

    action: str
    path: Path | None
    """The token file; only ``hash`` does without."""
    principal: str = ""
    expires: str = ""
    note: str = ""
    token_id: str = ""


def lifetime_s(text: str) -> float | None:
    """Seconds of ``90d``, ``12h``, ``30m`` or ``2w``; ``None`` for an empty text or ``never``.

    Raises:
        ValueError: it is none of these.
    """
    if text in {"", "never"}:
        return None
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise ValueError(f"--expires: {text!r} is not a time such as 90d, 12h, 30m or never")
    return float(int(match[1]) * _UNITS_S[match[2]])


class TokenCommand:
    """One call of the command; blocks on small files.

    What a program reads goes to ``out``, what people read to ``told``: the token alone is on
    standard output, so it can be piped into a secret store.
    """

    def __init__(
        self,
        out: TextIO,
        told: TextIO,
        read_secret: Callable[[], str],
        now: Callable[[], float],
        known: Sequence[str] | None = None,
    ) -> None:
        """``known`` are the tables of principals, ``None`` where no configuration was given."""
        self._out = out
        self._told = told
        self._read_secret = read_secret
        self._now = now
        self._known = known

    def run(self, asked: TokenRequest) -> None:
        """Do it.

        Raises:
            ValueError: it cannot be done; the text says why.
            OSError: the file cannot be written.
        """
        if asked.action == "hash":
            self._hash(asked)
            return
        if asked.path is None:
            raise ValueError("token: give --file FILE, or set auth.token_file")
        if asked.action == "new":
            self._new(asked, asked.path)
        elif asked.action == "list":
            self._list(asked.path)
        else:
            self._revoke(asked.path, asked.token_id)

    def _new(self, asked: TokenRequest, path: Path) -> None:
        secret = new_secret()
        token = self._token(asked, secret)
        tokens = read_tokens(path) if path.exists() else []
        write_tokens(path, [*tokens, token])
        self._out.write(bearer_of(token.id, secret) + "\n")
        self._told.write(
            f"token {token.id} of {token.principal}, {_until(token)}; only its hash is kept in "
            f"{path}, so note it now. {_NEXT}"
        )

    def _hash(self, asked: TokenRequest) -> None:
        secret = self._read_secret().strip()
        if problem := weakness(secret):
            raise ValueError(f"token hash: the secret {problem}")
        token = self._token(asked, secret)
        self._out.write(entry_text(token))
        shown = bearer_of(token.id, "")
        self._told.write(f"The client sends {shown} and then the secret, as one word. {_NEXT}")

    def _list(self, path: Path) -> None:
        now = self._now()
        for token in read_tokens(path):
            over = " (expired)" if token.expires is not None and token.expires <= now else ""
            note = f"  {token.note}" if token.note else ""
            self._out.write(
                f"{token.id}  {token.principal}  created {_day(token.created)}  "
                f"{_until(token)}{over}{note}\n"
            )

    def _revoke(self, path: Path, token_id: str) -> None:
        tokens = read_tokens(path)
        kept = [each for each in tokens if each.id != token_id]
        if len(kept) == len(tokens):
            raise ValueError(f"token revoke: {path} has no token of the id {token_id[:40]!r}")
        write_tokens(path, kept)
        self._told.write(f"token {token_id} is taken back. {_NEXT}")

    def _token(self, asked: TokenRequest, secret: str) -> Token:
        if not asked.principal:
            raise ValueError(f"token {asked.action}: --principal names the table of its callers")
        if self._known is not None and asked.principal not in self._known:
            self._told.write(f"note: there is no [principals.{asked.principal}] yet\n")
        if len(asked.note) > _MAX_NOTE_CHARS or not asked.note.isprintable():
            raise ValueError(f"--note: at most {_MAX_NOTE_CHARS} printable characters")
        now = self._now()
        life_s = lifetime_s(asked.expires)
        return Token(
            id=new_id(),
            principal=asked.principal,
            digest=digest_of(secret),
            created=now,
            expires=None if life_s is None else now + life_s,
            note=asked.note,
        )


def _until(token: Token) -> str:
    return "never expires" if token.expires is None else f"expires {_day(token.expires)}"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
