"""Back-pressure: write or queue, wait, give up in time."""

from twisted.internet.task import Clock

from snowflake_mcp.protocol.pieces import Pieces
from snowflake_mcp.transports.outlet import EXCESS_S, SLICE_BYTES, STALL_S, Outlet


class Sink:
    """A transport that takes what it is given and pauses when told to."""

    def __init__(self, **options: object) -> None:
        self.clock = Clock()
        self.written: list[bytes] = []
        self.aborted: list[str] = []
        self.flow: list[bool] = []
        self.pause_after: int | None = None
        self.outlet = Outlet(
            self._take,
            self.clock,
            self.aborted.append,
            on_flow=self.flow.append,
            **options,  # type: ignore[arg-type]
        )

    def _take(self, data: bytes) -> None:
        self.written.append(data)
        if self.pause_after is not None:
            self.pause_after -= 1
            if self.pause_after <= 0:
                self.outlet.pauseProducing()


def test_what_fits_leaves_at_once() -> None:
    """Without back-pressure writing is sending, and nothing is left to wait for."""
    sink = Sink()
    assert sink.outlet.write(b"a")
    assert sink.written == [b"a"]
    assert sink.outlet.drained().result is True
    assert sink.clock.getDelayedCalls() == []


def test_a_pause_queues_and_a_resume_sends_in_order() -> None:
    """Order is kept over any number of pauses; repeated pauses are one."""
    sink = Sink()
    sink.outlet.pauseProducing()
    sink.outlet.pauseProducing()
    sink.outlet.write(b"a")
    sink.outlet.write(b"b")
    assert sink.written == []
    assert sink.outlet.unsent_bytes == 2
    drained = sink.outlet.drained()
    sink.pause_after = 1
    sink.outlet.resumeProducing()
    assert sink.written == [b"a"]
    assert not drained.called
    sink.pause_after = None
    sink.outlet.resumeProducing()
    assert sink.written == [b"a", b"b"]
    assert drained.result is True
    assert sink.flow == [False, False, True]


def test_large_data_leaves_in_slices() -> None:
    """So that each resume shows progress, however large one piece is."""
    sink = Sink()
    sink.pause_after = 1
    sink.outlet.write(b"x" * (2 * SLICE_BYTES + 1))
    assert [len(piece) for piece in sink.written] == [SLICE_BYTES]
    sink.clock.advance(STALL_S - 1)
    sink.pause_after = 1
    sink.outlet.resumeProducing()
    sink.clock.advance(STALL_S - 1)
    sink.pause_after = None
    sink.outlet.resumeProducing()
    assert sum(map(len, sink.written)) == 2 * SLICE_BYTES + 1
    assert sink.aborted == []


def test_a_message_in_parts_leaves_part_by_part() -> None:
    """Each when its turn comes, cut where it is large; while there are more, that is known."""
    sink = Sink()
    parts = [b"a" * 10, b"b" * (SLICE_BYTES + 1), b"c"]
    sink.pause_after = 1
    assert sink.outlet.write(Pieces(parts))
    seen = [sink.outlet.inside]
    sink.outlet.write(b"d")
    while sink.outlet.unsent_bytes:
        sink.pause_after = 1
        sink.outlet.resumeProducing()
        seen.append(sink.outlet.inside)
    assert sink.written == [parts[0], b"b" * SLICE_BYTES, b"b", b"c", b"d"]
    assert seen == [True, True, True, False, False]


def test_what_has_begun_can_be_sent_at_once() -> None:
    """For what may not come into it: the rest of it goes, what is queued behind it waits."""
    sink = Sink()
    sink.pause_after = 1
    sink.outlet.write(b"x" * (3 * SLICE_BYTES))
    sink.outlet.write(b"y")
    sink.outlet.hurry()
    assert list(map(len, sink.written)) == [SLICE_BYTES] * 3
    assert sink.outlet.unsent_bytes == 1
    sink.outlet.hurry()
    assert len(sink.written) == 3
    sink.outlet.resumeProducing()
    assert sink.written[-1] == b"y"


