"""Between requests and authentication: what a request shows, and how a refusal is answered."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.auth.caller import Caller, Credentials, Found, Unidentified
from snowflake_mcp.auth.watching import Watch
from snowflake_mcp.auth.ways import WELL_KNOWN, metadata_path
from snowflake_mcp.transports.exchange import Exchange, Refusal
from snowflake_mcp.transports.heads import Head
from snowflake_mcp.transports.tree import Route

__all__ = ["Callers", "ResourceMetadata"]

_LASTING: Final = frozenset({"anonymous", "certificate", "token"})
"""What a head shows once it shows again, until its time ends or a reload changes the ways. The
keys of a provider may change at any moment, and which header names a proxy's user is a setting:
those are looked at each time."""
_TOKEN_PARAMETERS: Final = frozenset({"access_token", "bearer_token"})


class Callers:
    """Who may call what; reactor thread only."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def again(self, head: Head) -> Caller | None:
        """Whom the same head has shown before, if nothing that counts has changed since."""
        caller = head.caller
        if caller is not None and self._authentication.finds_again(caller, head.ways):
            return caller
        return None

    def identify(self, exchange: Exchange) -> Found:
        """The caller of a request whose host and origin were accepted, or how to find out.

        Raises:
            Refusal: with the status and the challenge.
        """
        ways, head = self._authentication.ways, exchange.head
        believed = exchange.proxied
        user, groups = ways.user_header, ways.groups_header
        shown = Credentials(
            authorization=exchange.header_values("authorization"),
            in_query=_names_token(exchange.query),
            certificate=exchange.certificate_name,
            user=exchange.header_values(user) if believed and user else (),
            groups=exchange.header_values(groups) if believed and groups else (),
            peer=exchange.peer,
        )
        try:
            found = self._authentication.identify(shown)
        except Unidentified as refused:
            raise _refusal(refused) from None
        if not isinstance(found, Caller):
            return partial(_later, found)
        if found.evidence.method in _LASTING:
            head.ways, head.caller = ways, found
        return found

    def is_open(self, path: str) -> bool:
        """Whether ``auth.open_paths`` names it: then it does not matter who asks."""
        return path in self._authentication.ways.open_paths

    def watch(self, caller: Caller, ended: Callable[[], None]) -> Watch:
        """Call ``ended`` once when the credential ends."""
        return self._authentication.watch(caller, ended)


class ResourceMetadata:
    """Where OAuth clients learn which provider to ask (RFC 9728); needs no credential itself."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication

    def routes(self) -> list[Route]:
        """At the root, behind ``/mcp``, and where the configured resource has it."""
        oauth = self._authentication.ways.oauth
        paths = {WELL_KNOWN, f"{WELL_KNOWN}/mcp"}
        if oauth.resource:
            paths.add(metadata_path(oauth.resource))
        return [Route(path, {"GET": self.get}, public=True) for path in sorted(paths)]

    def get(self, exchange: Exchange) -> None:
        """The document; 404 where OAuth is not configured."""
        document = self._authentication.metadata()
        if document is None:
            raise Refusal(404, "not_found", "There is nothing at this path.")
        exchange.respond(200, msgspec.json.encode(document))


async def _later(found: Callable[[], Awaitable[Caller]]) -> Caller:
    try:
        return await found()
    except Unidentified as refused:
        raise _refusal(refused) from None


def _refusal(refused: Unidentified) -> Refusal:
    return Refusal(refused.status, refused.code, refused.message, refused.headers)


def _names_token(query: str) -> bool:
    """Whether a query string has a parameter that is a token, as RFC 6750 once allowed."""
    return bool(query) and any(
        part.partition("=")[0].lower() in _TOKEN_PARAMETERS for part in query.split("&")
    )
