"""A day of statements in minutes, with faults, and afterwards a look at what is left over."""
