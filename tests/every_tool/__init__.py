"""Every tool over every way to the server, from one table."""
