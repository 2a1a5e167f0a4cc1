"""Rates: who is refused, what is said, what is charged, and for whom."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from twisted.internet.task import Clock

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Config, PrincipalSettings, RateSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.pipeline import rates as module
from snowflake_mcp.pipeline.rates import Rates
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.protocol.tooling import ToolResult
from tests.support.kernels import Rig, with_envelope

DEMO = load(Flags(), {})
ANN = Principal("ann", "ann")


def configured(own: RateSettings, **tables: RateSettings) -> Config:
    principals = {name: PrincipalSettings(name, rates=each) for name, each in tables.items()}
    return replace(DEMO, rates=own, principals=principals)


class Limited:
    """A kernel behind rates, and what a client hears of it."""

    def __init__(self, own: RateSettings, **tables: RateSettings) -> None:
        self.metrics = Metrics()
        self.profiles = Profiles(configured(own, **tables))
        self.now = Clock()
        self.rates = Rates(self.now, self.profiles, self.metrics)
        self.rig = Rig(self.rates.layer)

    def ask(
        self,
        method: str = "tools/call",
        principal: Principal = LOCAL,
        version: str = "2026-07-28",
        **params: Any,
    ) -> tuple[dict[str, Any], Any]:
        """The answer, and the reply that carries it."""
        if method == "tools/call":
            params = {"name": "echo", "arguments": {}, **params}
        facts = Facts("websocket", principal, version)
        sent = with_envelope(**params) if version == "2026-07-28" else params
        call = self.rig.kernel.start(Request(1, method, sent), facts, lambda _: None)
        reply = call.reply.result
        assert isinstance(reply, Reply)
        return msgspec.json.decode(bytes(reply.body)), reply

    def answering(self, result: ToolResult) -> None:
        """From now on every tool answers this."""

        async def call(*_: Any) -> ToolResult:
            return result

        setattr(self.rig.toolbox, "call", call)  # noqa: B010 - mypy would not have it assigned

    def hit(self) -> dict[str, float]:
        """Limits that were hit, by name."""
        for sample in self.metrics.samples():
            if sample.family.name == "limits_hit":
                return {labels[0]: float(str(n)) for labels, n in sample.values.items()}
        return {}


def refused(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The failure of a tool call, if it failed."""
    found: dict[str, Any] | None = answer["result"].get("_meta", {}).get("snowflake-mcp/failure")
    return found


def test_a_tool_call_too_fast_is_a_tool_error() -> None:
    """D-01: the model reads what the limit is and how long to wait, and then it goes on."""
    limited = Limited(RateSettings(requests_per_s=0.5, burst_requests=2))
    assert [refused(limited.ask()[0]) for _ in range(2)] == [None, None]
    answer, reply = limited.ask()
    assert (reply.status, answer["result"]["isError"]) == (200, True)
    assert answer["result"]["content"][0]["text"] == (
        "Too fast: you may have 0.5 requests a second.\n"
        "Wait 2 s and call again; send fewer calls at once."
    )
    assert refused(answer) == {
        "family": "limit",
        "retryable": True,
        "limit": "requests",
        "retry_after_s": 2,
    }
    assert "snowflake-mcp/request-id" in answer["result"]["_meta"]
    assert limited.hit() == {"rate_requests": 1}
    limited.now.advance(2.0)
    assert refused(limited.ask()[0]) is None


@pytest.mark.parametrize(
    ("version", "status", "retry_after_s"),
    [("2026-07-28", 429, 1), ("2025-11-25", 200, None)],
)
def test_any_other_request_too_fast_is_an_error(
    version: str, status: int, retry_after_s: int | None
) -> None:
    """For the program: code 429, and over HTTP the status where the revision has one."""
    limited = Limited(RateSettings(requests_per_s=1, burst_requests=1))
    limited.ask("tools/list", version=version)
    answer, reply = limited.ask("tools/list", version=version)
    assert answer["error"] == {
        "code": 429,
        "message": "Too fast: you may have 1 requests a second. Wait 1 s.",
        "data": {"limit": "requests", "retryAfterSeconds": 1},
    }
    assert (reply.status, reply.retry_after_s) == (status, retry_after_s)


def test_who_may_not_go_on_may_still_stop() -> None:
    """A cancel is never refused, nor a sign of life."""
    limited = Limited(RateSettings(requests_per_s=0.001, burst_requests=1))
    limited.ask()
    assert refused(limited.ask()[0]) is not None
    assert limited.ask("ping", version="2025-11-25")[0]["result"] == {}
    # The scripted toolbox does not know this tool, but it was asked.
    assert limited.ask(name="cancel_query")[0]["error"]["code"] == -32602


def test_principals_have_buckets_of_their_own() -> None:
    """One that is refused takes nothing from another, nor from callers of the same table."""
    limited = Limited(
        RateSettings(), ann=RateSettings(requests_per_s=1, burst_requests=1), bob=RateSettings()
    )
    mail, crawler = Principal("ann/mail", "ann"), Principal("ann/crawler", "ann")
    assert [refused(limited.ask(principal=each)[0]) for each in (mail, crawler)] == [None, None]
    assert refused(limited.ask(principal=mail)[0]) is not None
    for other in (Principal("bob", "bob"), LOCAL):
        assert refused(limited.ask(principal=other)[0]) is None


