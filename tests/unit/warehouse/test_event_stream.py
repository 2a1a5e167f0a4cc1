"""Server-sent events: whole whatever the pieces are in which they come."""

import pytest

from snowflake_mcp.warehouse.event_stream import Event, EventStream

STREAM = (
    "event: a\ndata: 1\n\n: a comment\nid: 7\nretry: 1\n\n"
    "data: two\ndata:  lines\r\n\r\nevent: é\r\ndata: ü\r\n\r\nevent: none\n\ndata\n\n"
    "event: cut\ndata: off"
).encode()
WANTED = [Event("a", "1"), Event("message", "two\n lines"), Event("é", "ü"), Event("message", "")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_events_do_not_depend_on_the_pieces(size: int) -> None:
    """Neither do line ends, nor characters of several bytes; what the end cuts off is none."""
    stream = EventStream()
    found: list[Event] = []
    for at in range(0, len(STREAM), size):
        found += stream.feed(STREAM[at : at + size])
    assert found == WANTED


def test_a_name_is_of_one_event_alone() -> None:
    """The next one has its own, or none."""
    events = list(EventStream().feed(b"event: a\n\ndata: x\n\n"))
    assert events == [Event("message", "x")]
