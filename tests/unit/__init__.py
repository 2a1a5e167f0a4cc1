"""Fast tests: in memory, injected clock, no network unless a test says so."""
