"""The command over standard streams."""

import os
import sys

import pytest

from snowflake_mcp.parts import _give_streams_to_the_protocol


def test_what_libraries_print_does_not_meet_the_messages(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prints go to standard error, questions get no answer; the descriptors are left alone."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    _give_streams_to_the_protocol()
    sys.stdout.write("Initiating login request with your identity provider.\n")
    with pytest.raises(EOFError):
        input("Enter the URL: ")
    os.write(1, b"{}\n")
    shown = capfd.readouterr()
    assert shown.out == "{}\n"
    assert "identity provider" in shown.err
