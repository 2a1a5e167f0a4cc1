"""Buckets: what may be taken when, and what is owed."""

import pytest

from snowflake_mcp.pipeline.buckets import Bucket, Rate

NOW = 1_000_000.0
"""A machine that has been up for days."""


def test_a_burst_and_then_the_rate() -> None:
    """So many at once, then one whenever its time has come."""
    bucket, rate = Bucket(), Rate(per_s=2.0, burst=3)
    for _ in range(3):
        assert bucket.wait_s(NOW, rate) == 0
        bucket.take(NOW, rate)
    assert bucket.wait_s(NOW, rate) == pytest.approx(0.5)
    assert bucket.wait_s(NOW + 0.4, rate) == pytest.approx(0.1)
    assert bucket.wait_s(NOW + 0.5, rate) == 0


def test_a_pause_fills_it_up_to_the_burst() -> None:
    """Silence is not saved up beyond it."""
    bucket, rate = Bucket(), Rate(per_s=1.0, burst=2)
    bucket.take(NOW, rate)
    later = NOW + 3_600
    for _ in range(2):
        assert bucket.wait_s(later, rate) == 0
        bucket.take(later, rate)
    assert bucket.wait_s(later, rate) == pytest.approx(1.0)


def test_what_is_taken_beyond_is_owed() -> None:
    """An answer is known only when it is there; whoever has had too much waits for it."""
    bucket, rate = Bucket(), Rate.per_min(600)
    bucket.take(NOW, rate, 600)
    assert bucket.wait_s(NOW, rate, 0) == 0
    bucket.take(NOW, rate, 100)
    assert bucket.wait_s(NOW, rate, 0) == pytest.approx(10.0)
    assert bucket.wait_s(NOW + 10.0, rate, 0) == 0


def test_without_a_rate_nothing_is_counted() -> None:
    """Zero is no limit, and a limit that comes by a reload begins with a full bucket."""
    bucket = Bucket()
    bucket.take(NOW, Rate(0.0, 1), 10**9)
    assert bucket.wait_s(NOW, Rate(0.0, 1)) == 0
    assert bucket.wait_s(NOW, Rate(1.0, 1)) == 0


def test_a_rate_that_changes_counts_from_the_next_question() -> None:
    """What was taken stays taken."""
    bucket = Bucket()
    bucket.take(NOW, Rate(1.0, 1), 10)
    assert bucket.wait_s(NOW, Rate(1.0, 1)) == pytest.approx(10.0)
    assert bucket.wait_s(NOW, Rate(10.0, 200)) == 0
