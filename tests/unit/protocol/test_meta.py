"""What ``_meta`` says is read once, and never for somebody who says something else."""

from typing import Any

import pytest

from snowflake_mcp.protocol import meta as module
from snowflake_mcp.protocol.meta import Meta, said_by
from tests.support.kernels import ENVELOPE

TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
LEVEL_KEY = "io.modelcontextprotocol/logLevel"


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kept", {})


def read(**changes: Any) -> Meta:
    return said_by({"_meta": {**ENVELOPE, **changes}}).meta


def test_who_says_the_same_is_read_once() -> None:
    """Also with tokens and trace contexts of its own, which each request keeps."""
    first = said_by({"_meta": dict(ENVELOPE)})
    assert said_by({"_meta": dict(ENVELOPE), "name": "x"}) is first
    other = said_by({"_meta": {**ENVELOPE, "progressToken": 7, "traceparent": TRACE}})
    assert other.meta is first.meta
    assert (other.progress_token, other.traceparent) == (7, TRACE)
    assert (first.progress_token, first.traceparent) == (None, None)
    assert (first.meta.version, first.meta.client, first.meta.problem) == (
        "2026-07-28",
        "tester/1",
        "",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"x.y/z": 1},
        {CAPABILITIES_KEY: {"roots": {}}},
        {LEVEL_KEY: "debug"},
        {"progressToken": [7]},
        {"traceparent": 1},
    ],
)
def test_who_says_something_else_is_another(changes: dict[str, Any]) -> None:
    """Whatever it is; what is of a wrong type is not taken away."""
    assert read(**changes) is not read()
    assert read().capabilities == {}


def test_a_wrong_value_is_as_if_it_were_not_there() -> None:
    """Of a token, a trace context, a level: none of them reaches a log line or a notification."""
    said = said_by({"_meta": {"progressToken": True, "traceparent": "00-x", LEVEL_KEY: ["debug"]}})
    assert (said.progress_token, said.traceparent, said.meta.log_level) == (None, None, None)
    assert said_by({"_meta": {"traceparent": TRACE, "progressToken": 1.5}}).traceparent == TRACE
    assert read(**{LEVEL_KEY: "info"}).log_level == "info"


@pytest.mark.parametrize("params", [None, {}, {"_meta": None}, {"_meta": [1]}, {"_meta": {}}])
def test_nothing_said_claims_nothing(params: dict[str, Any] | None) -> None:
    """It is no stateless envelope, and says why."""
    meta = said_by(params).meta
    assert (meta.claimed, meta.version, meta.client) == (False, "", "")
    assert meta.problem.startswith("params._meta")
