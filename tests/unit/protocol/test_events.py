"""Numbered events: sent once, kept for a while, and sent again to those who missed them."""

from snowflake_mcp.protocol.events import MAX_BYTES, MAX_EVENTS, MAX_STREAMS, StreamSet
from snowflake_mcp.protocol.pieces import Body


class Line:
    """A connection that records."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Body]] = []
        self.ended = False

    def event(self, event_id: str, message: Body) -> None:
        self.events.append((event_id, message))

    def end(self) -> None:
        self.ended = True


def name_of(streams: StreamSet) -> str:
    """What the event ids of these streams begin with."""
    return streams.standalone.prime().partition("-")[0]


def test_a_lost_stream_goes_on_after_the_last_event() -> None:
    """Exactly what was missed is sent, in order, then what follows, then the end."""
    streams, first, second = StreamSet(), Line(), Line()
    stream = streams.open()
    stream.attach(first)
    stream.put(b"one")
    stream.put(b"two")
    stream.detach(first)
    stream.put(b"three")
    found = streams.find(first.events[0][0])
    assert found is not None
    found[0].attach(second, found[1])
    stream.put(b"four")
    stream.finish()
    name = name_of(streams)
    assert first.events == [(f"{name}-1-1", b"one"), (f"{name}-1-2", b"two")]
    assert [message for _, message in second.events] == [b"two", b"three", b"four"]
    assert second.ended


def test_a_finished_stream_can_still_be_read() -> None:
    """The answer that came while nobody was connected is not lost."""
    streams, line = StreamSet(), Line()
    stream = streams.open()
    stream.put(b"answer")
    stream.finish()
    found = streams.find(f"{name_of(streams)}-1-0")
    assert found is not None
    found[0].attach(line, found[1])
    assert ([message for _, message in line.events], line.ended) == ([b"answer"], True)


def test_what_was_sent_is_not_sent_again() -> None:
    """Who opens the stream anew hears what is new; the priming id says where that begins."""
    stream, first, second = StreamSet().standalone, Line(), Line()
    stream.attach(first)
    stream.put(b"one")
    stream.detach(first)
    stream.put(b"two")
    assert stream.prime() == first.events[-1][0]
    assert stream.prime(0) != stream.prime()
    stream.attach(second)
    assert [message for _, message in second.events] == [b"two"]


def test_streams_of_another_process_are_unknown() -> None:
    """Or of another session: a number alone names nothing."""
    assert StreamSet().find(StreamSet().standalone.prime()) is None


def test_an_event_goes_to_one_connection_only() -> None:
    """A second connection takes the stream over."""
    streams, first, second = StreamSet(), Line(), Line()
    streams.standalone.attach(first)
    streams.standalone.attach(second)
    streams.standalone.put(b"x")
    assert (first.events, first.ended, len(second.events)) == ([], True, 1)


def test_what_is_kept_is_bounded() -> None:
    """In number, in bytes, and in finished streams."""
    streams = StreamSet()
    many, large = streams.open(), streams.open()
    for _ in range(MAX_EVENTS + 10):
        many.put(b"x")
    for _ in range(3):
        large.put(b"x" * (MAX_BYTES // 2))
    line = Line()
    many.attach(line)
    name = name_of(streams)
    assert (len(line.events), line.events[0][0]) == (MAX_EVENTS, f"{name}-1-11")
    line = Line()
    large.attach(line)
    assert len(line.events) == 2
    for _ in range(MAX_STREAMS * 2):
        streams.open().finish()
    assert streams.find(f"{name}-{MAX_STREAMS * 2 + 2}-0") is not None
    assert streams.find(f"{name}-3-0") is None
    assert streams.find(f"{name}-1-0") is not None


def test_ids_of_a_client_s_making_are_unknown() -> None:
    """Nothing that is no event id raises."""
    streams = StreamSet()
    name = name_of(streams)
    for text in ("1", "1-", "-1", "9-1", "a-b", "\u0661-1", "1-1-1", "0-" + "9" * 40):
        assert streams.find(f"{name}-{text}") is None, text
    for text in ("", "-", "--", "0-0", f"{name}-", name, f"x{name}-0-0"):
        assert streams.find(text) is None, text
    assert streams.find(f"{name}-0-0") is not None
