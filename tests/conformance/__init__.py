"""Third-party suites that judge the whole server."""
