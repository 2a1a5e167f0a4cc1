"""One event becomes one line, whatever is in it."""

import json
from enum import IntEnum
from typing import Any

import pytest
from twisted.logger import Logger, LogLevel
from twisted.python import log as legacy  # noqa: TID251 - libraries still use it

from snowflake_mcp.config.secrets import Secret
from snowflake_mcp.ops import lines, shapes

MOMENT = 1_767_225_600.123
ATTACK = 'x\n{"level":"info"}\r\x1b[2J\u2028\u202e'


def json_line(event: dict[str, Any]) -> bytes | None:
    return lines.json_line(event, shapes.shape_of(event))


def text_line(event: dict[str, Any]) -> bytes | None:
    return lines.text_line(event, shapes.shape_of(event))


def event(message: str = "hello", **keys: Any) -> dict[str, Any]:
    return {
        "log_time": MOMENT,
        "log_level": LogLevel.warn,
        "log_namespace": "here",
        "log_format": message,
        **keys,
    }


def as_json(message: str = "hello", **keys: Any) -> dict[str, Any]:
    line = json_line(event(message, **keys))
    assert line is not None
    assert line.count(b"\n") == 1
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def as_text(message: str = "hello", **keys: Any) -> str:
    line = text_line(event(message, **keys))
    assert line is not None
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    return line.decode().rstrip("\n")


def test_the_parts_of_a_line() -> None:
    """Time in UTC, level, logger, message; in JSON the event's own keys, too."""
    assert as_text("hello {who}", who="you") == "2026-01-01T00:00:00.123Z warn     here hello you"
    assert as_json("hello {who}", who="you", request_id="r-1", elapsed_ms=12, ok=True) == {
        "time": "2026-01-01T00:00:00.123Z",
        "level": "warn",
        "logger": "here",
        "message": "hello you",
        "who": "you",
        "request_id": "r-1",
        "elapsed_ms": 12,
        "ok": True,
    }


def test_keys_that_are_left_out() -> None:
    """What is absent, what is only a piece of the message, what is no simple value."""
    line = as_json(query_id=None, tool_part=" x", log_trace="t", peer=object(), time="forged")
    assert line.keys() == {"time", "level", "logger", "message"}
    assert line["time"].startswith("2026")


def test_numbers_that_json_readers_lose() -> None:
    """Too large is a text; no number is null."""
    line = as_json(large=1 << 70, negative=-(1 << 70), nan=float("nan"))
    assert (line["large"], line["negative"]) == (str(1 << 70), str(-(1 << 70)))
    assert line["nan"] is None
    assert as_json(small=1, negative=-(1 << 70))["negative"] == str(-(1 << 70))


def test_secrets_by_name_by_type_and_by_form() -> None:
    """Neither the message nor a key shows them."""
    keys = {"password": "hunter2", "held": Secret("hunter2"), "note": "token=hunter2"}
    message = "{password} {held} {note} {held!r} Authorization: Bearer hunter2"
    assert "hunter2" not in json.dumps(as_json(message, **keys))
    assert "hunter2" not in as_text(message, **keys)
    assert as_json(message, **keys)["password"] == "***"


def test_a_client_cannot_forge_a_line() -> None:
    """Line breaks, escapes and marks that reorder text are shown, not obeyed."""
    line = as_json("{method}", method=ATTACK)
    assert not set(line["message"]) & set(ATTACK[1:2] + "\r\x1b\u2028\u202e")
    shown = as_text("{method}", method=ATTACK, log_namespace=ATTACK)
    assert shown.isprintable()
    assert "\\n" in shown


