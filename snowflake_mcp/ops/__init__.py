"""L0: what operators see and do: ordered stop, process facts, counters."""
