"""Numbered events: sent once, kept for a while, and sent again to those who missed them."""

from snowflake_mcp.protocol.events import MAX_BYTES, MAX_EVENTS, MAX_STREAMS, StreamSet


class Line:
    """A connection that records."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bytes]] = []
        self.ended = False

    def event(self, event_id: str, message: bytes) -> None:
        self.events.append((event_id, message))

    def end(self) -> None:
        self.ended = True


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
    assert first.events == [("1-1", b"one"), ("1-2", b"two")]
    assert [message for _, message in second.events] == [b"two", b"three", b"four"]
    assert second.ended


def test_a_finished_stream_can_still_be_read() -> None:
    """The answer that came while nobody was connected is not lost."""
    streams, line = StreamSet(), Line()
    stream = streams.open()
    stream.put(b"answer")
    stream.finish()
    found = streams.find("1-0")
    assert found is not None
    found[0].attach(line, found[1])
    assert (line.events, line.ended) == ([("1-1", b"answer")], True)


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
    assert (len(line.events), line.events[0][0]) == (MAX_EVENTS, "1-11")
    line = Line()
    large.attach(line)
    assert len(line.events) == 2
    for _ in range(MAX_STREAMS * 2):
        streams.open().finish()
    assert streams.find(f"{MAX_STREAMS * 2 + 2}-0") is not None
    assert streams.find("3-0") is None
    assert streams.find("1-0") is not None


def test_ids_of_a_client_s_making_are_unknown() -> None:
    """Nothing that is no event id raises."""
    streams = StreamSet()
    for text in ("", "-", "1", "1-", "-1", "9-1", "a-b", "\u0661-1", "1-1-1", "0-" + "9" * 40):
        assert streams.find(text) is None, text
    assert streams.find("0-0") is not None