def test_a_failure() -> None:
    """Type, value and traceback; as text all on the same line."""
    seen: list[dict[str, Any]] = []
    try:
        raise ValueError("password=hunter2\nsecond line")
    except ValueError:
        Logger(namespace="here", observer=seen.append).failure("it failed")  # type: ignore[arg-type]
    line = json_line(seen[0])
    assert line is not None
    assert line.count(b"\n") == 1
    error = json.loads(line)["error"]
    assert error["type"] == "ValueError"
    assert error["value"] == "password=***\\nsecond line"
    assert "test_lines.py" in error["traceback"]
    assert b"hunter2" not in line
    shown = text_line(seen[0])
    assert shown is not None
    assert shown.count(b"\n") == 1
    assert b"it failed | ValueError: password=***" in shown
    assert b"hunter2" not in shown


def test_bounds() -> None:
    """A long value does not make a long line."""
    line = as_json("{text_}", text_="x" * 1_000_000, other="y" * 1_000_000)
    assert len(json.dumps(line)) < 20_000


def test_an_event_that_says_nothing() -> None:
    """It leaves no line."""
    assert json_line({"log_level": LogLevel.info}) is None
    assert text_line({"log_level": LogLevel.info}) is None


def test_events_of_the_older_logging() -> None:
    """Their text is the message, and their odd keys stay out."""
    seen: list[dict[str, Any]] = []
    legacy.addObserver(seen.append)
    try:
        legacy.msg("an old line", system="s")
    finally:
        legacy.removeObserver(seen.append)
    line = json_line(seen[0])
    assert line is not None
    parsed = json.loads(line)
    assert parsed["message"] == "an old line"
    assert parsed.keys() == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("message", ["{missing}", "{", "{x.__nothing__}"])
def test_a_message_that_cannot_be_formatted(message: str) -> None:
    """It becomes a line all the same."""
    assert as_json(message, x=1)["message"]


def test_times_are_cut_to_the_millisecond() -> None:
    """Never into the next one, and the last microsecond of a second is not the next second's."""
    for moment, shown in (
        (1_700_000_000.0, "20.000Z"),
        (1_700_000_000.9994, "20.999Z"),
        (1_700_000_000.9999999, "21.000Z"),
        (0.0015, "00.001Z"),
    ):
        line = text_line({"log_time": moment, "log_format": "x"})
        assert line is not None
        assert line.split(b" ")[0].endswith(shown.encode())


class Kind(IntEnum):
    """A number that is written as it likes."""

    ONE = 1

    def __format__(self, _spec: str) -> str:
        """Not what ``str`` says."""
        return "the first"


def own(message: str, **keys: Any) -> dict[str, Any]:
    """The line of an event of our own code, whose shape is remembered."""
    return as_json(message, **keys, log_namespace="snowflake_mcp.here")


@pytest.mark.parametrize(
    ("message", "keys", "shown"),
    [
        ("100% of {x}, {{y}}, {x}%s", {"x": 3}, "100% of 3, {y}, 3%s"),
        ("{x} {y}", {"x": None, "y": True}, "None True"),
        ("{x:.3f} s", {"x": 0.00049}, "0.000 s"),
        ("{x:.3f} s", {"x": 2}, "2.000 s"),
        ("{x:>4}|{y!r}|{y[0]}", {"x": 7, "y": "ab"}, "   7|'ab'|a"),
        ("{x()}", {"x": lambda: "called"}, "called"),
        ("{x}", {"x": (1, 2)}, "(1, 2)"),
        ("{x}", {"x": Kind.ONE}, format(Kind.ONE)),
        ("only words", {}, "only words"),
        ("{password} of {x}", {"password": None, "x": "me"}, "*** of me"),
    ],
)
def test_sentences(message: str, keys: dict[str, Any], shown: str) -> None:
    """Formats mean what they mean to Twisted, the second time as the first."""
    assert [own(message, **keys)["message"] for _ in range(2)] == [shown] * 2
    assert as_text(message, **keys, log_namespace="snowflake_mcp.here").endswith(f" {shown}")


