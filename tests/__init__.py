"""Tests: fast ones in memory, a process layer, and third-party clients."""
