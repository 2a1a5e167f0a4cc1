"""A caller whose table a reload took away can ask for nothing any more."""

from dataclasses import replace

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PrincipalSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.pipeline.membership import members_only
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL, Principal
from tests.support.kernels import Rig, with_envelope


def test_a_table_that_is_gone_ends_every_method() -> None:
    """On a connection that stayed open, too; callers of other tables go on."""
    config = Config(
        ConnectionSettings("a", Backend.SNOWFLAKE), principals={"ann": PrincipalSettings("ann")}
    )
    profiles = Profiles(config)
    rig = Rig(members_only(profiles))

    def status(principal: Principal, method: str) -> int:
        replies: list[Reply | None] = []
        call = rig.kernel.start(
            Request(1, method, with_envelope(name="echo")),
            Facts("websocket", principal, "2026-07-28"),
            lambda _: None,
        )
        call.reply.addCallback(replies.append)
        assert replies[0] is not None
        return replies[0].status

    ann = Principal("ann/1", "ann")
    for method in ("tools/list", "tools/call", "server/discover"):
        assert status(ann, method) == status(LOCAL, method) == 200
    profiles.take(replace(config, principals={}))
    for method in ("tools/list", "tools/call", "server/discover"):
        assert (status(ann, method), status(LOCAL, method)) == (403, 200)
