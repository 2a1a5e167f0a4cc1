"""The units and the installer under a real systemd, in a container; a command, not a test."""