def test_a_total_is_shared_by_all() -> None:
    """It is said that others have part in it, and what was refused is not counted twice."""
    limited = Limited(
        RateSettings(total_requests_per_s=1, total_burst_requests=2),
        ann=RateSettings(requests_per_s=1, burst_requests=1),
    )
    limited.ask(principal=ANN)
    assert refused(limited.ask(principal=ANN)[0]) is not None
    assert refused(limited.ask()[0]) is None
    answer, _ = limited.ask()
    assert "all callers together may have 1 requests" in answer["result"]["content"][0]["text"]


def test_answers_are_charged_when_they_are_known() -> None:
    """The one that goes beyond is given whole; the next waits until it is paid for."""
    limited = Limited(RateSettings(rows_per_min=60))
    rows = ToolResult("x", {"row_count": 90, "rows": msgspec.Raw(b"[1]")})

    limited.answering(rows)
    assert refused(limited.ask()[0]) is None
    failure = refused(limited.ask()[0])
    assert failure is not None
    assert (failure["limit"], failure["retry_after_s"]) == ("rows", 30)
    # Methods that give no data go on.
    assert "result" in limited.ask("tools/list")[0]
    limited.now.advance(30.0)
    assert refused(limited.ask()[0]) is None


def test_bytes_are_those_of_the_text_and_of_the_encoded_parts() -> None:
    """What a worker thread has made, in both forms of the answer."""
    limited = Limited(RateSettings(bytes_per_min=60))
    parts = {"row_count": 1, "columns": msgspec.Raw(b"[" + b"1" * 30 + b"]"), "query_id": "01"}
    limited.answering(ToolResult(msgspec.Raw(b'"' + b"x" * 48 + b'"'), parts))
    limited.ask()
    failure = refused(limited.ask()[0])
    assert failure is not None
    # 50 and 32 bytes, of 60 a minute.
    assert (failure["limit"], failure["retry_after_s"]) == ("bytes", 22)


def test_what_is_put_aside_counts_like_what_is_given() -> None:
    """An export is an answer that is fetched another way."""
    limited = Limited(RateSettings(bytes_per_min=60))
    limited.answering(ToolResult("", {"row_count": 1}, spooled_bytes=90))
    limited.ask()
    failure = refused(limited.ask()[0])
    assert failure is not None
    assert (failure["limit"], failure["retry_after_s"]) == ("bytes", 30)


def test_statements_are_counted_as_they_begin() -> None:
    """The warehouse asks by name; names that no request brought are the server's own work."""
    limited = Limited(RateSettings(statements_per_min=2))
    limited.ask(principal=ANN)
    limited.rates.start("ann")
    limited.rates.start("ann")
    with pytest.raises(ToolFailure) as caught:
        limited.rates.start("ann")
    assert caught.value.family is Family.LIMIT
    assert caught.value.details == {"limit": "statements", "retry_after_s": 30}
    for _ in range(5):
        limited.rates.start("nobody known")
    limited.now.advance(30.0)
    limited.rates.start("ann")


def test_the_share_of_the_lane_is_the_tables() -> None:
    """As the settings are now; a table that a reload took away leaves the server's own."""
    limited = Limited(RateSettings(max_statements=9), ann=RateSettings(max_statements=3))
    assert limited.rates.lane_share("ann") == (0, 0)
    limited.ask(principal=ANN)
    assert limited.rates.lane_share("ann") == (3, 0)
    limited.profiles.take(configured(RateSettings(max_statements=8, max_waiting=4)))
    assert limited.rates.lane_share("ann") == (8, 4)


def test_a_caller_of_another_table_has_its_rates() -> None:
    """From the next request on, though nothing was reloaded."""
    strict = RateSettings(requests_per_s=1, burst_requests=1)
    limited = Limited(RateSettings(), ann=strict)
    assert [refused(limited.ask(principal=Principal("x"))[0]) for _ in range(3)] == [None] * 3
    limited.ask(principal=Principal("x", "ann"))
    assert refused(limited.ask(principal=Principal("x", "ann"))[0]) is not None


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many principals come; the one seen longest ago begins with full ones."""
    monkeypatch.setattr(module, "_MOST", 2)
    limited = Limited(RateSettings(requests_per_s=0.001, burst_requests=1))

    def may(name: str) -> bool:
        return refused(limited.ask(principal=Principal(name))[0]) is None

    assert [may("a"), may("b"), may("a")] == [True, True, False]
    assert may("c")
    assert [may("a"), may("b")] == [False, True]


@pytest.mark.parametrize("name", [[], {}, None, 7])
def test_a_name_that_is_none_is_the_client_s_fault(name: Any) -> None:
    """Whatever stands for it: -32602, never an internal error."""
    answer, _ = Limited(RateSettings()).ask(name=name)
    assert answer["error"]["code"] == -32602


def test_a_reload_brings_other_rates_at_once() -> None:
    """To whoever was there before, for the table and for all together; and takes them away."""
    limited = Limited(RateSettings())
    assert all("isError" not in limited.ask()[0]["result"] for _ in range(5))
    for strict in (
        RateSettings(requests_per_s=1, burst_requests=1),
        RateSettings(total_requests_per_s=1, total_burst_requests=1),
    ):
        limited.profiles.take(configured(strict))
        limited.now.advance(10)
        assert "isError" not in limited.ask()[0]["result"]
        assert limited.ask()[0]["result"]["isError"]
        limited.profiles.take(configured(RateSettings()))
        assert "isError" not in limited.ask()[0]["result"]
