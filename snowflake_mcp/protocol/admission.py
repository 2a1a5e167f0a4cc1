"""Over HTTP each message stands alone: which era is it of, and may it come in."""

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.envelope import (
    RoutingHeaders,
    check_envelope,
)
from snowflake_mcp.protocol.errors import INVALID_REQUEST, UNSUPPORTED_VERSION, McpError
from snowflake_mcp.protocol.jsonrpc import Message, Notification, Request, Response
from snowflake_mcp.protocol.meta import Said, said_by
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.sessions import SessionTokens

__all__ = ["Admission", "RoutingHeaders"]


class Admission:
    """Turn a message and its headers into the facts of a request; any thread."""

    def __init__(self, sessions: SessionTokens) -> None:
        self._sessions = sessions

    def admit(
        self,
        message: Message,
        headers: RoutingHeaders,
        principal: Principal,
        peer: str = "",
        origin: str = "",
    ) -> Facts:
        """The facts of a message that may go on to the kernel.

        ``peer`` is the client's address, ``origin`` where it has reached us.

        Raises:
            McpError: with the HTTP status to answer.
        """
        if isinstance(message, Response):
            if headers.session is None or headers.version in eras.STATELESS:
                raise _refused(400, "Nothing was asked that this response could answer")
            return self._handshake(message, headers, principal, peer, origin)
        said = said_by(message.params)
        if said.meta.claimed or headers.version in eras.STATELESS:
            return self._stateless(message, said, headers, principal, peer, origin)
        return self._handshake(message, headers, principal, peer, origin, said)

    def _stateless(
        self,
        message: Request | Notification,
        said: Said,
        headers: RoutingHeaders,
        principal: Principal,
        peer: str,
        origin: str,
    ) -> Facts:
        if isinstance(message, Notification):
            # No core notification goes from client to server on this wire; one is accepted
            # and dropped, at a revision that is served.
            if headers.version not in eras.STATELESS:
                raise McpError(
                    UNSUPPORTED_VERSION,
                    "The header MCP-Protocol-Version is missing or not served",
                    {"supported": list(eras.STATELESS), "requested": headers.version or ""},
                    status=400,
                )
            return Facts("http", principal, headers.version, peer=peer, origin=origin)
        meta = said.meta
        check_envelope(message.method, message.params, meta, headers)
        return Facts(
            transport="http",
            principal=principal,
            version=meta.version,
            capabilities=meta.capabilities,
            client=meta.client,
            traceparent=said.traceparent,
            peer=peer,
            origin=origin,
            said=said,
        )

    def session(
        self, headers: RoutingHeaders, principal: Principal, peer: str = "", origin: str = ""
    ) -> Facts:
        """The facts of a session's GET or DELETE, which carry no message.

        Raises:
            McpError: with the HTTP status to answer.
        """
        if headers.version in eras.STATELESS:
            raise _refused(405, "This revision has neither streams nor sessions to ask for")
        return self._handshake(None, headers, principal, peer, origin)

    def _handshake(
        self,
        message: Message | None,
        headers: RoutingHeaders,
        principal: Principal,
        peer: str,
        origin: str,
        said: Said | None = None,
    ) -> Facts:
        if headers.version is not None and headers.version not in eras.HANDSHAKE:
            raise McpError(
                INVALID_REQUEST,
                "The header MCP-Protocol-Version names a revision that is not served",
                {"supported": list(eras.KNOWN), "requested": headers.version[:40]},
                status=400,
            )
        if headers.duplicated & {"mcp-session-id", "mcp-protocol-version"}:
            raise _refused(400, f"The header {min(headers.duplicated)} appears more than once")
        if isinstance(message, Request) and message.method == "initialize":
            return Facts("http", principal, eras.LATEST_HANDSHAKE, peer=peer, origin=origin)
        if headers.session is None:
            raise _refused(400, "The header Mcp-Session-Id is missing: call initialize first")
        session = self._sessions.open(headers.session, principal)
        if session is None:
            raise _refused(404, "Unknown or expired session: call initialize again")
        return Facts(
            transport="http",
            principal=principal,
            version=session.version,
            capabilities=session.capabilities,
            client=session.client,
            session_id=session.id,
            traceparent=said.traceparent if said is not None else None,
            peer=peer,
            origin=origin,
            said=said,
        )


def _refused(status: int, message: str) -> McpError:
    return McpError(INVALID_REQUEST, message, status=status)
