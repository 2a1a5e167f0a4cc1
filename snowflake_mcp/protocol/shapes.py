"""What requests look like that fit for certain, so that the SDK's types are seldom needed.

Loading those takes 18 MB and 200 ms, and what clients send nearly always fits. Whatever does not
fit here is for the SDK to judge: these types may be stricter than the SDK's, never laxer, and a
test compares them member by member.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from snowflake_mcp.protocol.eras import HANDSHAKE, STATELESS

__all__ = ["METHODS", "fits"]

_Members = dict[str, Any]
_Levels = Literal["alert", "critical", "debug", "emergency", "error", "info", "notice", "warning"]


class _Shape(msgspec.Struct, rename="camel", gc=False):
    """Members that are not named here are any that the SDK lets be as well."""


class _Icon(_Shape):
    src: str
    mime_type: str | None = None
    sizes: list[str] | None = None
    theme: Literal["light", "dark"] | None = None


class _Implementation(_Shape):
    name: str
    version: str
    title: str | None = None
    description: str | None = None
    website_url: str | None = None
    icons: list[_Icon] | None = None


class _Sampling(_Shape):
    context: _Members | None = None
    tools: _Members | None = None


class _Elicitation(_Shape):
    form: _Members | None = None
    url: _Members | None = None


class _Reference(_Shape, tag_field="type"):
    pass


class _PromptReference(_Reference, tag="ref/prompt"):
    name: str
    title: str | None = None


class _ResourceReference(_Reference, tag="ref/resource"):
    uri: str


class _Argument(_Shape):
    name: str
    value: str


class _Known(_Shape):
    arguments: dict[str, str] | None = None


class _Task(_Shape):
    ttl: int | None = None


class _Roots(_Shape):
    list_changed: bool | None = None


class _TaskSampling(_Shape):
    create_message: _Members | None = None


class _TaskElicitation(_Shape):
    create: _Members | None = None


class _TaskRequests(_Shape):
    sampling: _TaskSampling | None = None
    elicitation: _TaskElicitation | None = None


class _Tasks(_Shape):
    list: _Members | None = None
    cancel: _Members | None = None
    requests: _TaskRequests | None = None


class _Capabilities(_Shape):
    roots: _Roots | None = None
    sampling: _Sampling | None = None
    elicitation: _Elicitation | None = None
    experimental: dict[str, _Members] | None = None
    tasks: _Tasks | None = None


class _Meta(_Shape):
    progress_token: str | int | None = None


class _Params(_Shape, kw_only=True):
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Page(_Params, kw_only=True):
    cursor: str | None = None


class _Initialize(_Params, kw_only=True):
    protocol_version: str
    capabilities: _Capabilities
    client_info: _Implementation


class _Call(_Params, kw_only=True):
    name: str
    arguments: _Members | None = None
    task: _Task | None = None


class _Prompt(_Params, kw_only=True):
    name: str
    arguments: dict[str, str] | None = None


class _Resource(_Params, kw_only=True):
    uri: str


class _Level(_Params, kw_only=True):
    level: _Levels


class _Complete(_Params, kw_only=True):
    ref: _PromptReference | _ResourceReference
    argument: _Argument
    context: _Known | None = None


class _Claims(_Shape):
    """Capabilities, 2026-07-28."""

    roots: _Members | None = None
    sampling: _Sampling | None = None
    elicitation: _Elicitation | None = None
    experimental: dict[str, _Members] | None = None
    extensions: dict[str, _Members] | None = None


class _Envelope(_Meta, kw_only=True):
    """``_meta``, 2026-07-28."""

    version: str = msgspec.field(name="io.modelcontextprotocol/protocolVersion")
    claims: _Claims = msgspec.field(name="io.modelcontextprotocol/clientCapabilities")
    client: _Implementation | None = msgspec.field(
        default=None, name="io.modelcontextprotocol/clientInfo"
    )
    level: _Levels | None = msgspec.field(default=None, name="io.modelcontextprotocol/logLevel")


class _Enveloped(_Shape, kw_only=True):
    meta: _Envelope = msgspec.field(name="_meta")


class _Answer(_Shape):
    """To an elicitation; what else a client may be asked is for the SDK."""

    action: Literal["accept", "cancel", "decline"]
    content: dict[str, list[str] | str | int | float | bool | None] | None = None


class _EnvelopedPage(_Enveloped, kw_only=True):
    cursor: str | None = None


class _Resumable(_Enveloped, kw_only=True):
    """Of a method that may ask the client something."""

    request_state: str | None = None
    input_responses: dict[str, _Answer] | None = None


class _EnvelopedCall(_Resumable, kw_only=True):
    name: str
    arguments: _Members | None = None


class _EnvelopedPrompt(_Resumable, kw_only=True):
    name: str
    arguments: dict[str, str] | None = None


class _EnvelopedResource(_Resumable, kw_only=True):
    uri: str


class _EnvelopedComplete(_Enveloped, kw_only=True):
    ref: _PromptReference | _ResourceReference
    argument: _Argument
    context: _Known | None = None


class _Wanted(_Shape):
    tools_list_changed: bool | None = None
    prompts_list_changed: bool | None = None
    resources_list_changed: bool | None = None
    resource_subscriptions: list[str] | None = None


class _Listen(_Enveloped, kw_only=True):
    notifications: _Wanted


_HANDSHAKE_METHODS: Final[Mapping[str, type[_Shape]]] = {
    "completion/complete": _Complete,
    "initialize": _Initialize,
    "logging/setLevel": _Level,
    "ping": _Params,
    "prompts/get": _Prompt,
    "prompts/list": _Page,
    "resources/list": _Page,
    "resources/read": _Resource,
    "resources/subscribe": _Resource,
    "resources/templates/list": _Page,
    "resources/unsubscribe": _Resource,
    "tools/call": _Call,
    "tools/list": _Page,
}
_STATELESS_METHODS: Final[Mapping[str, type[_Shape]]] = {
    "completion/complete": _EnvelopedComplete,
    "prompts/get": _EnvelopedPrompt,
    "prompts/list": _EnvelopedPage,
    "resources/list": _EnvelopedPage,
    "resources/read": _EnvelopedResource,
    "resources/templates/list": _EnvelopedPage,
    "server/discover": _Enveloped,
    "subscriptions/listen": _Listen,
    "tools/call": _EnvelopedCall,
    "tools/list": _EnvelopedPage,
}
METHODS: Final[Mapping[str, Mapping[str, type[msgspec.Struct]]]] = {
    **dict.fromkeys(HANDSHAKE, _HANDSHAKE_METHODS),
    **dict.fromkeys(STATELESS, _STATELESS_METHODS),
}
"""By revision and name, what the params of a request are; the extensions' methods are not there."""


def fits(method: str, version: str, params: dict[str, Any]) -> bool:
    """Whether the params fit for certain; if not, the SDK's types have to look.

    Raises:
        KeyError: the revision has no such method.
    """
    try:
        msgspec.convert(params, METHODS[version][method])
    except msgspec.ValidationError:
        return False
    return True
