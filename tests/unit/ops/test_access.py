"""Events of requests: what observers see is what any logger gives them."""

from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    LogPublisher,
    capturedLogs,
)

from snowflake_mcp.ops.access import AccessLogger, is_access

PLACE = "snowflake_mcp.transports.site"


def test_the_same_event() -> None:
    """As from the logger it stands for, key by key and in the same order but for the time."""
    seen: list[dict[str, Any]] = []
    observer: Any = seen.append
    usual_log = Logger(PLACE, observer=observer)
    access_log = AccessLogger(PLACE, observer=observer)
    usual_log.info("{a} {b}", a=1, b="two")
    access_log.tell("{a} {b}", {"a": 1, "b": "two"})
    usual, ours = seen
    assert list(ours) == list(usual)
    assert ours.pop("log_time") - usual.pop("log_time") < 5
    assert [each.pop("log_logger") for each in (usual, ours)] == [usual_log, access_log]
    assert ours == usual


def test_it_is_published_to_all() -> None:
    """Under the name of the module; observers that come later and filters see it, too."""
    filtered: list[Any] = []
    levels = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    observer: Any = filtered.append
    log = AccessLogger(observer=LogPublisher(FilteringLogObserver(observer, [levels])))
    log.tell("too low", {})
    assert filtered == []
    with capturedLogs() as events:
        AccessLogger().tell("hello", {})
    assert [event["log_namespace"] for event in events] == [__name__]


def test_what_is_a_line_of_a_request() -> None:
    """What went well or was refused; not what broke, and nothing of anybody else."""
    place = {"log_namespace": PLACE}
    assert is_access({**place, "log_level": LogLevel.info})
    assert not is_access({**place, "log_level": LogLevel.warn})
    assert not is_access({"log_namespace": "snowflake_mcp.services", "log_level": LogLevel.info})
    assert not is_access({})