def test_a_stalled_peer_is_given_up() -> None:
    """No progress for STALL_S: abort once, wake every waiter, keep no timer."""
    sink = Sink()
    sink.outlet.pauseProducing()
    sink.outlet.write(b"a")
    drained = sink.outlet.drained()
    sink.clock.advance(STALL_S)
    assert len(sink.aborted) == 1
    assert drained.result is False
    assert sink.outlet.closed
    assert not sink.outlet.write(b"b")
    assert sink.clock.getDelayedCalls() == []


def test_too_much_unsent_for_too_long_is_given_up() -> None:
    """Over the limit for EXCESS_S: abort; a burst that is taken in time is none."""
    sink = Sink(max_unsent_bytes=10)
    sink.outlet.pauseProducing()
    sink.outlet.write(b"x" * 11)
    sink.clock.advance(EXCESS_S - 1)
    sink.outlet.resumeProducing()
    sink.clock.advance(EXCESS_S)
    assert sink.aborted == []
    sink.outlet.pauseProducing()
    sink.outlet.write(b"x" * 11)
    sink.outlet.write(b"x")
    sink.clock.advance(EXCESS_S)
    assert sink.aborted == ["the peer reads too slowly"]


def test_closing_ends_waits_and_timers() -> None:
    """The connection is gone: waiters learn it, later calls do nothing."""
    sink = Sink(max_unsent_bytes=1)
    sink.outlet.pauseProducing()
    sink.outlet.write(b"xx")
    drained = sink.outlet.drained()
    sink.outlet.stopProducing()
    sink.outlet.close()
    sink.outlet.pauseProducing()
    sink.outlet.resumeProducing()
    assert drained.result is False
    assert sink.clock.getDelayedCalls() == []
    assert sink.outlet.drained().result is False
    assert sink.written == []


def test_a_wait_can_be_cancelled() -> None:
    """Cancelling one waiter leaves the others."""
    sink = Sink()
    sink.outlet.pauseProducing()
    sink.outlet.write(b"a")
    first, second = sink.outlet.drained(), sink.outlet.drained()
    first.addErrback(lambda _failure: None)
    first.cancel()
    sink.outlet.resumeProducing()
    assert second.result is True
    sink.outlet.close()


def test_writing_while_writing_keeps_the_order() -> None:
    """A send that makes its owner write again does not overtake what is queued."""
    written: list[bytes] = []

    def send(data: bytes) -> None:
        written.append(data)
        if data == b"a":
            outlet.write(b"c")

    outlet = Outlet(send, Clock(), lambda _reason: None)
    outlet.pauseProducing()
    outlet.write(b"a")
    outlet.write(b"b")
    outlet.resumeProducing()
    assert written == [b"a", b"b", b"c"]
    outlet.close()


def test_writing_while_writing_at_once_keeps_the_order() -> None:
    """The same where nothing was queued before."""
    written: list[bytes] = []

    def send(data: bytes) -> None:
        if data == b"a":
            outlet.write(b"b")
            outlet.write(b"c")
        written.append(data)

    outlet = Outlet(send, Clock(), lambda _reason: None)
    assert outlet.write(b"a")
    assert written == [b"a", b"b", b"c"]
    assert outlet.unsent_bytes == 0
    outlet.close()


def test_slices_follow_each_other_whatever_comes_between() -> None:
    """Nothing is lost or turned round where data of all sizes is queued, paused and resumed."""
    sink = Sink()
    data = [bytes([65 + at]) * size for at, size in enumerate((3 * SLICE_BYTES, 1, SLICE_BYTES))]
    sink.pause_after = 2
    for piece in data:
        sink.outlet.write(piece)
    whole = b"".join(data)
    while sink.outlet.unsent_bytes:
        assert sink.outlet.unsent_bytes == len(whole) - sum(map(len, sink.written))
        sink.pause_after = 1
        sink.outlet.resumeProducing()
    assert b"".join(sink.written) == whole
    assert max(map(len, sink.written)) == SLICE_BYTES
