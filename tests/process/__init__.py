"""The real process: sockets, signals, files, and what is left when it has gone."""