def test_the_same_place_with_other_values() -> None:
    """What is remembered of an event holds for those with the same keys and types only."""
    for keys, shown in (
        ({"x": "a"}, {"x": "a"}),
        ({"x": 1}, {"x": 1}),
        ({"x": None}, {}),
        ({"x": 1 << 60}, {"x": str(1 << 60)}),
        ({"x": 1, "y": "b"}, {"x": 1, "y": "b"}),
        ({"x": 1, "z": "b"}, {"x": 1}),
        ({"y": 0.5, "x": "c"}, {"x": "c", "y": 0.5}),
        ({"x": "a"}, {"x": "a"}),
    ):
        line = own("{x}", **keys)
        assert line.pop("message") == str(keys["x"])
        assert {name: line[name] for name in line.keys() & {"x", "y"}} == shown


@pytest.mark.parametrize("said", ["token=hunter2", "Bearer Hunter2Hunter2", "PASSWORD: hunter2!"])
@pytest.mark.parametrize("message", ["{said}", "{other}", "{said!r:>80}", "{said} {other}"])
def test_a_secret_in_any_value(message: str, said: str) -> None:
    """Whether the message has it as it is, changed or not at all."""
    for _ in range(2):
        assert own(message, said="harmless", other=5)["said"] == "harmless"
        line = own(message, said=said, other=5)
        assert "hunter2" not in json.dumps(line).lower()
        assert "***" in line["said"]


def test_a_secret_that_only_the_message_makes() -> None:
    """Pieces that are harmless alone."""
    line = own("{x}{y}", x="pass", y="word=hunter2 x", z="fine")
    assert (line["message"], line["z"]) == ("password=*** x", "fine")


@pytest.mark.parametrize("message", ["{x}", "{y}"])
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\x7fb", "a\\x7fb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u00adb", "a\u00adb"),
        ("pa\u017fsword=hunter2", "pa\u017fsword=***"),
        ("Grüße", "Grüße"),
    ],
)
def test_characters_beside_words(message: str, said: str, shown: str) -> None:
    """Controls, marks and letters that only look like ours, in the message and beside it."""
    assert own(message, x=said, y=1)["x"] == shown


def test_a_secret_of_any_type() -> None:
    """Its key is shown, its value never, not even that there is none."""
    for held in (None, 5, object(), "hunter2", b"hunter2"):
        assert own("{x}", token=held, x=1)["token"] == "***"


def test_long_values_are_cut_wherever_they_are() -> None:
    """In the message and beside it."""
    line = own("{x}", x="x" * 3_000, y="y" * 3_000, z=1)
    assert [len(line[name]) for name in ("message", "x", "y")] == [3_000, 2_049, 2_049]


def test_what_is_remembered_is_bounded() -> None:
    """And formats of others, which may be texts that were put together, never are."""
    before = set(shapes._kept)
    as_json("a library says hunter2")
    assert set(shapes._kept) == before
    for number in range(shapes._MAX_KEPT + 10):
        own(f"{number}")
    assert len(shapes._kept) <= shapes._MAX_KEPT


def test_a_secret_is_found_behind_what_was_harmless() -> None:
    """What is known of a place is not what its values hold."""
    for _ in range(2):
        for said, shown in (("x=1", "x=1"), ("password=1", "password=***"), ("a\nb", "a\\nb")):
            line = text_line({"log_format": "{said}", "said": said})
            assert line is not None
            assert line.endswith(f" {shown}\n".encode())


def test_the_same_words_of_other_loggers_and_levels() -> None:
    """What is remembered of one is not said of another."""
    said = {"log_format": "{x}", "x": 1}
    for _ in range(2):
        for place in ("snowflake_mcp.here", "snowflake_mcp.there"):
            for level in (LogLevel.info, LogLevel.error):
                event = {**said, "log_namespace": place, "log_level": level}
                line = json.loads(json_line(event) or b"")
                assert (line["logger"], line["level"]) == (place, level.name)
                assert f" {level.name:8} {place} 1\n".encode() in (text_line(event) or b"")
