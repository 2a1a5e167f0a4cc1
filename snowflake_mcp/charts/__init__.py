"""Pictures of results, drawn by a child process."""
